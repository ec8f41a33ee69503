"""Float chunks to columns, many of them in lock-step: sample 0 of all, then sample 1 of all.

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
    in_lock_step,
    lock_step_end,
    read_uvarints,
    to_words,
    unzigzag,
    words_at,
)
from proxy.codec.chunk_error import ChunkError
from proxy.codec.xor_decode_one import (
    COUNT_BYTES,
    MOST_SAMPLE_BYTES,
    Position,
    decode_one,
    decode_rest,
    to_digits,
)
from proxy.codec.xor_lanes import Lanes
from proxy.model.samples import Samples

_LANES = 4096
"""As many chunks go in lock-step: their columns stay in the processor's second-level cache."""
_FEW = 40
"""As few are faster one after another."""
_SPARSE = 2
"""Payloads that are less than one part in so many of the data around them are copied together."""
_VALUE_BYTES = 8


def decode_xor(data: bytes, starts: Rows, ends: Rows) -> Samples:
    """All samples of some chunks, in the order in which the chunks are given.

    Args:
        data: what the payloads lie in.
        starts: int64[chunks], where each payload begins; in any order, gaps do not matter.
        ends: int64[chunks], where it ends. What follows its samples is not looked at, as in
            Prometheus.

    Returns:
        At most four samples, 64 bytes, for each byte of the payloads.

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
    """What the payloads say, if they are long enough: so what is allocated for them has a bound."""
    sizes = ends - starts
    if np.any(starts < 0) or np.any(ends > len(data)) or np.any(sizes < COUNT_BYTES):
        raise ChunkError("a chunk without its number of samples")
    raw = np.frombuffer(data, np.uint8)
    counts = raw[starts].astype(np.int64) << 8 | raw[starts + 1]
    # Sample 0 takes 9 bytes, sample 1 a byte and a bit, each other one two bits, or more.
    least_bits = np.where(counts > 0, 72, 0) + np.where(counts > 1, 9 + 2 * (counts - 2), 0)
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

    def _first_samples(self, rows: Rows) -> Lanes:
        """Sample 0 of each chunk, and the delta to sample 1 where there is one."""
        at = self._starts[rows] + COUNT_BYTES
        zigzagged, sizes = read_uvarints(self._raw, at)
        value_at = at + sizes
        lanes = Lanes(self._words, unzigzag(zigzagged), words_at(self._words, 8 * value_at))
        self._times_ms[self._firsts[rows]] = lanes.time_ms
        self._bits[self._firsts[rows]] = lanes.bits
        deltas, delta_sizes = read_uvarints(self._raw, value_at + _VALUE_BYTES)
        lanes.delta_ms[:] = deltas.view(np.int64)
        is_alone = self._counts[rows] == 1
        if np.any((sizes == 0) | ((delta_sizes == 0) & ~is_alone)):
            raise ChunkError("a chunk without its first times")
        lanes.at_bits[:] = 8 * (value_at + _VALUE_BYTES + np.where(is_alone, 0, delta_sizes))
        return lanes

    def _finish(self, row: int, number: int, position: Position) -> None:
        """The samples of one chunk from a number on."""
        start, end, first = int(self._starts[row]), int(self._ends[row]), int(self._firsts[row])
        last = first + int(self._counts[row])
        if number == 1:
            payload = self._raw[start:end].tobytes()
            decode_one(payload, self._times_ms[first:last], self._bits[first:last])
            return
        rest = slice(first + number, last)
        start = position.at // 8
        end = min(end, start + 1 + MOST_SAMPLE_BYTES * (last - first - number))
        digits = to_digits(self._raw[start:end].tobytes())
        position = position._replace(at=position.at - 8 * start)
        decode_rest(digits, position, self._times_ms[rest], self._bits[rest])
