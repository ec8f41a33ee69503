"""Float chunks for tests: golden ones of Prometheus, generated samples, a codec bit by bit."""

from __future__ import annotations

import gzip
import struct
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from proxy.model.samples import Samples

GOLDEN_PATH = Path(__file__).parent / "data" / "xor_chunks.bin.gz"
STALE_NAN = 0x7FF0000000000002
_MASK = (1 << 64) - 1

Sample = tuple[int, int]
"""A time in ms (int64) and the bits of a value."""


class GoldenChunk(NamedTuple):
    """A chunk that Prometheus wrote (see xor_chunks.go beside it), and what it reads from it.

    at_once: whether one appender wrote it; one that goes on with another's chunk writes other bits.
    """

    name: str
    at_once: bool
    samples: list[Sample]
    payload: bytes


@cache
def golden_chunks() -> tuple[GoldenChunk, ...]:
    data = gzip.decompress(GOLDEN_PATH.read_bytes())
    chunks, at = [], 0

    def take(size: int) -> bytes:
        nonlocal at
        at += size
        return data[at - size : at]

    while at < len(data):
        name = take(take(1)[0]).decode()
        at_once = bool(take(1)[0])
        (count,) = struct.unpack("<I", take(4))
        times_ms = struct.unpack(f"<{count}q", take(8 * count))
        bits = struct.unpack(f"<{count}Q", take(8 * count))
        payload = take(*struct.unpack("<I", take(4)))
        chunks.append(GoldenChunk(name, at_once, list(zip(times_ms, bits, strict=True)), payload))
    return tuple(chunks)


def joined(payloads: Sequence[bytes]) -> tuple[bytes, NDArray[np.int64], NDArray[np.int64]]:
    """Payloads back to back, where each begins, and where it ends."""
    ends = [0, *accumulate(map(len, payloads))]
    return b"".join(payloads), np.array(ends[:-1], np.int64), np.array(ends[1:], np.int64)


def columns(
    chunks: Sequence[Sequence[Sample]],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Times, values, and the rows at which each chunk begins and ends."""
    ends = [0, *accumulate(map(len, chunks))]
    times_ms = np.array([time for chunk in chunks for time, _ in chunk], np.int64)
    bits = np.array([bits for chunk in chunks for _, bits in chunk], np.uint64)
    return times_ms, bits.view(np.float64), np.array(ends[:-1], np.int64), np.array(ends[1:], np.int64)


def rows_of(samples: Samples) -> list[list[Sample]]:
    """The samples of each chunk."""
    bits = samples.values.view(np.uint64).tolist()
    rows = list(zip(samples.times_ms.tolist(), bits, strict=True))
    bounds = zip(samples.starts.tolist(), samples.ends.tolist(), strict=True)
    return [rows[start:end] for start, end in bounds]


# ── a codec bit by bit, after tsdb/chunkenc/xor.go ───────────────────────────────────────────


class MalformedError(Exception):
    """A payload is not a chunk."""


class _Bits:
    def __init__(self, payload: bytes) -> None:
        self.text = "".join(f"{byte:08b}" for byte in payload)
        self.at = 0

    def read(self, width: int) -> int:
        if self.at + width > len(self.text):
            raise MalformedError
        self.at += width
        return int("0" + self.text[self.at - width : self.at], 2)

    def uvarint(self) -> int:
        number = 0
        for index in range(10):
            byte = self.read(8)
            number |= (byte & 127) << 7 * index
            if byte < 128:
                if number > _MASK:
                    break
                return number
        raise MalformedError

    def dod(self) -> int:
        ones = 0
        while ones < 4 and self.read(1):
            ones += 1
        width = (0, 14, 17, 20, 64)[ones]
        number = self.read(width)
        largest = (1 << 63) - 1 if width == 64 else 1 << width >> 1
        return number - (1 << width) if number > largest else number


def read_bit_by_bit(payload: bytes) -> list[Sample]:
    """The samples of a chunk.

    Raises:
        MalformedError: it is truncated, or no appender wrote it.
    """
    bits = _Bits(payload)
    samples: list[Sample] = []
    time_ms = delta_ms = value = 0
    leading, width = 0, 64
    for number in range(bits.read(16)):
        if number == 0:
            zigzagged = bits.uvarint()
            time_ms, value = zigzagged >> 1 ^ -(zigzagged & 1), bits.read(64)
        else:
            delta_ms = bits.uvarint() if number == 1 else delta_ms + bits.dod()
            time_ms = _int64(time_ms + delta_ms)
            if bits.read(1):
                if bits.read(1):
                    leading, width = bits.read(5), bits.read(6) or 64
                if leading + width > 64:
                    raise MalformedError
                value ^= bits.read(width) << (64 - leading - width)
        samples.append((time_ms, value))
    return samples


def write_bit_by_bit(samples: Sequence[Sample]) -> bytes:
    """What Prometheus's appender writes."""
    text = f"{len(samples):016b}"
    delta_ms = 0
    leading, trailing = 255, 0
    for number, (time_ms, value) in enumerate(samples):
        if number == 0:
            text += _uvarint((time_ms << 1 ^ time_ms >> 63) & _MASK) + f"{value:064b}"
            continue
        old_delta_ms, delta_ms = delta_ms, _int64(time_ms - samples[number - 1][0])
        text += _uvarint(delta_ms & _MASK) if number == 1 else _dod(_int64(delta_ms - old_delta_ms))
        change = value ^ samples[number - 1][1]
        if not change:
            text += "0"
            continue
        front = min(64 - change.bit_length(), 31)
        back = (change & -change).bit_length() - 1
        if leading != 255 and front >= leading and back >= trailing:
            text += "10"
        else:
            leading, trailing = front, back
            text += f"11{leading:05b}{(64 - leading - trailing) % 64:06b}"
        text += f"{change >> trailing:0{64 - leading - trailing}b}"
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def _uvarint(number: int) -> str:
    text = ""
    while number >= 128:
        text += f"{number & 127 | 128:08b}"
        number >>= 7
    return text + f"{number:08b}"


def _dod(dod: int) -> str:
    if dod == 0:
        return "0"
    for prefix, width in (("10", 14), ("110", 17), ("1110", 20)):
        if -(1 << width - 1) < dod <= 1 << width - 1:
            return prefix + f"{dod % (1 << width):0{width}b}"
    return "1111" + f"{dod & _MASK:064b}"


def _int64(number: int) -> int:
    return (number + (1 << 63) & _MASK) - (1 << 63)


# ── what is generated ────────────────────────────────────────────────────────────────────────

_INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
_EDGES = [
    sign * ((1 << width) + off) for width in (13, 16, 19, 62) for off in (-1, 0, 1) for sign in (1, -1)
]
DODS = st.one_of(
    st.just(0),
    st.just(0),
    st.integers(-20, 20),
    st.sampled_from(_EDGES),
    st.integers(-(1 << 21), 1 << 21),
    _INT64,
)
VALUE_BITS = st.one_of(
    st.sampled_from([0, 1, 1 << 63, STALE_NAN, 0x7FF8000000000001, 0x7FF0000000000000, _MASK]),
    st.integers(0, 40).map(lambda number: struct.unpack(">Q", struct.pack(">d", number))[0]),
    st.floats(0, 100).map(lambda number: struct.unpack(">Q", struct.pack(">d", number))[0]),
    st.integers(0, _MASK),
)


@st.composite
def chunks(draw: st.DrawFn, min_size: int = 0, max_size: int = 12) -> list[Sample]:
    """The samples of a chunk."""
    count = draw(st.integers(min_size, max_size))
    dods = draw(st.lists(DODS, min_size=count, max_size=count))
    deltas = accumulate(dods, lambda delta, dod: _int64(delta + dod))
    first = draw(st.one_of(st.just(1_699_200_000_000), _INT64))
    times_ms = list(accumulate(deltas, lambda time, delta: _int64(time + delta), initial=first))
    values: list[int] = []
    for is_same in draw(st.lists(st.booleans(), min_size=count, max_size=count)):
        values.append(values[-1] if is_same and values else draw(VALUE_BITS))
    return list(zip(times_ms, values, strict=False))


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """What may have been a payload: cut off, altered, or never one."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.integers(0, 30)).to_bytes(2, "big") + draw(st.binary(max_size=60))
    payload = bytearray(write_bit_by_bit(draw(chunks())))
    for _ in range(draw(st.integers(0, 2))):
        payload[draw(st.integers(0, len(payload) - 1))] = draw(st.integers(0, 255))
    return bytes(payload[: draw(st.one_of(st.just(len(payload)), st.integers(0, len(payload))))])
