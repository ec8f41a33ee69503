"""Counts of what happens in every request, in plain Python: a metric's own way costs ten times as much.

They are carried into their metrics before these are read, and once a second.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING

from proxy.telemetry.examples import EXAMPLES
from proxy.telemetry.registry import REGISTRY

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

Labels = tuple[str | int, ...]


class Count:
    """Counts events by their labels. totals: what was carried so far."""

    def __init__(self, metric: Counter) -> None:
        self._metric = metric
        self._counts: dict[Labels, int] = {}
        self.totals: dict[Labels, int] = {}
        REGISTRY.before_reading(self.carry)

    def add(self, labels: Labels, amount: int = 1) -> None:
        self._counts[labels] = self._counts.get(labels, 0) + amount

    def carry(self) -> None:
        """Move what was counted into the metric."""
        counts, self._counts = self._counts, {}
        for labels, count in counts.items():
            self._metric.labels(*labels).inc(count)
            self.totals[labels] = self.totals.get(labels, 0) + count


class Spread:
    """How often values fell into each of a histogram's buckets; one more is for those above all.

    exemplars: by bucket, a value and the trace in which it was seen.
    """

    __slots__ = ("bounds", "counts", "exemplars", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        self.exemplars: dict[int, tuple[float, str]] = {}


class Durations:
    """Spreads seconds over a histogram's buckets, by one label. totals: the buckets carried so far."""

    def __init__(self, metric: Histogram, bounds: tuple[float, ...]) -> None:
        self._metric = metric
        self._bounds = bounds
        self._spreads: dict[str, Spread] = {}
        self.totals: dict[str, list[int]] = {}
        REGISTRY.before_reading(self.carry)

    def add(self, label: str, seconds: float) -> None:
        spread = self._spreads.get(label) or self._new(label)
        spread.counts[bisect_left(self._bounds, seconds)] += 1
        spread.total += seconds

    def add_traced(self, label: str, seconds: float, trace_id: str) -> None:
        """As `add`; of each bucket the last trace is an example."""
        self.add(label, seconds)
        example = (seconds, trace_id)
        self._spreads[label].exemplars[bisect_left(self._bounds, seconds)] = example

    def _new(self, label: str) -> Spread:
        spread = self._spreads[label] = Spread(self._bounds)
        return spread

    def carry(self) -> None:
        """Move what was counted into the metric."""
        spreads, self._spreads = self._spreads, {}
        for label, spread in spreads.items():
            _add_to(self._metric.labels(label), spread)
            self._remember(label, spread)
            before = self.totals.get(label) or [0] * len(spread.counts)
            self.totals[label] = [old + new for old, new in zip(before, spread.counts, strict=True)]

    def _remember(self, label: str, spread: Spread) -> None:
        """For `/metrics` of several processes."""
        labels = {self._metric._labelnames[0]: label}  # noqa: SLF001
        for number, (value, trace_id) in spread.exemplars.items():
            bound = (*self._bounds, math.inf)[number]
            EXAMPLES.remember(self._metric._name, labels, bound, value, trace_id)  # noqa: SLF001


def _add_to(child: Histogram, spread: Spread) -> None:
    """What `Histogram.observe` does, for all values at once; the client has no public way for that."""
    total, counts = spread.total, list(spread.counts)
    for number, (value, trace_id) in spread.exemplars.items():
        child.observe(value, exemplar={"trace_id": trace_id})
        counts[number] -= 1
        total -= value
    child._sum.inc(total)  # noqa: SLF001
    for bucket, count in zip(child._buckets, counts, strict=True):  # noqa: SLF001
        if count:
            bucket.inc(count)
