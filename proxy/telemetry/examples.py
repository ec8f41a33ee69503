"""Traces as examples in metrics that several processes add up: the client library keeps none there.

Each process shows its own; whichever answers, its examples are those of a part of the requests.
"""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING

from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric
    from prometheus_client.registry import Collector
    from prometheus_client.samples import Sample

_Bucket = tuple[str, frozenset[tuple[str, str]]]


class Examples:
    """The last trace that fell into each bucket of each histogram."""

    def __init__(self) -> None:
        self._known: dict[_Bucket, Exemplar] = {}

    def remember(
        self, name: str, labels: dict[str, str], bound: float, value: float, trace_id: str
    ) -> None:
        """bound: the bucket's upper one."""
        at: str = floatToGoString(bound)  # type: ignore[no-untyped-call]
        bucket = frozenset({**labels, "le": at}.items())
        moment_s = time_ns() / 1e9
        self._known[f"{name}_bucket", bucket] = Exemplar({"trace_id": trace_id}, value, moment_s)

    def shown(self, sample: Sample) -> Sample:
        """The sample, with its example if there is one."""
        if not sample.name.endswith("_bucket"):
            return sample
        known = self._known.get((sample.name, frozenset(sample.labels.items())))
        return sample if known is None else sample._replace(exemplar=known)


EXAMPLES = Examples()


class WithExamples:
    """What a collector collects, with examples."""

    def __init__(self, inner: Collector, examples: Examples = EXAMPLES) -> None:
        self._inner = inner
        self._examples = examples

    def collect(self) -> Iterable[Metric]:
        """See `prometheus_client.registry.Collector`."""
        for metric in self._inner.collect():
            if metric.type == "histogram":
                metric.samples = [self._examples.shown(sample) for sample in metric.samples]
            yield metric
