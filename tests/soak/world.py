"""What there is to be read: samples as a function of series, time and tenant, and when they arrived.

A series has a sample each `SCRAPE_MS`; a step reads the newest that has arrived, at most `LOOKBACK_MS`
old. Most samples arrive within the freshness; those of a `Batch` come late. A series belongs to a
store, and is unknown to who cannot see that store.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tests.soak.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, START_MS

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

Times = NDArray[np.int64]
Row = NDArray[np.int16]
Rows = dict[str, Row]
"""A series' label text to the number of its value at each step, `ABSENT` where it has none."""

SCRAPE_MS = 15 * SECOND_MS
LOOKBACK_MS = 5 * MINUTE_MS
LONGEST_DELAY_MS = 40 * SECOND_MS
ABSENT = -1
UNKNOWN = -2

GATEWAY, SIDECAR, RULER, RECEIVE, NEWCOMER = "gateway", "sidecar", "ruler", "receive", "newcomer"
STORES = (GATEWAY, SIDECAR, RULER, RECEIVE, NEWCOMER)
GATEWAY_UNTIL_MS = START_MS - 26 * HOUR_MS
"""Older samples of the sidecar's series are in the gateway."""
TENANTS = ("team-a", "team-b", "team-c")

_SPECIAL = ("NaN", "+Inf", "-Inf", "1e-07", "1e+21", "-0", "0.30000000000000004")
VALUES = (*_SPECIAL, *(f"{number * 1.375:.6g}" for number in range(1, 1003)))
NUMBER_OF = {text: number for number, text in enumerate(VALUES)}


@dataclass(frozen=True, slots=True)
class Metric:
    """Some series. churn_ms: how long one lives before another takes its place; 0 is for ever."""

    name: str
    slots: int
    churn_ms: int = 0
    has_newcomer: bool = False


METRICS = {
    metric.name: metric
    for metric in (
        Metric("cpu_load", 6),
        Metric("mem_bytes", 4),
        Metric("http_requests_total", 7, churn_ms=9 * HOUR_MS),
        Metric("queue_length", 4, has_newcomer=True),
        Metric("disk_bytes", 5),
        Metric("pods", 5, churn_ms=35 * MINUTE_MS),
        Metric("latency_seconds", 3),
    )
}


@dataclass(frozen=True, slots=True)
class Expr:
    """A query of a panel. offset_ms: how far before its own time a step reads."""

    text: str
    metric: Metric
    offset_ms: int = 0
    is_named: bool = True

    @property
    def look_ahead_ms(self) -> int:
        return max(-self.offset_ms, 0)

    @property
    def salt(self) -> int:
        return sum(self.text.encode()) * 31


EXPRS = tuple(
    Expr(text, METRICS[name], offset_ms, text.startswith(name))
    for text, name, offset_ms in (
        ("cpu_load", "cpu_load", 0),
        ("cpu_load offset 1h", "cpu_load", HOUR_MS),
        ("cpu_load offset 1d", "cpu_load", DAY_MS),
        ("mem_bytes", "mem_bytes", 0),
        ("avg_over_time(mem_bytes[10m])", "mem_bytes", 0),
        ("rate(http_requests_total[5m])", "http_requests_total", 0),
        ("sum by (pod) (rate(http_requests_total[1m]))", "http_requests_total", 0),
        ("queue_length", "queue_length", 0),
        ("queue_length offset -5m", "queue_length", -5 * MINUTE_MS),
        ("max_over_time(disk_bytes[10m])", "disk_bytes", 0),
        ("disk_bytes", "disk_bytes", 0),
        ("pods", "pods", 0),
        ("latency_seconds", "latency_seconds", 0),
        ("avg by (pod) (latency_seconds)", "latency_seconds", 0),
    )
)
EXPR_OF = {expr.text: expr for expr in EXPRS}


@dataclass(frozen=True, slots=True)
class Batch:
    """The samples `first` to `last` (numbers of scrapes) of some slots, that come at `arrives_ms`."""

    metric: str
    slots: frozenset[int]
    first: int
    last: int
    arrives_ms: int


@dataclass(frozen=True, slots=True)
class World:
    """Everything that can be known, at any time, by whoever sees some of the stores."""

    batches: tuple[Batch, ...] = ()
    _by_metric: dict[str, tuple[Batch, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ordered = sorted(self.batches, key=lambda batch: -batch.first)
        for name in METRICS:
            self._by_metric[name] = tuple(batch for batch in ordered if batch.metric == name)

    def rows(self, expr: Expr, tenant: str, times_ms: Times, now_ms: int, seen: frozenset[str]) -> Rows:
        """The answer at `now_ms` of who sees these stores, without steps that have no series."""
        late = [b for b in self._by_metric[expr.metric.name] if b.arrives_ms > now_ms]
        rows: Rows = {}
        for slot in range(expr.metric.slots):
            reads_ms = times_ms - expr.offset_ms
            scrape = np.minimum(reads_ms, now_ms - delay_ms(slot)) // SCRAPE_MS
            for batch in late:
                if slot in batch.slots:
                    scrape[(scrape >= batch.first) & (scrape <= batch.last)] = batch.first - 1
            there = reads_ms - scrape * SCRAPE_MS < LOOKBACK_MS
            there &= is_seen(expr.metric, slot, scrape, seen)
            born = generations(expr.metric, slot, scrape)
            salt = slot * 131 + TENANTS.index(tenant) * 389 + expr.salt
            values = (scrape * 7_919 + born * 17 + salt) % len(VALUES)
            for number in np.unique(born[there]).tolist():
                row = np.where(there & (born == number), values, ABSENT).astype(np.int16)
                rows[label_text(expr, slot, number)] = row
        return rows

    def arrivals(self, metric: str, since_ms: int, now_ms: int) -> list[int]:
        """When late samples of a metric have come."""
        times_ms = {b.arrives_ms for b in self._by_metric[metric] if since_ms < b.arrives_ms <= now_ms}
        return sorted(times_ms, reverse=True)

    def pods(
        self, metric: Metric, first_ms: int, last_ms: int, now_ms: int, seen: frozenset[str]
    ) -> list[str]:
        """The pods that have a sample between two times; late samples do not count here."""
        found: list[str] = []
        for slot in range(metric.slots):
            last = min(last_ms, now_ms - delay_ms(slot)) // SCRAPE_MS
            scrapes = np.arange(-(-first_ms // SCRAPE_MS), last + 1)
            born = generations(metric, slot, scrapes)[is_seen(metric, slot, scrapes, seen)]
            found += [pod(metric, slot, number) for number in np.unique(born).tolist()]
        return found


def delay_ms(slot: int) -> int:
    """How long the samples of a slot are under way."""
    return slot * 11_000 % (LONGEST_DELAY_MS + 1)


def generations(metric: Metric, slot: int, scrapes: Times) -> Times:
    if not metric.churn_ms:
        return np.zeros_like(scrapes)
    return (scrapes * SCRAPE_MS + slot * 7 * MINUTE_MS) // metric.churn_ms % 100_000


def is_seen(metric: Metric, slot: int, scrapes: Times, seen: frozenset[str]) -> NDArray[np.bool_]:
    """Whether the store that holds a sample is among those that are seen."""
    if metric.has_newcomer and slot == metric.slots - 1:
        return np.full(scrapes.shape, NEWCOMER in seen)
    if slot % 3:
        return np.full(scrapes.shape, (RULER, RECEIVE)[slot % 3 - 1] in seen)
    is_old = scrapes * SCRAPE_MS < GATEWAY_UNTIL_MS
    return np.where(is_old, GATEWAY in seen, SIDECAR in seen)


def pod(metric: Metric, slot: int, generation: int) -> str:
    return f"{metric.name}-{slot:02}-{generation:05}"


def label_text(expr: Expr, slot: int, generation: int) -> str:
    name = f'"__name__":"{expr.metric.name}",' if expr.is_named else ""
    return f'{{{name}"pod":"{pod(expr.metric, slot, generation)}"}}'


def draw_batches(chance: random.Random, hours: int) -> tuple[Batch, ...]:
    """Late samples of some hours back and all hours to come: most within the recent window."""
    batches: list[Batch] = []
    for half_hour in range(-16, hours * 2):
        for metric in METRICS.values():
            if chance.random() < 0.7:
                batches += _batch(chance, metric, START_MS + half_hour * 30 * MINUTE_MS)
    return tuple(batches)


def _batch(chance: random.Random, metric: Metric, half_hour_ms: int) -> Iterator[Batch]:
    """Within its half hour, so that no two of a metric touch one another."""
    first_ms = half_hour_ms + chance.randint(1, 15) * MINUTE_MS
    last_ms = first_ms + chance.randint(0, 13) * MINUTE_MS
    if chance.random() < 0.85:
        most_ms = first_ms + 2 * HOUR_MS - MINUTE_MS
        arrives_ms = min(last_ms + int(chance.expovariate(1 / 30) * MINUTE_MS) + MINUTE_MS, most_ms)
    else:
        arrives_ms = last_ms + chance.randint(2 * HOUR_MS + MINUTE_MS, 6 * HOUR_MS)
    some = chance.sample(range(metric.slots), chance.randint(1, metric.slots))
    slots = frozenset(range(metric.slots) if chance.random() < 0.3 else some)
    if arrives_ms > START_MS:
        yield Batch(metric.name, slots, first_ms // SCRAPE_MS, last_ms // SCRAPE_MS, arrives_ms)
