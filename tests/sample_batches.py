"""Batches of samples for tests: built from plain lists, read back into them, checked for their shape.

Payloads are written and read by a coder of its own, bit by bit as Prometheus describes them
(`tsdb/chunkenc/xor.go`), so that tests do not believe the codec that they test.
"""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING

import numpy as np

from proxy.codec._pb import types_pb2
from proxy.model.chunks import XOR, ChunkBatch, Chunks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Samples = list[tuple[int, float]]
"""Times (ms) and values of one series."""

STALE = struct.unpack(">d", bytes.fromhex("7ff0000000000002"))[0]
"""Prometheus's stale marker (`value.StaleNaN`)."""

_MARKED_SIZES = ((14, "10"), (17, "110"), (20, "1110"), (64, "1111"))
"""How many bits a difference of time steps has, and what says so."""


def labels_of(name: str) -> bytes:
    """`up x=1 y=2` as the labels of a series in protobuf, in order of the names."""
    metric, *others = name.split()
    pairs = sorted([("__name__", metric), *map(_pair, others)])
    series = types_pb2.TimeSeries(labels=[types_pb2.Label(name=n, value=v) for n, v in pairs])
    return series.SerializeToString()


def name_of(labels: bytes) -> str:
    """The other way round."""
    pairs = {one.name: one.value for one in types_pb2.TimeSeries.FromString(labels).labels}
    metric = pairs.pop("__name__")
    return " ".join([metric, *(f"{name}={value}" for name, value in pairs.items())])


def sort_key(name: str) -> list[str]:
    """What Prometheus's `labels.Compare` goes by; for ASCII."""
    metric, *others = name.split()
    return [text for pair in sorted([("__name__", metric), *map(_pair, others)]) for text in pair]


def batch_of(series: Mapping[str, Sequence[tuple[int, float]]], per_chunk: int = 120) -> ChunkBatch:
    """Series by name (`up x=1`) as a batch, in order of their labels; those without samples too."""
    return batch_of_chunks({name: _grouped(samples, per_chunk) for name, samples in series.items()})


def batch_of_chunks(series: Mapping[str, Sequence[Sequence[tuple[int, float]]]]) -> ChunkBatch:
    """The same, with each series' samples already in chunks."""
    names = sorted(series, key=sort_key)
    chunks = [chunk for name in names for chunk in series[name]]
    return ChunkBatch(
        tuple(map(labels_of, names)),
        np.cumsum([len(series[name]) for name in names], dtype=np.int64),
        chunks_of([encode(chunk) for chunk in chunks], [(c[0][0], c[-1][0]) for c in chunks]),
    )


def chunks_of(
    payloads: Sequence[bytes], times_ms: Sequence[tuple[int, int]], kind: int = XOR
) -> Chunks:
    """Payloads of one kind, and for each its first and last time."""
    return Chunks(
        b"".join(payloads),
        np.cumsum([len(payload) for payload in payloads], dtype=np.int64),
        np.full(len(payloads), kind, np.uint8),
        np.array([first for first, _ in times_ms], np.int64),
        np.array([last for _, last in times_ms], np.int64),
    )


def samples_of(batch: ChunkBatch) -> dict[str, Samples]:
    """Series by name with their samples; the shape of the batch is checked."""
    check(batch)
    return {
        name: [sample for chunk in chunks for sample in chunk]
        for name, chunks in chunks_by_name(batch).items()
    }


def chunks_by_name(batch: ChunkBatch) -> dict[str, list[Samples]]:
    """Series by name with the samples of each chunk."""
    chunks = [decode(payload) for payload in payloads_of(batch.chunks)]
    starts, ends = batch.chunk_starts.tolist(), batch.chunk_ends.tolist()
    spans = zip(map(name_of, batch.labels), starts, ends, strict=True)
    return {name: chunks[start:end] for name, start, end in spans}


def samples_of_all(batches: Iterable[ChunkBatch]) -> dict[str, Samples]:
    """What batches hold together; each series is in one of them, all in order of their labels."""
    found: dict[str, Samples] = {}
    for batch in batches:
        samples = samples_of(batch)
        assert not found.keys() & samples.keys(), "a series in two batches"
        found.update(samples)
    assert list(found) == sorted(found, key=sort_key)
    return found


def payloads_of(chunks: Chunks) -> list[bytes]:
    spans = zip(chunks.starts.tolist(), chunks.ends.tolist(), strict=True)
    return [chunks.data[start:end] for start, end in spans]


def check(batch: ChunkBatch) -> None:
    """Columns have their types and lengths; chunks say their true times, in order, without overlap."""
    chunks = batch.chunks
    for column in (batch.chunk_ends, chunks.ends, chunks.min_ms, chunks.max_ms):
        assert column.dtype == np.int64
    assert chunks.kinds.dtype == np.uint8
    assert len(chunks.kinds) == len(chunks.min_ms) == len(chunks.max_ms) == len(chunks.ends)
    assert len(batch.chunk_ends) == len(batch.labels)
    assert [0, *batch.chunk_ends.tolist()][-1] == len(chunks.ends)
    assert [0, *chunks.ends.tolist()][-1] == len(chunks.data)
    names = [name_of(labels) for labels in batch.labels]
    assert names == sorted(set(names), key=sort_key)
    bounds = iter(zip(chunks.min_ms.tolist(), chunks.max_ms.tolist(), strict=True))
    for name, of_series in chunks_by_name(batch).items():
        assert [(c[0][0], c[-1][0]) for c in of_series] == [next(bounds) for _ in of_series], name
        times_ms = [time_ms for chunk in of_series for time_ms, _ in chunk]
        assert all(a < b for a, b in itertools.pairwise(times_ms)), name


def bits_of(value: float) -> int:
    """A float's bits: the way to compare NaNs and zeros."""
    return int.from_bytes(struct.pack(">d", value), "big")


def encode(samples: Sequence[tuple[int, float]]) -> bytes:
    """One XOR chunk, as Prometheus writes it."""
    bits = format(len(samples), "016b")
    time_ms = delta_ms = word = trailing = 0
    leading = 64
    for number, (new_ms, value) in enumerate(samples):
        new_word, new_delta_ms = bits_of(value), new_ms - time_ms
        if number == 0:
            bits += _varint_bits(new_ms << 1 if new_ms >= 0 else (-new_ms << 1) - 1)
            bits += format(new_word, "064b")
        else:
            second = number == 1
            bits += _varint_bits(new_delta_ms) if second else _dod_bits(new_delta_ms - delta_ms)
            text, leading, trailing = _value_bits(word ^ new_word, leading, trailing)
            bits += text
        time_ms, delta_ms, word = new_ms, new_delta_ms, new_word
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def decode(payload: bytes) -> Samples:
    """The samples of an XOR chunk."""
    bits = _Bits(payload)
    samples: Samples = []
    time_ms = delta_ms = 0
    for number in range(bits.take(16)):
        if number == 0:
            zigzag = bits.varint()
            time_ms = zigzag >> 1 ^ -(zigzag & 1)
            bits.word = bits.take(64)
        else:
            delta_ms = bits.varint() if number == 1 else delta_ms + bits.dod()
            time_ms += delta_ms
            bits.next_word()
        samples.append((time_ms, struct.unpack(">d", bits.word.to_bytes(8, "big"))[0]))
    return samples


class _Bits:
    """Reads bits from the left; remembers the last value as `word`."""

    def __init__(self, payload: bytes) -> None:
        self._text = "".join(format(byte, "08b") for byte in payload)
        self._at = 0
        self._leading = self._trailing = 0
        self.word = 0

    def take(self, count: int) -> int:
        self._at += count
        assert self._at <= len(self._text), "the payload ends too early"
        return int(self._text[self._at - count : self._at] or "0", 2)

    def varint(self) -> int:
        value = shift = 0
        while (byte := self.take(8)) >= 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
        return value | byte << shift

    def dod(self) -> int:
        ones = 0
        while ones < 4 and self.take(1):
            ones += 1
        if not ones:
            return 0
        size, _ = _MARKED_SIZES[ones - 1]
        value = self.take(size)
        return value - (1 << size) if value > 1 << (size - 1) else value

    def next_word(self) -> None:
        if not self.take(1):
            return
        if self.take(1):
            self._leading = self.take(5)
            self._trailing = 64 - self._leading - (self.take(6) or 64)
        self.word ^= self.take(64 - self._leading - self._trailing) << self._trailing


def _grouped(samples: Sequence[tuple[int, float]], size: int) -> list[Samples]:
    return [list(samples[at : at + size]) for at in range(0, len(samples), size)]


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _varint_bits(value: int) -> str:
    """An unsigned number in groups of seven bits, the lowest first."""
    bits = ""
    while value >= 0x80:
        bits += format(value & 0x7F | 0x80, "08b")
        value >>= 7
    return bits + format(value, "08b")


def _dod_bits(dod: int) -> str:
    if dod == 0:
        return "0"
    fits = (s for s in _MARKED_SIZES if s[0] == 64 or -(1 << s[0] - 1) < dod <= 1 << s[0] - 1)
    size, mark = next(fits)
    return mark + format(dod % (1 << size), f"0{size}b")


def _value_bits(xor: int, leading: int, trailing: int) -> tuple[str, int, int]:
    """The bits of a value, and the window of bits that the next one may use again."""
    if not xor:
        return "0", leading, trailing
    new_leading = min(64 - xor.bit_length(), 31)
    new_trailing = (xor & -xor).bit_length() - 1
    if leading <= new_leading and trailing <= new_trailing:
        return "10" + format(xor >> trailing, f"0{64 - leading - trailing}b"), leading, trailing
    size = 64 - new_leading - new_trailing
    text = f"11{new_leading:05b}{size % 64:06b}" + format(xor >> new_trailing, f"0{size}b")
    return text, new_leading, new_trailing
