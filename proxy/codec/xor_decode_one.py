"""A float chunk in plain Python: for the few that do not pay for going in lock-step.

The payload is held as text of the digits 0 and 1, so that a bit is a character and a number is cut
out by one slice. `proxy.codec.xor_decode` has the layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from proxy.codec.chunk_error import ChunkError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.codec.bits import Rows, Words

COUNT_BYTES = 2
MOST_SAMPLE_BYTES = 19
"""Of a sample, except the first: 145 bits. What follows need not be looked at."""
_VALUE_BYTES, _VALUE_BITS = 8, 64
_MOST_VARINT_BYTES = 10
_CONTINUES = 0x80
_PLACE_BITS = 13
_LONGEST_PREFIX = 4
_NUMBERS = ((0, 0), (14, 1 << 13), (17, 1 << 16), (20, 1 << 19), (64, (1 << 63) - 1))
"""Of a delta's change, by the ones of its prefix: how many bits follow, and the largest number of them.
Below 64 bits it is one more than in two's complement."""


class Position(NamedTuple):
    """Where a decoder stands, and what the next sample is told relative to.

    at: the bit. time_ms, delta_ms: as int64. bits: of the value. width, trailing: where a changed
    value's bits lie unless it says otherwise.
    """

    at: int
    time_ms: int
    delta_ms: int
    bits: int
    width: int = _VALUE_BITS
    trailing: int = 0


def decode_one(payload: bytes, times_ms: Rows, bits: Words) -> None:
    """Fill the columns, each as long as the chunk has samples: int64, and uint64 for the values.

    Raises:
        ChunkError: the payload is malformed or truncated.
    """
    zigzagged, at = _uvarint(payload, COUNT_BYTES)
    time_ms = (zigzagged >> 1) ^ -(zigzagged & 1)
    value = int.from_bytes(payload[at : at + _VALUE_BYTES], "big")
    at += _VALUE_BYTES
    if at > len(payload):
        raise _truncated()
    times_ms[0], bits[0] = time_ms, value
    if len(bits) > 1:
        delta, at = _uvarint(payload, at)
        end = at + MOST_SAMPLE_BYTES * len(bits)
        digits = to_digits(payload[at:end], 1)  # the first says that sample 1 is a delta away
        position = Position(0, time_ms, _int64(delta), value)
        decode_rest(digits, position, times_ms[1:], bits[1:])


def to_digits(payload: bytes, more: int = 0) -> str:
    """The bits as text, after so many zeros."""
    width = 8 * len(payload) + more
    return f"{int.from_bytes(payload, 'big'):0{width}b}" if width else ""


def decode_rest(digits: str, position: Position, times_ms: Rows, bits: Words) -> None:
    """Fill the columns with the samples from a position on.

    Raises:
        ChunkError: the payload is malformed or truncated.
    """
    try:
        dods, changes = _changes(digits, position, len(bits))
    except ChunkError:
        raise
    except (IndexError, ValueError) as error:  # a digit beyond the end; no digit of a number
        raise _truncated() from error
    times_ms[:] = dods
    times_ms[:1] += position.delta_ms
    np.cumsum(times_ms, out=times_ms)
    times_ms[:1] += position.time_ms
    np.cumsum(times_ms, out=times_ms)
    bits[:] = changes
    bits[:1] ^= np.uint64(position.bits)
    np.bitwise_xor.accumulate(bits, out=bits)


def _changes(digits: str, position: Position, count: int) -> tuple[Sequence[int], Sequence[int]]:
    """For each sample: how the delta changed, and which bits of the value did."""
    at, _, _, _, width, trailing = position
    dods, changes = [0] * count, [0] * count
    for row in range(count):
        if digits[at] == "0":
            at += 1
        else:
            dods[row], at = _dod(digits, at)
        if digits[at] == "0":
            at += 1
            continue
        if digits[at + 1] == "0":
            at += 2
        else:
            width, trailing = _place(digits, at)
            at += _PLACE_BITS
        end = at + width
        changes[row] = int(digits[at:end], 2) << trailing
        at = end
    if at > len(digits):
        raise _truncated()
    return dods, changes


def _dod(digits: str, at: int) -> tuple[int, int]:
    """A change of the delta, and where it ends. The first digit is 1."""
    zero = digits.find("0", at, at + _LONGEST_PREFIX)
    ones = zero - at if zero > 0 else _LONGEST_PREFIX
    start = at + min(ones + 1, _LONGEST_PREFIX)
    width, largest = _NUMBERS[ones]
    number = int(digits[start : start + width], 2)
    return number - (1 << width if number > largest else 0), start + width


def _place(digits: str, at: int) -> tuple[int, int]:
    """How many bits of a value follow, and how many zeros stand behind them."""
    leading = int(digits[at + 2 : at + 7], 2)
    width = int(digits[at + 7 : at + _PLACE_BITS], 2) or _VALUE_BITS
    if leading + width > _VALUE_BITS:
        raise ChunkError("a float of more than 64 bits in a chunk")
    return width, _VALUE_BITS - leading - width


def _uvarint(payload: bytes, at: int) -> tuple[int, int]:
    number = 0
    for index, byte in enumerate(payload[at : at + _MOST_VARINT_BYTES]):
        number |= (byte & (_CONTINUES - 1)) << 7 * index
        if byte < _CONTINUES:
            if number >> 64:
                raise ChunkError("a time of more than 64 bits in a chunk")
            return number, at + index + 1
    raise _truncated()


def _int64(number: int) -> int:
    """The bits of a uint64 as int64."""
    return number - (number >> 63 << 64)


def _truncated() -> ChunkError:
    return ChunkError("a chunk ends before its samples do")
