"""What reading and writing many chunks in columns share: words, varints, places in lock-step.

Bits are counted from the most significant one of the first byte, as Prometheus's `bstream` does. In
numpy a shift by 64 or more gives 0: nothing below needs another case for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

Words: TypeAlias = NDArray[np.uint64]
Rows: TypeAlias = NDArray[np.int64]
Bytes: TypeAlias = NDArray[np.uint8]

MOST_VARINT_BYTES = 10
_VARINT_BITS = 7
_CONTINUES = 0x80
_WORD_BITS = 64


def to_words(data: Bytes) -> Words:
    """The bytes as big-endian words of 64 bits, filled up with zeros, and two words of zeros more."""
    words = np.zeros(-(-len(data) // 8) + 2, np.uint64)
    words.view(np.uint8)[: len(data)] = data
    return words.byteswap(inplace=True)


def words_at(words: Words, at_bits: Rows) -> Words:
    """uint64[rows]: the 64 bits from each place on; beyond the end, any."""
    index = at_bits >> 6
    offset = (at_bits & 63).view(np.uint64)
    high = words.take(index, mode="clip") << offset
    low = words[1:].take(index, mode="clip") >> (_WORD_BITS - offset)
    return high | low


def read_uvarints(data: Bytes, at_bytes: Rows) -> tuple[Words, Rows]:
    """A varint at each place, as Go's `binary.ReadUvarint` reads it.

    Returns:
        The numbers, and how many bytes each takes (int64): 0 where there is none, because the data
        ends before it does or it is longer than 64 bits.
    """
    values = np.zeros(len(at_bytes), np.uint64)
    sizes = np.zeros(len(at_bytes), np.int64)
    rows = np.arange(len(at_bytes))
    for index in range(MOST_VARINT_BYTES):
        rows = rows[at_bytes[rows] + index < len(data)]
        if not len(rows):
            break
        byte = data[at_bytes[rows] + index]
        digits = (byte & (_CONTINUES - 1)).astype(np.uint64)
        values[rows] |= digits << np.uint64(_VARINT_BITS * index)
        most = 1 if index == MOST_VARINT_BYTES - 1 else _CONTINUES - 1
        sizes[rows[byte <= most]] = index + 1
        rows = rows[byte >= _CONTINUES]
    return values, sizes


def uvarint_sizes(values: Words) -> Rows:
    """int64[rows]: how many bytes each number takes as a varint."""
    sizes = np.ones(len(values), np.int64)
    for index in range(1, MOST_VARINT_BYTES):
        sizes += values >= np.uint64(1 << _VARINT_BITS * index)
    return sizes


def write_uvarints(data: Bytes, at_bytes: Rows, values: Words) -> None:
    """Put a varint at each place, as Go's `binary.PutUvarint` does."""
    rows = np.arange(len(values))
    left = values
    for index in range(MOST_VARINT_BYTES):
        byte = (left & np.uint64(_CONTINUES - 1)).astype(np.uint8)
        left = left >> np.uint64(_VARINT_BITS)
        goes_on = left > 0
        data[at_bytes[rows] + index] = byte | (goes_on * np.uint8(_CONTINUES))
        rows, left = rows[goes_on], left[goes_on]
        if not len(rows):
            break


def zigzag(values: Rows) -> Words:
    """Signed numbers as unsigned ones, small where they are near 0 (Go's `binary.PutVarint`)."""
    return ((values << 1) ^ (values >> 63)).view(np.uint64)


def unzigzag(values: Words) -> Rows:
    """What `zigzag` was given."""
    signs = (values & np.uint64(1)).view(np.int64)
    return (values >> np.uint64(1)).view(np.int64) ^ -signs


def in_lock_step(firsts: Rows, counts: Rows, few: int) -> Iterator[tuple[int, int, slice | Rows]]:
    """Go through the samples of many chunks, from sample 1 on, one of each at a time.

    Args:
        firsts: int64[chunks], where each chunk's samples begin in a column that holds those of one
            chunk back to back.
        counts: int64[chunks], how many it has, at least one; in descending order.
        few: ends when so many chunks or less go on.

    Yields:
        How many of the chunks, the first ones, have such a sample; its number; and where these samples
        are in the column: a slice where they are at equal distances, which numpy reads and writes
        several times as fast as any rows.
    """
    number, end = 1, lock_step_end(counts, few)
    while number < end:
        chunks = int(np.searchsorted(-counts, -number))
        places = firsts[:chunks]
        distance = _distance(places)
        low, high = int(places[0]), int(places[-1]) + 1
        for step in range(number, int(counts[chunks - 1])):
            even = slice(low + step, high + step, distance)
            yield chunks, step, even if distance else places + step
        number = int(counts[chunks - 1])


def lock_step_end(counts: Rows, few: int) -> int:
    """The number of the sample at which only so many chunks or less go on; 1 or more."""
    return int(counts[few]) if len(counts) > few else 1


def _distance(places: Rows) -> int:
    """Between any two neighbours, or 0 where it is not the same."""
    distances = np.diff(places)
    first = int(distances[0]) if len(distances) else 1
    return first if first > 0 and np.all(distances == first) else 0
