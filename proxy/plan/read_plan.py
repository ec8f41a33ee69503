"""What to ask for a remote-read query, and the key under which its samples are kept. Pure."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass

from proxy.model.grid import Grid
from proxy.model.read_query import Matcher, MatchType, Reader, ReadQuery, SampleAsk
from proxy.plan.cache_key import CacheKey, samples_key
from proxy.plan.partition import Run

EARLIEST_MS = -62_135_596_800_000
"""The year 1; Prometheus's `minTime` lies further back than any clock."""
LATEST_MS = 7_258_118_400_000
"""The year 2200. A PromQL range can be 292 years long, so one that ends here reaches all samples."""

COUNTER_FUNCTIONS = frozenset({"increase", "rate", "irate", "resets"})
"""Under these Thanos levels replicas of a counter (`pkg/dedup/iter.go`, `isCounter`)."""
TWO_SAMPLE_FUNCTIONS = COUNTER_FUNCTIONS - {"resets"} | {
    "delta",
    "deriv",
    "double_exponential_smoothing",
    "holt_winters",
    "idelta",
    "predict_linear",
}
"""They need two samples in their range (Thanos `pkg/query/querier.go`)."""
_NAME = "__name__"


@dataclass(frozen=True, slots=True)
class ReadPolicy:
    """How remote reads are asked.

    source: names the kind of source, a part of the key. window_ms: reads are cut and kept at
    multiples of it. most_windows: a longer read is not cut, and not kept. max_resolution_ms: the
    coarsest downsampled data to take; 0 is raw only. parallelism: windows fetched at once for one
    read. memory_bytes: what they may fill; what is larger is streamed.
    """

    source: str
    window_ms: int
    most_windows: int
    max_resolution_ms: int
    partial_response: bool
    parallelism: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """What a remote-read query comes to.

    span: its milliseconds, as a grid whose step is 1. key: None when nothing may be kept of it.
    """

    ask: SampleAsk
    span: Grid
    key: CacheKey | None
    window_ms: int

    @property
    def metric_names(self) -> frozenset[str] | None:
        """The metrics that it can read; None when it may be any."""
        names = {m.value for m in self.ask.matchers if m.name == _NAME and m.kind is MatchType.EQUAL}
        return frozenset(names) or None

    def ask_for(self, run: Run) -> SampleAsk:
        """The ask for a part of it: the milliseconds `run`, counted from the epoch."""
        return dataclasses.replace(self.ask, first_ms=run.first, last_ms=run.end - 1)

    def windows(self, run: Run) -> list[Run]:
        """A run of milliseconds, counted from the epoch, cut at multiples of the window: as kept."""
        size = self.window_ms
        cuts = range((run.first // size + 1) * size, run.end, size)
        edges = [run.first, *cuts, run.end]
        return [Run(first, end) for first, end in itertools.pairwise(edges)]

    def fetches(self, run: Run) -> list[Run]:
        """The same, as asked for: what is no longer than a window is one fetch."""
        return [run] if run.steps <= self.window_ms else self.windows(run)


def plan_read(query: ReadQuery, policy: ReadPolicy, reader: Reader) -> ReadPlan:
    """Plan a query whose times are in order."""
    first_ms, last_ms = max(query.start_ms, EARLIEST_MS), min(query.end_ms, LATEST_MS)
    last_ms = max(last_ms, first_ms)
    ask = SampleAsk(
        first_ms=first_ms,
        last_ms=last_ms,
        matchers=_of_tenant(query.matchers, reader),
        func=query.hints.func,
        max_resolution_ms=_resolution_ms(query, policy.max_resolution_ms),
        replica_labels=reader.replica_labels,
        is_chain=reader.is_chain,
        partial_response=policy.partial_response,
    )
    span = Grid.between(first_ms, last_ms, 1)
    is_cut = span.steps <= policy.most_windows * policy.window_ms
    key = samples_key(reader.vary, _key_fields(policy.source, ask)) if is_cut else None
    return ReadPlan(ask, span, key, policy.window_ms)


def _of_tenant(matchers: tuple[Matcher, ...], reader: Reader) -> tuple[Matcher, ...]:
    """As Thanos enforces tenancy (`pkg/tenancy`): a matcher on the label gives way to the tenant."""
    if not reader.tenant_label:
        return matchers
    others = tuple(matcher for matcher in matchers if matcher.name != reader.tenant_label)
    return (*others, Matcher(MatchType.EQUAL, reader.tenant_label, reader.tenant))


def _resolution_ms(query: ReadQuery, allowed_ms: int) -> int:
    """Two samples must fit into a range: coarser data would make its function answer nothing."""
    if query.hints.func in TWO_SAMPLE_FUNCTIONS and query.hints.range_ms:
        return min(allowed_ms, query.hints.range_ms // 2)
    return allowed_ms


def _key_fields(source: str, ask: SampleAsk) -> list[str]:
    """The function counts as far as it changes samples: levelled counters, downsampled data."""
    func = ask.func if ask.max_resolution_ms else str(ask.func in COUNTER_FUNCTIONS)
    matchers = sorted((m.name, str(int(m.kind)), m.value) for m in ask.matchers)
    return [
        source,
        func,
        str(ask.max_resolution_ms),
        str(ask.partial_response),
        str(ask.is_chain),
        str(len(ask.replica_labels)),
        *ask.replica_labels,
        *(text for matcher in matchers for text in matcher),
    ]
