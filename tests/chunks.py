"""Chunks for tests: floats encoded in the plainest way that is valid, and batches made of them."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from proxy.codec._pb.types_pb2 import Label, TimeSeries
from proxy.model.chunks import XOR, ChunkBatch, Chunks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FloatSample = tuple[int, float]
ChunkOf = tuple[int, int, int, bytes]
"""Kind, first and last time, payload."""

_MASK_64 = (1 << 64) - 1


def labels_of(**labels: str) -> bytes:
    """A label set as batches hold it; `name` stands for `__name__`."""
    named = {"__name__" if name == "name" else name: value for name, value in labels.items()}
    series = TimeSeries(labels=[Label(name=name, value=named[name]) for name in sorted(named)])
    return series.SerializeToString()


def xor_chunk(samples: Sequence[FloatSample]) -> ChunkOf:
    """All times and values after the first with 64 bits each; see Prometheus's tsdb/chunkenc/xor.go."""
    return XOR, samples[0][0], samples[-1][0], xor_payload(samples)


def xor_payload(samples: Sequence[FloatSample]) -> bytes:
    head = struct.pack(">H", len(samples)) + _varint(samples[0][0]) + _double(samples[0][1])
    bits, last_step = "", None
    for before, after in pairwise(samples):
        step = after[0] - before[0]
        if last_step is None:
            bits += "".join(f"{byte:08b}" for byte in _uvarint(step))
        else:
            bits += f"1111{(step - last_step) & _MASK_64:064b}"
        last_step = step
        changed = int.from_bytes(_double(before[1])) ^ int.from_bytes(_double(after[1]))
        bits += f"11{0:05b}{0:06b}{changed:064b}" if changed else "0"
    bits += "0" * (-len(bits) % 8)
    return head + int(bits or "0", 2).to_bytes(len(bits) // 8)


def batch_of(series: Mapping[bytes, Sequence[ChunkOf]]) -> ChunkBatch:
    """The series in the order in which they are given."""
    chunks = [chunk for of_series in series.values() for chunk in of_series]
    kinds, firsts, lasts, payloads = zip(*chunks, strict=True) if chunks else ((), (), (), ())
    return ChunkBatch(
        tuple(series),
        np.cumsum([len(of_series) for of_series in series.values()], dtype=np.int64),
        Chunks(
            b"".join(payloads),
            np.cumsum([len(payload) for payload in payloads], dtype=np.int64),
            np.array(kinds, np.uint8),
            np.array(firsts, np.int64),
            np.array(lasts, np.int64),
        ),
    )


def _double(value: float) -> bytes:
    return struct.pack(">d", value)


def _varint(value: int) -> bytes:
    return _uvarint(value << 1 ^ value >> 63)


def _uvarint(value: int) -> bytes:
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))
