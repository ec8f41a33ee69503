"""Samples to XOR chunks, bit for bit as Prometheus writes them (`tsdb/chunkenc/xor.go`).

How a sample differs from the one before is found in columns, for all chunks at once. Only which bits
of a value are written depends on what was written before: that is found in lock-step, the i-th
samples of all chunks together. Then all bits are laid into one text.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Words = NDArray[np.uint64]

CHUNK_SAMPLES = 120
"""As many as Prometheus puts into a chunk."""

_U = [np.uint64(number) for number in range(65)]
_MOST_LEADING = 31
_UNSET = np.uint64(0xFF)
_COUNT_BITS = 16
_AT_ONCE = 1 << 19


class _Fields(NamedTuple):
    """Four texts of bits for each sample, written one after the other: the bits, and how many."""

    bits: NDArray[np.uint64]
    lengths: NDArray[np.int64]


def chunk_rows(series_ends: Ints, samples: int = CHUNK_SAMPLES) -> tuple[Ints, Ints, Ints]:
    """Cut each series' samples into chunks of at most so many.

    Args:
        series_ends: int64, where each series' samples end in the columns.
        samples: the most in a chunk.

    Returns:
        int64: for each chunk its first row and the one after its last; for each series where its
        chunks end.
    """
    counts = np.diff(series_ends, prepend=0)
    chunks = -(-counts // samples)
    chunk_ends = np.cumsum(chunks)
    number = np.arange(int(chunk_ends[-1]) if len(chunk_ends) else 0)
    number -= np.repeat(chunk_ends - chunks, chunks)
    starts = np.repeat(series_ends - counts, chunks) + number * samples
    ends = np.minimum(starts + samples, np.repeat(series_ends, chunks))
    return starts, ends, chunk_ends


def encode_xor(
    times_ms: Ints, values: NDArray[np.float64], starts: Ints, ends: Ints
) -> tuple[bytes, Ints]:
    """A chunk of each run of rows.

    Args:
        times_ms: int64[samples].
        values: float64[samples].
        starts: int64, the first row of each chunk.
        ends: int64, the row after its last; a chunk has 1 to 65,535.

    Returns:
        The payloads back to back, and where each ends (int64).
    """
    data: list[bytes] = []
    data_ends: list[Ints] = []
    size = 0
    for first, end in _portions(ends - starts):
        part, part_ends = _encode(times_ms, values, starts[first:end], ends[first:end])
        data.append(part)
        data_ends.append(part_ends + size)
        size += len(part)
    return b"".join(data), np.concatenate(data_ends) if data_ends else np.zeros(0, np.int64)


def _portions(counts: Ints) -> list[tuple[int, int]]:
    """Some chunks at a time, so that the columns stay small."""
    portion = np.cumsum(counts) // _AT_ONCE
    cuts = [0, *(np.flatnonzero(np.diff(portion)) + 1).tolist(), len(counts)]
    return [(first, end) for first, end in itertools.pairwise(cuts) if first < end]


def _encode(
    times_ms: Ints, values: NDArray[np.float64], starts: Ints, ends: Ints
) -> tuple[bytes, Ints]:
    counts = ends - starts
    chunk_ends = np.cumsum(counts)
    firsts = chunk_ends - counts
    rows = np.arange(int(chunk_ends[-1])) + np.repeat(starts - firsts, counts)
    times, bits = times_ms[rows], values[rows].view(np.uint64)
    total = len(rows)
    fields = _Fields(np.zeros((total, 4), np.uint64), np.zeros((total, 4), np.int64))
    _write_times(fields, times, firsts, counts)
    _write_values(fields, bits, firsts, counts)
    _write_openings(fields, times, bits, firsts, counts)
    return _laid_out(fields, chunk_ends)


def _write_times(fields: _Fields, times: Ints, firsts: Ints, counts: Ints) -> None:
    """Deltas of deltas, from each chunk's third sample on, and the second's delta."""
    delta = np.diff(times, prepend=0)
    change = np.diff(delta, prepend=0)
    kind = np.full(len(times), 4)
    for number, width in ((3, 20), (2, 17), (1, 14)):
        largest = 1 << (width - 1)
        kind[(change > -largest) & (change <= largest)] = number
    kind[change == 0] = 0
    width = np.array([0, 14, 17, 20, 0])[kind]
    prefix = np.array([0, 0b10, 0b110, 0b1110, 0b1111], np.uint64)[kind]
    low = change.astype(np.uint64) & ((_U[1] << width.astype(np.uint64)) - _U[1])
    fields.bits[:, 0] = prefix << width.astype(np.uint64) | low
    fields.lengths[:, 0] = np.array([1, 16, 20, 24, 4])[kind]
    wide = np.flatnonzero(kind == 4)  # noqa: PLR2004  all four bits of the prefix
    fields.bits[wide, 1] = change[wide].astype(np.uint64)
    fields.lengths[wide, 1] = 64
    seconds = firsts[counts > 1] + 1
    _write_varints(fields, seconds, delta[seconds].astype(np.uint64), 0)


def _write_openings(fields: _Fields, times: Ints, bits: Words, firsts: Ints, counts: Ints) -> None:
    """Each chunk's number of samples, and its first sample as it is."""
    first = times[firsts]
    zigzag = (first << 1 ^ first >> 63).astype(np.uint64)
    _write_varints(fields, firsts, zigzag, _COUNT_BITS)
    spilled = fields.lengths[firsts, 0].astype(np.uint64)
    fields.bits[firsts, 0] |= counts.astype(np.uint64) << spilled
    fields.lengths[firsts, 0] += _COUNT_BITS
    fields.lengths[firsts, 2] = 0
    fields.bits[firsts, 3], fields.lengths[firsts, 3] = bits[firsts], 64


def _write_varints(fields: _Fields, rows: Ints, numbers: Words, _before: int) -> None:
    """Variable-length numbers (`binary.PutUvarint`): eight octets in the second field, more before."""
    octets = np.ones(len(rows), np.int64)
    for place in range(1, 10):
        octets += (numbers >> _U[7 * place]) > 0
    spilled = np.maximum(octets - 8, 0)
    texts = [np.zeros(len(rows), np.uint64), np.zeros(len(rows), np.uint64)]
    for place in range(10):
        octet = numbers >> _U[7 * place] & np.uint64(0x7F)
        octet |= np.where(octets > place + 1, np.uint64(0x80), _U[0])
        is_there, is_spilled = octets > place, spilled > place
        for number, mask in ((0, is_there & is_spilled), (1, is_there & ~is_spilled)):
            texts[number] = np.where(mask, texts[number] << _U[8] | octet, texts[number])
    for number, length in ((0, spilled), (1, octets - spilled)):
        fields.bits[rows, number], fields.lengths[rows, number] = texts[number], 8 * length


def _write_values(fields: _Fields, bits: Words, firsts: Ints, counts: Ints) -> None:
    """How values differ from those before, in the bits that the last written ones had, if they can."""
    change = bits.copy()
    change[1:] ^= bits[:-1]
    leading, trailing = _zeros(change)
    is_new = _choose_bits(change, leading, trailing, firsts, counts)
    is_same = change == 0
    length = np.where(is_same, _U[0], _U[64] - leading - trailing)
    opening = np.where(
        is_new, _U[3] << _U[11] | leading << _U[6] | (length & _U[63]), np.where(is_same, _U[0], _U[2])
    )
    fields.bits[:, 2] = opening
    fields.lengths[:, 2] = np.where(is_new, 13, np.where(is_same, 1, 2))
    fields.bits[:, 3] = change >> np.minimum(trailing, _U[63])
    fields.lengths[:, 3] = length.astype(np.int64)


def _zeros(bits: Words) -> tuple[Words, Words]:
    """How many leading zeros count, and how many trailing ones there are; anything for a 0."""
    filled = bits.copy()
    for shift in (1, 2, 4, 8, 16, 32):
        filled |= filled >> _U[shift]
    leading = np.minimum(64 - np.bitwise_count(filled), _MOST_LEADING).astype(np.uint64)
    lowest = bits & (~bits + _U[1])
    return leading, np.bitwise_count(lowest - _U[1]).astype(np.uint64)


def _choose_bits(
    change: Words, leading: Words, trailing: Words, firsts: Ints, counts: Ints
) -> NDArray[np.bool_]:
    """Replace leading and trailing by those that are written; True where they are written anew."""
    order = np.argsort(-counts, kind="stable")
    firsts, fewer = firsts[order], -counts[order]
    held_leading = np.full(len(firsts), _UNSET)
    held_trailing = np.zeros(len(firsts), np.uint64)
    is_new = np.zeros(len(change), np.bool_)
    for number in range(1, int(-fewer[0])):
        going = int(fewer.searchsorted(-number))
        rows = firsts[:going] + number
        here_leading, here_trailing = leading[rows], trailing[rows]
        kept_leading, kept_trailing = held_leading[:going], held_trailing[:going]
        differs = change[rows] != 0
        fits = (here_leading >= kept_leading) & (here_trailing >= kept_trailing)
        new = differs & ~fits
        np.copyto(kept_leading, here_leading, where=new)
        np.copyto(kept_trailing, here_trailing, where=new)
        leading[rows], trailing[rows], is_new[rows] = kept_leading, kept_trailing, new
    return is_new


def _laid_out(fields: _Fields, chunk_ends: Ints) -> tuple[bytes, Ints]:
    """All fields one after the other, each chunk from a whole octet on."""
    bit_ends = np.cumsum(fields.lengths.sum(axis=1))[chunk_ends - 1]
    octets = -(-np.diff(bit_ends, prepend=0) // 8)
    octet_ends = np.cumsum(octets)
    padding = octet_ends * 8 - bit_ends
    is_there = fields.lengths.ravel() > 0
    bits, lengths = fields.bits.ravel()[is_there], fields.lengths.ravel()[is_there]
    ends = np.cumsum(lengths)
    shift = np.concatenate([[0], padding[:-1]])
    per_chunk = np.diff(np.concatenate([[0], np.cumsum(is_there)[4 * chunk_ends - 1]]))
    ends += np.repeat(shift, per_chunk)
    words = np.zeros(int(octet_ends[-1]) // 8 + 2, np.uint64)
    last_word, room = ends - 1 >> 6, (-ends & 63).astype(np.uint64)
    _add(words, last_word, bits << room)
    spills = np.flatnonzero((ends - lengths) >> 6 < last_word)
    _add(words, last_word[spills] - 1, bits[spills] >> (_U[64] - room[spills]))
    return words.astype(">u8").tobytes()[: int(octet_ends[-1])], octet_ends


def _add(words: Words, places: Ints, bits: Words) -> None:
    """Lay bits into words; of one place all at once, they do not overlap."""
    if not len(places):
        return
    first = np.concatenate([[True], places[1:] != places[:-1]])
    words[places[first]] |= np.bitwise_or.reduceat(bits, np.flatnonzero(first))
