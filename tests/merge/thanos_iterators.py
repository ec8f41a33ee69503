"""Thanos's iterators, line by line: what the fast code in `proxy` must agree with.

Ports of `pkg/dedup/iter.go`, `pkg/query/iter.go` and of `ApplyCounterResetsSeriesIterator` in
`pkg/compact/downsample/downsample.go`. A chunk is a list of `(time, value)`; a value is a float, or a
str that stands for a histogram.
"""

from __future__ import annotations

import math
from typing import Protocol

Value = float | str
Sample = tuple[int, Value]
Chunk = list[Sample]

MIN_INT64 = -(1 << 63)
NONE, FLOAT, HISTOGRAM = 0, 1, 2


class Iterator(Protocol):
    def next(self) -> int: ...

    def seek(self, t: int) -> int: ...

    def at(self) -> Sample: ...


class Adjustable(Iterator, Protocol):
    def adjust_at_value(self, last: float) -> None: ...


def kind_of(value: Value) -> int:
    return HISTOGRAM if isinstance(value, str) else FLOAT


class ChunkIterator:
    """`xorIterator` and its like for histograms."""

    def __init__(self, samples: Chunk) -> None:
        self.samples = samples
        self.read = 0

    def next(self) -> int:
        if self.read == len(self.samples):
            return NONE
        self.read += 1
        return kind_of(self.at()[1])

    def at(self) -> Sample:
        return self.samples[self.read - 1] if self.read else (MIN_INT64, 0.0)


class ChunkSeriesIterator:
    """`chunkSeriesIterator`: chunks one after another, without going back in time."""

    def __init__(self, chunks: list[Chunk]) -> None:
        self.chunks = [ChunkIterator(chunk) for chunk in chunks]
        self.i = 0
        self.last_val = NONE

    def at(self) -> Sample:
        return self.chunks[self.i].at()

    def seek(self, t: int) -> int:
        while self.at()[0] < t:
            self.last_val = self.next()
            if self.last_val == NONE:
                return NONE
        return self.last_val

    def next(self) -> int:
        last_t = self.at()[0]
        kind = self.chunks[self.i].next()
        if kind != NONE:
            self.last_val = kind
            return kind
        if self.i >= len(self.chunks) - 1:
            return NONE
        self.i += 1
        return self.seek(last_t + 1)


class ApplyCounterResets:
    """`ApplyCounterResetsSeriesIterator`."""

    def __init__(self, chunks: list[Chunk]) -> None:
        self.chunks = [ChunkIterator(chunk) for chunk in chunks]
        self.i = 0
        self.total = 0
        self.last_t = 0
        self.last_v = 0.0
        self.total_v = 0.0
        self.last_val = NONE

    def next(self) -> int:
        while True:
            if self.i >= len(self.chunks):
                return NONE
            self.last_val = self.chunks[self.i].next()
            if self.last_val == NONE:
                self.i += 1
                return self.seek(self.last_t + 1)
            t, v = self.chunks[self.i].at()
            if isinstance(v, str):
                self.last_t = t
                return self.last_val
            if math.isnan(v):
                continue
            if self.total == 0 or t > self.last_t:
                self.total_v += v - self.last_v if self.total and v >= self.last_v else v
                self.last_t, self.last_v = t, v
                self.total += 1
                return FLOAT
            if t == self.last_t:
                self.last_v = v

    def seek(self, x: int) -> int:
        while self.last_t < x:
            if self.next() == NONE:
                return NONE
        return self.last_val

    def at(self) -> Sample:
        if self.i < len(self.chunks) and self.last_val == HISTOGRAM:
            return self.chunks[self.i].at()
        return self.last_t, self.total_v


class Bounded:
    """`boundedSeriesIterator`."""

    def __init__(self, it: Iterator, mint: int, maxt: int) -> None:
        self.it, self.mint, self.maxt = it, mint, maxt

    def seek(self, t: int) -> int:
        return NONE if t > self.maxt else self.it.seek(max(t, self.mint))

    def next(self) -> int:
        kind = self.it.next()
        if kind == NONE:
            return NONE
        if self.it.at()[0] < self.mint and self.seek(self.mint) == NONE:
            return NONE
        return kind if self.it.at()[0] <= self.maxt else NONE

    def at(self) -> Sample:
        return self.it.at()


class NoAdjust:
    """`noopAdjustableSeriesIterator`."""

    def __init__(self, it: Iterator) -> None:
        self.it = it

    def next(self) -> int:
        return self.it.next()

    def seek(self, t: int) -> int:
        return self.it.seek(t)

    def at(self) -> Sample:
        return self.it.at()

    def adjust_at_value(self, last: float) -> None:
        del last


class CounterErrAdjust(NoAdjust):
    """`counterErrAdjustSeriesIterator`."""

    err_adjust = 0.0

    def at(self) -> Sample:
        t, v = self.it.at()
        return t, v if isinstance(v, str) else v + self.err_adjust

    def adjust_at_value(self, last: float) -> None:
        v = self.at()[1]
        if not isinstance(v, str) and last > v:
            self.err_adjust += last - v


class DedupSeriesIterator:
    """`dedupSeriesIterator`."""

    def __init__(self, a: Adjustable, b: Adjustable) -> None:
        self.a, self.b = a, b
        self.last_t = MIN_INT64
        self.last_iter: Iterator = a
        self.pen_a = self.pen_b = 0
        self.use_a = True
        self.aval, self.bval = a.next(), b.next()

    def next(self) -> int:
        last = self._last_float()
        last_use_a = self.use_a
        kind = self._next()
        if self.use_a != last_use_a and last is not None:
            self.adjust_at_value(last)
        return kind

    def _next(self) -> int:
        if self.aval != NONE:
            self.aval = self.a.seek(self.last_t + 1 + self.pen_a)
        if self.bval != NONE:
            self.bval = self.b.seek(self.last_t + 1 + self.pen_b)
        if self.aval == NONE:
            self.use_a = False
            if self.bval != NONE:
                self.last_t, self.last_iter, self.pen_b = self.b.at()[0], self.b, 0
            return self.bval
        if self.bval == NONE:
            self.use_a = True
            self.last_t, self.last_iter, self.pen_a = self.a.at()[0], self.a, 0
            return self.aval
        ta, tb = self.a.at()[0], self.b.at()[0]
        self.use_a = ta <= tb
        known = self.last_t != MIN_INT64
        if self.use_a:
            self.pen_b = 2 * (ta - self.last_t) if known else 5000
            self.pen_a, self.last_t, self.last_iter = 0, ta, self.a
            return self.aval
        self.pen_a = 2 * (tb - self.last_t) if known else 5000
        self.pen_b, self.last_t, self.last_iter = 0, tb, self.b
        return self.bval

    def _last_float(self) -> float | None:
        if (self.aval if self.use_a else self.bval) != FLOAT:
            return None
        value = self.last_iter.at()[1]
        assert not isinstance(value, str)
        return value

    def adjust_at_value(self, last: float) -> None:
        if self.aval == FLOAT:
            self.a.adjust_at_value(last)
        if self.bval == FLOAT:
            self.b.adjust_at_value(last)

    def seek(self, t: int) -> int:
        while True:
            ts = (self.a if self.use_a else self.b).at()[0]
            if ts >= t:
                return (self.a if self.use_a else self.b).seek(ts)
            if self.next() == NONE:
                return NONE

    def at(self) -> Sample:
        return self.last_iter.at()


def read(it: Iterator) -> list[Sample]:
    """All that an iterator yields by `next`."""
    samples = []
    while it.next() != NONE:
        samples.append(it.at())
    return samples


def deduplicated(
    replicas: list[list[Chunk]], *, levelled: bool, adjusted: bool, mint: int, maxt: int
) -> list[Sample]:
    """What `dedupSeries` yields between two times.

    levelled: the aggregate is `COUNTER`. adjusted: the function is one that `isCounter` names.
    """
    its: list[Adjustable] = []
    for chunks in replicas:
        chain: Iterator = ApplyCounterResets(chunks) if levelled else ChunkSeriesIterator(chunks)
        bounded = Bounded(chain, mint, maxt)
        its.append(CounterErrAdjust(bounded) if adjusted else NoAdjust(bounded))
    it = its[0]
    for other in its[1:]:
        it = DedupSeriesIterator(it, other)
    return [sample for sample in read(it) if mint <= sample[0] <= maxt]
