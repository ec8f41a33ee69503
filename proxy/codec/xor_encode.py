"""Columns to float chunks, the bytes that Prometheus's own appender writes for the samples.

All is done in columns of samples; only where a changed value's bits lie depends on the samples
before, and is found for all chunks in lock-step. `proxy.codec.xor_decode` has the layout.

Source: Prometheus, tsdb/chunkenc/xor.go (`xorAppender`, `xorWrite`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from proxy.codec.bits import Bytes, Rows, Words, uvarint_sizes, write_uvarints, zigzag
from proxy.codec.xor_values import ValueChanges, value_changes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MOST_SAMPLES = 0xFFFF
"""Of a chunk: their number has 16 bits."""
SAMPLES_PER_CHUNK = 120
"""As Prometheus aims at, and as its remote read makes chunks (`seriesToChunkEncoder`)."""

_BLOCK_SAMPLES = 60_000
"""As many samples are worked on at a time. Their columns are too small for mappings of their own, which
cost more than the work (`proxy.allocator`)."""

_COUNT_BYTES, _VALUE_BYTES = 2, 8
_PLACE_FOLLOWS = np.uint64(0b11 << 11)
_PLACE_BITS = 11
_DOD_WIDTHS = (14, 17, 20)
"""Bits of a delta's change, by its kind. One that fits in none of these is wide, and takes 64."""
_NUMBER = np.array([(1 << 14) - 1, (1 << 17) - 1, (1 << 20) - 1, 0], np.uint64)
_PREFIX = np.array([0b10 << 14, 0b110 << 17, 0b1110 << 20, 0], np.uint64)
_SIZE = np.array([16, 20, 24, 0], np.int64)
_WIDE = 3
_WIDE_PREFIX_BITS, _WIDE_BITS = 4, 68


def chunk_rows(series_ends: Rows, samples: int = SAMPLES_PER_CHUNK) -> tuple[Rows, Rows, Rows]:
    """Cut the samples of series, which stand back to back, into chunks of so many or less.

    Args:
        series_ends: int64[series], the row at which each one's samples end.
        samples: most of a chunk.

    Returns:
        int64[chunks], the rows at which each chunk begins; at which it ends; and int64[series], the
        chunk at which those of each series end. A series without samples has no chunk.
    """
    series_starts = np.concatenate([np.zeros(1, np.int64), series_ends])[:-1]
    chunks = -(-(series_ends - series_starts) // samples)
    chunk_ends = np.cumsum(chunks)
    total = int(chunk_ends[-1]) if len(chunk_ends) else 0
    number = np.arange(total) - np.repeat(chunk_ends - chunks, chunks)
    starts = np.repeat(series_starts, chunks) + number * samples
    return starts, np.minimum(starts + samples, np.repeat(series_ends, chunks)), chunk_ends


def encode_xor(
    times_ms: Rows, values: NDArray[np.float64], starts: Rows, ends: Rows
) -> tuple[bytes, Rows]:
    """Write chunks.

    Args:
        times_ms: int64[samples].
        values: float64[samples]; the bits of a NaN are kept.
        starts: int64[chunks], the row of each chunk's first sample; in any order.
        ends: int64[chunks], the row after its last.

    Returns:
        The payloads back to back, and where each ends (int64[chunks]).

    Raises:
        ValueError: a chunk without samples, or with more than 65,535.
    """
    counts = ends - starts
    if np.any((counts < 1) | (counts > MOST_SAMPLES)):
        raise ValueError("a chunk has 1 to 65,535 samples")
    bits = np.ascontiguousarray(values, np.float64).view(np.uint64)
    payloads: list[bytes] = []
    sizes: list[Rows] = []
    for first, last in _blocks(counts):
        rows = _rows(starts[first:last], ends[first:last])
        data, data_sizes = _write(times_ms[rows], bits[rows], counts[first:last])
        payloads.append(data)
        sizes.append(data_sizes)
    return b"".join(payloads), np.cumsum(np.concatenate([np.zeros(0, np.int64), *sizes]))


def _blocks(counts: Rows) -> Iterator[tuple[int, int]]:
    """Chunks that are written together."""
    number = (np.cumsum(counts) - 1) // _BLOCK_SAMPLES
    cuts = np.flatnonzero(np.diff(number)) + 1
    return pairwise([0, *cuts.tolist(), len(counts)]) if len(counts) else iter(())


def _rows(starts: Rows, ends: Rows) -> slice | Rows:
    """The rows of all samples, chunk after chunk."""
    if np.array_equal(starts[1:], ends[:-1]):
        return slice(int(starts[0]), int(ends[-1]))
    counts = ends - starts
    firsts = np.cumsum(counts) - counts
    rows: Rows = np.arange(int(counts.sum())) + np.repeat(starts - firsts, counts)
    return rows


def _write(times_ms: Rows, bits: Words, counts: Rows) -> tuple[bytes, Rows]:
    """Chunks whose samples stand back to back: their payloads, and how many bytes each has."""
    firsts = np.cumsum(counts) - counts
    seconds = firsts[counts > 1] + 1
    deltas_ms = np.diff(times_ms, prepend=times_ms[:1])
    heads = _Heads(times_ms[firsts], bits[firsts], deltas_ms[seconds], counts)
    times = _times(deltas_ms, np.concatenate([firsts, seconds]))
    fields = _fields(times, value_changes(bits, firsts, counts), firsts)
    ends = np.cumsum(fields.total_bits)
    bits_before = ends - fields.total_bits
    sizes = heads.sizes + (ends[firsts + counts - 1] - bits_before[firsts] + 7) // 8
    chunk_ends = np.cumsum(sizes)
    chunk_starts = chunk_ends - sizes
    at_bits = bits_before + np.repeat(8 * (chunk_starts + heads.sizes) - bits_before[firsts], counts)
    wide_at = at_bits[times.wide]
    at_bits[times.wide] += _WIDE_BITS
    words = _pack(fields, at_bits, int(chunk_ends[-1]))
    _put_wide(words, wide_at, times.wide_dods)
    data = words.byteswap(inplace=True).view(np.uint8)[: chunk_ends[-1]]
    heads.put(data, chunk_starts)
    return data.tobytes(), sizes


class _Heads:
    """How chunks begin, in whole bytes: number of samples, sample 0, delta to sample 1.

    sizes: int64[chunks], in bytes.
    """

    __slots__ = ("_bits", "_counts", "_deltas", "_times", "sizes")

    def __init__(self, times_ms: Rows, bits: Words, deltas_ms: Rows, counts: Rows) -> None:
        self._times = zigzag(times_ms)
        self._bits = bits
        self._deltas = deltas_ms.view(np.uint64)
        self._counts = counts
        self.sizes = _COUNT_BYTES + uvarint_sizes(self._times) + _VALUE_BYTES
        self.sizes[counts > 1] += uvarint_sizes(self._deltas)

    def put(self, data: Bytes, at: Rows) -> None:
        """Write them where the chunks begin."""
        data[at] = self._counts >> 8
        data[at + 1] = self._counts & 0xFF
        at = at + _COUNT_BYTES
        write_uvarints(data, at, self._times)
        at += uvarint_sizes(self._times)
        values = self._bits.byteswap().view(np.uint8).reshape(-1, _VALUE_BYTES)
        data[at[:, None] + np.arange(_VALUE_BYTES)] = values
        has_delta = self._counts > 1
        write_uvarints(data, at[has_delta] + _VALUE_BYTES, self._deltas)


class _Times(NamedTuple):
    """What is said of each sample's time: a number (uint64), and how many bits it has (int64).

    wide: the rows whose delta changed by more than 20 bits; the number has no bits there.
    wide_dods: the changes of these, uint64.
    """

    numbers: Words
    sizes: Rows
    wide: Rows
    wide_dods: Words


def _times(deltas_ms: Rows, in_heads: Rows) -> _Times:
    dods = np.diff(deltas_ms, prepend=deltas_ms[:1])
    dods[in_heads] = 0
    numbers = np.zeros(len(dods), np.uint64)
    sizes = np.ones(len(dods), np.int64)
    sizes[in_heads] = 0
    rows = np.flatnonzero(dods)
    changed = dods[rows].view(np.uint64)
    kind = np.zeros(len(rows), np.int64)
    for width in _DOD_WIDTHS:
        # One more than half of the numbers are above 0: not quite two's complement.
        kind += (changed + np.uint64((1 << width - 1) - 1)) >> np.uint64(width) != 0
    numbers[rows] = _PREFIX[kind] | (changed & _NUMBER[kind])
    sizes[rows] = _SIZE[kind]
    is_wide = kind == _WIDE
    return _Times(numbers, sizes, rows[is_wide], changed[is_wide])


class _Fields(NamedTuple):
    """What is written of each sample behind the heads: two numbers (uint64) and their sizes (int64).

    total_bits: int64, what both take, and what a wide delta takes before them.
    """

    control: Words
    control_bits: Rows
    changed: Words
    changed_bits: Rows
    total_bits: Rows


def _fields(times: _Times, values: ValueChanges, firsts: Rows) -> _Fields:
    changes, leading, trailing, has_place = values
    is_changed = (changes != 0).view(np.uint8)
    widths = (64 - leading - trailing) * is_changed
    numbers = (is_changed << 1).astype(np.uint64)
    placed = np.flatnonzero(has_place)
    place = leading[placed].astype(np.uint64) << np.uint64(6) | (widths[placed] & 63)
    numbers[placed] = _PLACE_FOLLOWS | place
    sizes = 1 + is_changed + _PLACE_BITS * has_place
    sizes[firsts] = 0
    control = times.numbers << sizes | numbers
    control_bits = times.sizes + sizes
    total_bits = control_bits + widths
    total_bits[times.wide] += _WIDE_BITS
    return _Fields(control, control_bits, changes >> trailing, widths.astype(np.int64), total_bits)


def _pack(fields: _Fields, at_bits: Rows, size_bytes: int) -> Words:
    """Big-endian words with the numbers of each sample at its place, zeros elsewhere.

    A word that several samples share is the sum of what each puts there. Such sums are taken as
    differences of a running sum: that it wraps around does no harm.
    """
    control, control_bits, changed, changed_bits, _ = fields
    rest = (64 - control_bits).view(np.uint64)
    low = changed << (64 - changed_bits).view(np.uint64)
    high = control << rest | low >> control_bits.view(np.uint64)
    low <<= rest
    offset = (at_bits & 63).view(np.uint64)
    back = 64 - offset
    index = at_bits >> 6
    last = np.flatnonzero(np.diff(index, append=-1))
    words = np.zeros(size_bytes // 8 + 4, np.uint64)
    word = index[last]
    for number, parts in enumerate((high >> offset, high << back | low >> offset, low << back)):
        words[word + number] += np.diff(np.cumsum(parts)[last], prepend=np.uint64(0))
    return words


def _put_wide(words: Words, at_bits: Rows, dods: Words) -> None:
    """Changes of a delta in 64 bits, and what says that they follow."""
    for skipped, numbers in ((0, np.uint64(0b1111 << 60)), (_WIDE_PREFIX_BITS, dods)):
        at = at_bits + skipped
        offset = (at & 63).view(np.uint64)
        np.bitwise_or.at(words, at >> 6, numbers >> offset)
        np.bitwise_or.at(words, (at >> 6) + 1, numbers << (64 - offset))
