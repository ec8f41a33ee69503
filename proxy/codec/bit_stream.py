"""Bits as Prometheus's chunks hold them: the most significant first, no padding between numbers.

A stream is held as text of the digits 0 and 1. So the end of a prefix, or of a run of zeros, is found
by one search, and a number is cut out by one slice: in plain Python nothing is faster.

Sources: Prometheus, tsdb/chunkenc/bstream.go, varbit.go, xor.go.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from typing import TYPE_CHECKING

from proxy.codec.chunk_error import ChunkError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STALE_NAN_BITS = 0x7FF0000000000002
"""The NaN that says that a series has ended (Prometheus, model/value/value.go)."""

MASK_64 = (1 << 64) - 1
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1

_WIDTHS = (0, 3, 6, 9, 12, 18, 25, 56, 64)
"""How many bits follow a varbit prefix of 0, 1, … 8 ones."""
_LARGEST = (*(1 << width >> 1 for width in _WIDTHS[:-1]), _INT64_MAX)
"""The largest signed number of each width. Below 64 bits it is one more than in two's complement."""
_PREFIXES = (*("1" * ones + "0" for ones in range(8)), "1" * 8)
_PREFIX_OF_WIDTH = tuple(bisect_left(_WIDTHS, width) for width in range(65))
_LONGEST_PREFIX = 8

_PLACE_FOLLOWS, _SAME_PLACE = 0b11, 0b10
_LEADING_BITS, _LENGTH_BITS = 5, 6
_MOST_LEADING = 31
_NEVER = 255


def float_bits(value: float) -> int:
    return bits_of((value,))[0]


def bits_of(values: Sequence[float]) -> tuple[int, ...]:
    """The 64 bits of each float."""
    return struct.unpack(f">{len(values)}Q", struct.pack(f">{len(values)}d", *values))


def float_of(bits: int) -> float:
    return floats_of((bits,))[0]


def floats_of(bits: Sequence[int]) -> tuple[float, ...]:
    """The floats that have these bits. Every NaN stays the one that it is."""
    return struct.unpack(f">{len(bits)}d", struct.pack(f">{len(bits)}Q", *bits))


def int64(value: int) -> int:
    """The number as Go's int64 arithmetic leaves it, which wraps around."""
    if _INT64_MIN <= value <= _INT64_MAX:
        return value
    return ((value - _INT64_MIN) & MASK_64) + _INT64_MIN


class XorField:
    """A float that is written as what changed in its bits: those between leading and trailing zeros.

    Where they lie is not written again when a change fits in where the last one was.
    """

    __slots__ = ("bits", "leading", "trailing", "width")

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.leading = _NEVER
        self.trailing = 0
        self.width = 64


class BitReader:
    """Takes numbers from a payload, one after another.

    Each method raises ChunkError when the payload ends before the number does.
    """

    __slots__ = ("_at", "_text")

    def __init__(self, payload: bytes) -> None:
        marked = int.from_bytes(payload, "big") | 1 << 8 * len(payload)  # keeps the zeros in front
        self._text = f"{marked:b}"
        self._at = 1

    @property
    def bits_left(self) -> int:
        return len(self._text) - self._at

    def read(self, width: int) -> int:
        """The unsigned number of the next `width` bits, at least one."""
        start = self._at
        self._at = end = start + width
        if end > len(self._text):
            raise _truncated()
        return int(self._text[start:end], 2)

    def varbit_uint(self) -> int:
        ones = self._prefix()
        return self.read(_WIDTHS[ones]) if ones else 0

    def varbit_int(self) -> int:
        ones = self._prefix()
        return self._signed(ones) if ones else 0

    def varbit_ints(self, count: int) -> list[int]:
        """As many signed numbers. A zero is a single bit: a run of them is skipped at once."""
        values = [0] * count
        at = self._skip_zeros(count)
        while at < count:
            values[at] = self._signed(self._prefix())
            at += 1
            at += self._skip_zeros(count - at)
        return values

    def xor(self, fields: Sequence[XorField]) -> None:
        """Brings each float up to date. A zero bit says that it has not changed."""
        count = len(fields)
        at = self._skip_zeros(count)
        while at < count:
            self._change(fields[at])
            at += 1
            at += self._skip_zeros(count - at)

    def _prefix(self) -> int:
        """The number of ones, at most eight, before a zero."""
        start = self._at
        end = self._text.find("0", start, start + _LONGEST_PREFIX)
        if end < 0:
            self._at = start + _LONGEST_PREFIX
            return _LONGEST_PREFIX  # or the stream ends here, which the next read finds
        self._at = end + 1
        return end - start

    def _signed(self, ones: int) -> int:
        width = _WIDTHS[ones]
        value = self.read(width)
        return value if value <= _LARGEST[ones] else value - (1 << width)

    def _skip_zeros(self, most: int) -> int:
        start = self._at
        end = self._text.find("1", start, start + most)
        if end < 0:
            end = start + most
        if end > len(self._text):
            raise _truncated()
        self._at = end
        return end - start

    def _change(self, field: XorField) -> None:
        if self.read(2) == _PLACE_FOLLOWS:
            field.leading = self.read(_LEADING_BITS)
            field.width = self.read(_LENGTH_BITS) or 64
            field.trailing = 64 - field.leading - field.width
            if field.trailing < 0:
                raise ChunkError("a float of more than 64 bits in a chunk")
        field.bits ^= self.read(field.width) << field.trailing


class BitWriter:
    """Puts numbers one after another; `payload` is what there is then."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[str] = []

    def write(self, value: int, width: int) -> None:
        """An unsigned number of at most `width` bits."""
        self._parts.append(f"{value:0{width}b}")

    def varbit_uint(self, value: int) -> None:
        self._varbit(value, value.bit_length())

    def varbit_int(self, value: int) -> None:
        """A number of any size: beyond 64 bits it wraps around, as Go's int64 does."""
        self._varbit(value, (value - 1 if value > 0 else -value).bit_length() + 1 if value else 0)

    def varbit_ints(self, values: Iterable[int]) -> None:
        for value in values:
            self.varbit_int(value)

    def xor(self, field: XorField, bits: int) -> None:
        """What the float changes to."""
        change = bits ^ field.bits
        field.bits = bits
        if not change:
            self.write(0, 1)
            return
        leading = min(64 - change.bit_length(), _MOST_LEADING)
        trailing = (change & -change).bit_length() - 1
        if leading >= field.leading and trailing >= field.trailing:
            self.write(_SAME_PLACE, 2)
        else:
            field.leading, field.trailing, field.width = leading, trailing, 64 - leading - trailing
            self.write(_PLACE_FOLLOWS, 2)
            self.write(leading, _LEADING_BITS)
            self.write(field.width % 64, _LENGTH_BITS)  # 64 becomes 0, which cannot occur otherwise
        self.write(change >> field.trailing, field.width)

    def payload(self) -> bytes:
        """The bytes, filled up with zeros."""
        text = "".join(self._parts)
        size = (len(text) + 7) // 8
        return int(text.ljust(8 * size, "0") or "0", 2).to_bytes(size, "big")

    def _varbit(self, value: int, needed_bits: int) -> None:
        ones = _PREFIX_OF_WIDTH[min(needed_bits, 64)]
        self._parts.append(_PREFIXES[ones])
        if ones:
            width = _WIDTHS[ones]
            self.write(value & ((1 << width) - 1), width)


def _truncated() -> ChunkError:
    return ChunkError("a chunk ends before its samples do")
