"""Float chunks to columns, many of them in lock-step: sample 0 of all, then sample 1 of all, …

A payload is the number of its samples (16 bits), then for each sample its time and its value:

- of sample 0 the time as varint and the 64 bits of the value
- of sample 1 the time's delta as uvarint; its value is told as that of those that follow
- from then on how the delta changed: `0` not at all, or a prefix and the number: `10` 14 bits,
  `110` 17 bits, `1110` 20 bits, `1111` 64 bits
- and what changed in the bits of the value: `0` nothing; `10` and the bits, at the place where they
  were last time; `11`, how many zeros are in front (5 bits), how many bits there are (6 bits, 0
  stands for 64), and these

Source: Prometheus, tsdb/chunkenc/xor.go (`xorIterator`).
"""

from __future__ import annotations

import numpy as np

from proxy.codec.bits import (
    Bytes,
    Rows,
    Words,
    in_lock_step,
    lock_step_end,
    read_uvarints,
    to_words,
    unzigzag,
    words_at,
)
from proxy.codec.chunk_error import ChunkError
from proxy.codec.xor_decode_one import COUNT_BYTES, Position, decode_one, decode_rest, to_digits
from proxy.model.samples import Samples

_LANES = 4096
"""As many chunks go in lock-step: their columns stay in the processor's second-level cache."""
_FEW = 24
"""As few are faster one after another."""
_SPARSE = 2
"""Payloads that are less than one part in so many of the data around them are copied together."""

_PLACE_FOLLOWS = np.uint64(0b11 << 62)
_WIDE = 0b1111
_WIDE_BITS = 68
_SKIP = np.array([0] * 8 + [2] * 4 + [3] * 2 + [4] * 2, np.uint64)
"""By the first four bits: how long the prefix is, …"""
_UNUSED = np.array([63] * 8 + [50] * 4 + [47] * 2 + [44] * 2, np.uint64)
"""how many of 64 bits do not belong to the number that follows it, …"""
_HALF = np.uint64(1) << _UNUSED
_LENGTH = np.array([1] * 8 + [16] * 4 + [20] * 2 + [24] * 2, np.int64)
"""and how long both are."""


def decode_xor(data: bytes, starts: Rows, ends: Rows) -> Samples:
    """All samples of some chunks, in the order in which the chunks are given.

    Args:
        data: what the payloads lie in.
        starts: int64[chunks], where each payload begins; in any order, gaps do not matter.
        ends: int64[chunks], where it ends. What follows its samples is not looked at, as in
            Prometheus.

    Raises:
        ChunkError: a payload is malformed, or ends before its samples do.
    """
    counts = _sample_counts(data, starts, ends)
    samples = _blank(counts)
    if len(counts) <= _FEW:
        _decode_one_by_one(data, starts, ends, samples)
        return samples
    raw, starts, ends = _close_together(data, starts, ends)
    decoder = _Decoder(raw, starts, ends, samples)
    rows = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    for first in range(0, len(rows), _LANES):
        decoder.decode(rows[first : first + _LANES])
    return samples


def _sample_counts(data: bytes, starts: Rows, ends: Rows) -> Rows:
    """What the payloads say, if they are long enough for it: what is allocated has a bound."""
    sizes = ends - starts
    if np.any(starts < 0) or np.any(ends > len(data)) or np.any(sizes < COUNT_BYTES):
        raise ChunkError("a chunk without its number of samples")
    raw = np.frombuffer(data, np.uint8)
    counts = raw[starts].astype(np.int64) << 8 | raw[starts + 1]
    least_bits = np.where(counts > 0, 72, 0) + np.where(counts > 1, 5 + 2 * counts, 0)
    if np.any(least_bits > 8 * (sizes - COUNT_BYTES)):
        raise ChunkError("a chunk is too short for its samples")
    return counts


def _blank(counts: Rows) -> Samples:
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return Samples(np.empty(total, np.int64), np.empty(total, np.float64), ends)


def _decode_one_by_one(data: bytes, starts: Rows, ends: Rows, samples: Samples) -> None:
    bits = samples.values.view(np.uint64)
    first = 0
    bounds = (starts.tolist(), ends.tolist(), samples.ends.tolist())
    for start, end, last in zip(*bounds, strict=True):
        if last > first:
            decode_one(data[start:end], samples.times_ms[first:last], bits[first:last])
        first = last


def _close_together(data: bytes, starts: Rows, ends: Rows) -> tuple[Bytes, Rows, Rows]:
    """The part of the data that the payloads lie in, and where they do."""
    low, high = int(starts.min()), int(ends.max())
    sizes = ends - starts
    if _SPARSE * int(sizes.sum()) >= high - low:
        return np.frombuffer(data, np.uint8)[low:high], starts - low, ends - low
    payloads = zip(starts.tolist(), ends.tolist(), strict=True)
    joined = b"".join([data[start:end] for start, end in payloads])
    ends = np.cumsum(sizes)
    return np.frombuffer(joined, np.uint8), ends - sizes, ends


class _Decoder:
    """What all groups of chunks share: where the payloads are, and where their samples go."""

    __slots__ = ("_bits", "_counts", "_ends", "_firsts", "_raw", "_starts", "_times_ms", "_words")

    def __init__(self, raw: Bytes, starts: Rows, ends: Rows, samples: Samples) -> None:
        self._raw = raw
        self._words = to_words(raw)
        self._starts = starts
        self._ends = ends
        self._times_ms = samples.times_ms
        self._bits = samples.values.view(np.uint64)
        self._firsts = samples.starts
        self._counts = samples.ends - self._firsts

    def decode(self, rows: Rows) -> None:
        """A group of chunks, none without samples, those with most samples first."""
        counts, firsts = self._counts[rows], self._firsts[rows]
        lanes = self._first_samples(rows)
        at_bits = lanes.at_bits
        for active, number, where in in_lock_step(firsts, counts, _FEW):
            lanes.narrow(active)
            lanes.read_sample(has_dod=number > 1)
            self._times_ms[where] = lanes.time_ms
            self._bits[where] = lanes.bits
        if np.any(at_bits > 8 * self._ends[rows]):
            raise ChunkError("a chunk ends before its samples do")
        end = lock_step_end(counts, _FEW)
        for lane in range(np.count_nonzero(counts > end)):
            self._finish(int(rows[lane]), end, lanes.position(lane))

    def _first_samples(self, rows: Rows) -> _Lanes:
        """Sample 0 of each chunk, and the delta to sample 1 where there is one."""
        at = self._starts[rows] + COUNT_BYTES
        zigzagged, sizes = read_uvarints(self._raw, at)
        value_at = at + sizes
        lanes = _Lanes(self._words, unzigzag(zigzagged), words_at(self._words, 8 * value_at))
        self._times_ms[self._firsts[rows]] = lanes.time_ms
        self._bits[self._firsts[rows]] = lanes.bits
        deltas, delta_sizes = read_uvarints(self._raw, value_at + 8)
        lanes.delta_ms[:] = deltas.view(np.int64)
        is_alone = self._counts[rows] == 1
        if np.any((sizes == 0) | ((delta_sizes == 0) & ~is_alone)):
            raise ChunkError("a chunk without its first times")
        lanes.at_bits[:] = 8 * (value_at + 8 + np.where(is_alone, 0, delta_sizes))
        return lanes

    def _finish(self, row: int, number: int, position: Position) -> None:
        """The samples of one chunk from a number on."""
        start, first = int(self._starts[row]), int(self._firsts[row])
        last = first + int(self._counts[row])
        payload = self._raw[start : self._ends[row]].tobytes()
        if number == 1:
            decode_one(payload, self._times_ms[first:last], self._bits[first:last])
            return
        position = position._replace(at=position.at - 8 * start)
        rest = slice(first + number, last)
        decode_rest(to_digits(payload), position, self._times_ms[rest], self._bits[rest])


class _Lanes:
    """Chunks that are read in lock-step. Each column has one row for each of them.

    at_bits: int64, where the next bit is. time_ms, delta_ms: int64. bits: uint64, of the value.
    width (int64), unused, trailing (uint64): how many bits a changed value has, 64 less that, and how
    many zeros are behind them. The others are scratch: reading makes no new columns.
    """

    __slots__ = (
        "_changed",
        "_index",
        "_low",
        "_offset",
        "_window",
        "_words",
        "at_bits",
        "bits",
        "delta_ms",
        "time_ms",
        "trailing",
        "unused",
        "width",
    )

    def __init__(self, words: Words, time_ms: Rows, bits: Words) -> None:
        lanes = len(bits)
        self._words = words
        self.time_ms = time_ms
        self.bits = bits
        self.at_bits, self.delta_ms, self._index, self._changed = np.empty((4, lanes), np.int64)
        self._window, self._low, self._offset = np.empty((3, lanes), np.uint64)
        self.width = np.full(lanes, 64, np.int64)
        self.unused, self.trailing = np.zeros((2, lanes), np.uint64)

    def narrow(self, lanes: int) -> None:
        """Only the first so many go on."""
        if lanes == len(self.bits):
            return
        for name in self.__slots__:
            if name != "_words":
                setattr(self, name, getattr(self, name)[:lanes])

    def position(self, lane: int) -> Position:
        columns = (self.at_bits, self.time_ms, self.delta_ms, self.bits, self.width, self.trailing)
        return Position(*(int(column[lane]) for column in columns))

    def read_sample(self, has_dod: bool) -> None:
        """The next time and value of each."""
        if has_dod:
            self._load()
            if self._window.view(np.int64).min() < 0:
                self._change_deltas()
            else:
                np.left_shift(self._window, 1, out=self._window)
                np.add(self.at_bits, 1, out=self.at_bits)
        else:
            self._load()
        np.add(self.time_ms, self.delta_ms, out=self.time_ms)
        self._read_values()

    def _load(self) -> None:
        """`words_at`, without new columns."""
        index, offset, low = self._index, self._offset, self._low
        np.right_shift(self.at_bits, 6, out=index)
        np.take(self._words, index, out=self._window, mode="clip")
        np.take(self._words[1:], index, out=low, mode="clip")
        np.bitwise_and(self.at_bits.view(np.uint64), 63, out=offset)
        np.left_shift(self._window, offset, out=self._window)
        np.subtract(64, offset, out=offset)
        np.right_shift(low, offset, out=low)
        np.bitwise_or(self._window, low, out=self._window)

    def _change_deltas(self) -> None:
        """What the bits in the window say of the deltas."""
        window = self._window
        kind = (window >> np.uint64(60)).view(np.int64)
        # One more than half of the numbers are above 0: not quite two's complement.
        dods = ((window << _SKIP[kind]) - _HALF[kind]).view(np.int64) >> _UNUSED[kind].view(np.int64)
        dods += 1
        length = _LENGTH[kind]
        wide = np.flatnonzero(kind == _WIDE)
        if len(wide):
            dods[wide] = words_at(self._words, self.at_bits[wide] + 4).view(np.int64)
            length[wide] = 68
        self.delta_ms += dods
        self.at_bits += length
        window <<= length.view(np.uint64)
        if len(wide):
            window[wide] = words_at(self._words, self.at_bits[wide])

    def _read_values(self) -> None:
        """What changed in the bits of each value, and where the next sample begins."""
        window, changed = self._window, self._changed
        np.right_shift(window.view(np.int64), 63, out=changed)  # all bits set where it has changed
        np.add(self.at_bits, 1, out=self.at_bits)
        if not changed.any():
            return
        np.subtract(self.at_bits, changed, out=self.at_bits)
        has_place = window >= _PLACE_FOLLOWS
        if has_place.any():
            self._change_places(np.flatnonzero(has_place))
        self._load()
        np.right_shift(window, self.unused, out=window)
        np.left_shift(window, self.trailing, out=window)
        np.bitwise_and(window, changed.view(np.uint64), out=window)
        np.bitwise_xor(self.bits, window, out=self.bits)
        np.bitwise_and(changed, self.width, out=changed)
        np.add(self.at_bits, changed, out=self.at_bits)

    def _change_places(self, lanes: Rows) -> None:
        """Where the changed bits of some lie from now on."""
        window = self._window[lanes]
        leading = (window >> np.uint64(57) & np.uint64(31)).view(np.int64)
        width = (((window >> np.uint64(51)).view(np.int64) - 1) & 63) + 1  # 0 stands for 64
        trailing = 64 - leading - width
        if trailing.min() < 0:
            raise ChunkError("a float of more than 64 bits in a chunk")
        self.width[lanes] = width
        self.unused[lanes] = 64 - width
        self.trailing[lanes] = trailing
        self.at_bits[lanes] += 11
