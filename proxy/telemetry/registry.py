"""Where metrics live. What is counted in plain Python is carried over before they are read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, multiprocess

from proxy.telemetry.examples import WithExamples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client import Metric

METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus_client adds up the metrics of several processes."""


class Registry(CollectorRegistry):
    """A registry that others may tell to be up to date before it is read."""

    def __init__(self) -> None:
        super().__init__()
        self._carriers: list[Callable[[], None]] = []

    def before_reading(self, carry: Callable[[], None]) -> None:
        """Call `carry` whenever metrics are about to be read."""
        self._carriers.append(carry)

    def carry(self) -> None:
        """Bring all metrics up to date."""
        for one in self._carriers:
            one()

    def collect(self) -> Iterable[Metric]:
        """See `CollectorRegistry.collect`."""
        self.carry()
        return super().collect()


REGISTRY = Registry()
ProcessCollector(registry=REGISTRY)


def shown_registry() -> CollectorRegistry:
    """What `/metrics` shows: of several processes the sum, written to files by each of them.

    Of the other processes' plain counts up to a second is missing.
    """
    if METRICS_VARIABLE not in os.environ:
        return REGISTRY
    REGISTRY.carry()
    together = CollectorRegistry()
    summed = multiprocess.MultiProcessCollector(None)  # type: ignore[no-untyped-call]
    together.register(WithExamples(summed))
    return together


def reading(metric: Counter | Gauge) -> float:
    """This process's value of a metric without labels, or of one child of a metric with labels."""
    family = next(iter(metric.collect()))
    return next((s.value for s in family.samples if not s.name.endswith("_created")), 0.0)


def drop(metric: Counter | Gauge, *labels: str) -> None:
    """Show a child no more. Several processes cannot take back what they wrote: gauges say 0."""
    if METRICS_VARIABLE not in os.environ:
        metric.remove(*labels)
    elif isinstance(metric, Gauge):
        metric.labels(*labels).set(0)
