"""What is asked of every peer, as lists of requests.

A query that must be new to all caches carries another matcher each time that changes nothing
(`turn!="3"`): an unknown parameter would not do, since some caches leave it out of their keys.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.asked import samples_asked
from benchmarks.cold import query_path
from benchmarks.selectors import GROUPS, METRIC
from benchmarks.warm import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.warm import Workload as Size

DAY_MS = 86_400_000
COLD, WARM, SLIDING, ZOOMING, LABELS = "cold", "warm", "sliding", "zooming", "labels"
USERS, DASHBOARDS = "users", "dashboards"
SIZES = WORKLOADS
WIDE, MEDIUM, SMALL, TINY = SIZES[1], SIZES[2], SIZES[3], SIZES[4]
SMALL_CACHE = "32MB"
_MOST_OF_WIDEST, _MOST_COLD = 3, 3
"""Rounds of what takes query-frontend ten seconds a request."""


class Ask(NamedTuple):
    """One request."""

    path: str
    gzip: bool


@dataclass(frozen=True)
class Workload:
    """Requests in order; the first `uncounted` ones only warm.

    burst: how many of them a peer gets in a row before it is the next one's turn. Of small ones there
    are several, or all that is measured is how cold the others leave the processor's caches.
    with_direct: Thanos Query itself takes part, to see what no cache costs.
    """

    name: str
    kind: str
    asks: tuple[Ask, ...]
    uncounted: int = 0
    burst: int = 1
    with_direct: bool = False

    @property
    def counted(self) -> tuple[Ask, ...]:
        return self.asks[self.uncounted :]

    @property
    def turns(self) -> list[tuple[Ask, ...]]:
        """What a peer is asked before the next one is; the uncounted ones by themselves."""
        firsts = [(ask,) for ask in self.asks[: self.uncounted]]
        starts = range(0, len(self.counted), self.burst)
        return firsts + [self.counted[start : start + self.burst] for start in starts]

    @property
    def client_samples(self) -> int:
        """What all counted requests ask for."""
        return sum(samples_asked(ask.path) for ask in self.counted)


def workloads(end_ms: int, rounds: int, *, is_quick: bool) -> Iterator[Workload]:
    """All but those that need servers of their own. Samples end at `end_ms`."""
    for size in SIZES[1:] if is_quick else SIZES:
        own = min(rounds, _MOST_OF_WIDEST) if size is SIZES[0] else rounds
        yield cold(size, end_ms, 1 if is_quick else min(own, _MOST_COLD))
        for gzip in (True, False):
            yield warm(size, end_ms, own, gzip=gzip)
    yield sliding(end_ms, 30 if is_quick else 240)
    yield zooming(end_ms, 1 if is_quick else rounds)
    yield labels(rounds * 10)


def turned(expr: str, turn: object) -> str:
    """The same series, by an expression that no cache knows."""
    return f'{expr.removesuffix("}")},turn!="{turn}"}}'


def cold(size: Size, end_ms: int, rounds: int) -> Workload:
    """Nothing of it is known to any cache; the small ones are asked often enough for a median."""
    times = rounds * max(1, min(size.rounds, 10))
    paths = [_path(size, end_ms, turned(size.expr, f"c{turn}")) for turn in range(times)]
    asks = tuple(Ask(path, gzip=True) for path in paths)
    return Workload(f"{size.name}, cold, gzip", COLD, asks, with_direct=True)


def warm(size: Size, end_ms: int, rounds: int, *, gzip: bool) -> Workload:
    """Asked again and again."""
    asks = (Ask(_path(size, end_ms, size.expr), gzip),) * (rounds * size.rounds + 1)
    encoding = "gzip" if gzip else "identity"
    name = f"{size.name}, warm, {encoding}"
    return Workload(name, WARM, asks, uncounted=1, burst=size.rounds)


def _path(size: Size, end_ms: int, expr: str) -> str:
    return query_path(expr, end_ms - 7 * DAY_MS, size.steps, size.step_s)


def sliding(end_ms: int, refreshes: int) -> Workload:
    """A dashboard of six hours, refreshed every 30 s; the first look, which is cold, counts."""
    first_ms = end_ms - 3 * DAY_MS
    expr = turned(MEDIUM.expr, "sliding")
    paths = [query_path(expr, first_ms + number * 30_000, 720, 30) for number in range(refreshes)]
    asks = tuple(Ask(path, gzip=True) for path in paths)
    name = f"sliding, 200 x 720, every 30 s for {refreshes // 2} min"
    return Workload(name, SLIDING, asks, with_direct=True)


def zooming(end_ms: int, rounds: int) -> Workload:
    """Windows inside windows at one step, in and out again."""
    expr = turned(MEDIUM.expr, "zooming")
    paths = []
    for hours in (72, 48, 24, 12, 24, 48, 72) * rounds:
        start_ms = end_ms - 4 * DAY_MS + (72 - hours) * 1_800_000
        paths.append(query_path(expr, start_ms, hours * 12, 300))
    asks = tuple(Ask(path, gzip=True) for path in paths)
    return Workload("zooming, 200 series, 12 to 72 h", ZOOMING, asks, with_direct=True)


def labels(times: int) -> Workload:
    """The names of labels and the values of one, in turns."""
    asks = [Ask("/api/v1/labels", gzip=True), Ask("/api/v1/label/instance/values", gzip=True)]
    name = "labels and label values"
    return Workload(name, LABELS, tuple(asks * times), burst=10, with_direct=True)


def dashboards(end_ms: int, asks: int) -> Workload:
    """Dashboards of 40,000 points that do not all fit into the cache, some more popular than others.

    Every group of instances on four days: 120 dashboards. The popularity falls with the rank to the
    power of 0.7 (a power of 1, Zipf's, would need few of them most of the time).
    """
    asked = [
        query_path(f'{METRIC}{{group="g{group:02d}"}}', end_ms - day * DAY_MS, 1000, 60)
        for day, group in itertools.product((7, 6, 5, 4), range(GROUPS))
    ]
    random = np.random.default_rng(11)
    weights = np.arange(1, len(asked) + 1) ** -0.7
    ranks = random.choice(len(asked), size=asks, p=weights / weights.sum())
    by_rank = random.permutation(len(asked))
    chosen = tuple(Ask(asked[number], gzip=True) for number in by_rank[ranks])
    name = f"{len(asked)} dashboards of 40 x 1,000, a cache of {SMALL_CACHE}"
    return Workload(name, DASHBOARDS, chosen, with_direct=True)
