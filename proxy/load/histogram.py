"""A histogram of high dynamic range: any positive value, kept to better than 1 %.

Buckets are 128 to each doubling, evenly spaced within it, as in HdrHistogram; only those that hold
something take memory. So a microsecond and an hour fit into the same few hundred counters.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PER_DOUBLING = 128
LEAST = 1e-6
"""Smaller values, and 0, are counted as this one."""


class Histogram:
    """Counts of values. The unit is the caller's: what goes in comes out."""

    __slots__ = ("_counts", "_squares", "_sum", "high", "low", "total")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._sum = self._squares = 0.0
        self.total = 0
        self.low, self.high = math.inf, 0.0

    def record(self, value: float) -> None:
        """Count one value."""
        value = max(value, LEAST)
        index = _index(value)
        self._counts[index] = self._counts.get(index, 0) + 1
        self.total += 1
        self._sum += value
        self._squares += value * value
        self.low, self.high = min(self.low, value), max(self.high, value)

    def merge(self, other: Histogram) -> None:
        """Count everything that another histogram has counted."""
        for index, count in other._counts.items():
            self._counts[index] = self._counts.get(index, 0) + count
        self.total += other.total
        self._sum += other._sum
        self._squares += other._squares
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)

    def percentile(self, percent: float) -> float:
        """The value that `percent` of all values do not exceed, at most 0.8 % too high; 0 if none."""
        wanted = max(1, math.ceil(self.total * percent / 100 - 1e-9))
        for value, count in self.cumulative():
            if count >= wanted:
                return value
        return 0.0

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """Each bucket's highest value with the number of values up to it, ascending."""
        count = 0
        for index in sorted(self._counts):
            count += self._counts[index]
            yield min(_upper(index), self.high), count

    @property
    def mean(self) -> float:
        """0 if nothing was counted."""
        return self._sum / self.total if self.total else 0.0

    @property
    def deviation(self) -> float:
        """The standard deviation of what was counted."""
        if not self.total:
            return 0.0
        return math.sqrt(max(0.0, self._squares / self.total - self.mean**2))


def _index(value: float) -> int:
    mantissa, exponent = math.frexp(value)  # 0.5 <= mantissa < 1
    return exponent * PER_DOUBLING + int((mantissa - 0.5) * 2 * PER_DOUBLING)


def _upper(index: int) -> float:
    exponent, step = divmod(index, PER_DOUBLING)
    return math.ldexp(0.5 + (step + 1) / (2 * PER_DOUBLING), exponent)
