"""Finding what is kept for a window, among the extents of many other queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.stages.inputs import Answer, Kind, Size
from proxy.engine.background import Background
from proxy.engine.clock import SystemClock
from proxy.engine.results_cache import ResultsCache
from proxy.model.extent import Extent, ExtentId, Kept
from proxy.model.query import RangeQuery
from proxy.plan.freshness import KeepPolicy, reads_span
from proxy.plan.holes import Store, StoreWatch
from proxy.plan.range_plan import RangePlan, SplitPolicy, plan_range
from proxy.store.memory import MemoryStore
from tests.fakes import NoThreads

if TYPE_CHECKING:
    from benchmarks.stages.measure import Measure
    from proxy.model.piece import Piece

_SIZE = Size(series=3, pieces=8, piece_steps=240)
_DAY_MS = 86_400_000
_KEEP = KeepPolicy(
    freshness_ms=60_000,
    recent_ms=7_200_000,
    recent_life_ms=600_000,
    long_life_ms=_DAY_MS,
    empty_life_ms=120_000,
    short_life_ms=10_000,
    extent_steps=_SIZE.piece_steps,
)


@pytest.mark.parametrize("queries", [1, 100, 10_000])
def test_lookup(measure: Measure, queries: int) -> None:
    """Eight extents of one query; the store holds as many of each of the others."""
    plans = [_plan(number) for number in range(queries)]
    cache = _filled_cache(plans)
    wanted = plans[queries // 2]
    hits = measure(f"lookup, {queries:,} queries kept", lambda: cache.lookup(wanted))
    assert [hit.run.steps for hit in hits] == [_SIZE.piece_steps] * _SIZE.pieces


def _plan(number: int) -> RangePlan:
    grid = _SIZE.grid
    expr = f'sum by (code) (rate(http_requests_total{{pod="shop-{number:05d}"}}[5m]))'
    query = RangeQuery(expr, grid.start_ms, grid.last_ms, grid.step_ms, "", ())
    return plan_range(query, SplitPolicy(_DAY_MS, 1_000, keep=True), ("", "", "", ""))


def _filled_cache(plans: list[RangePlan]) -> ResultsCache:
    """All queries share the same few pieces: the store counts them again and again."""
    clock = SystemClock()
    fetched_ms = clock.monotonic_ms() - 60_000
    store = MemoryStore(max_bytes=1 << 40, max_share=1.0)
    pieces = Answer(_SIZE, Kind.FULL).pieces
    for plan in plans:
        for piece in pieces:
            _keep(store, plan, piece, fetched_ms)
    watch = _watch(clock.monotonic_ms())
    return ResultsCache(store, watch, clock, NoThreads(), _KEEP, Background(0))


def _keep(store: MemoryStore, plan: RangePlan, piece: Piece, fetched_ms: int) -> None:
    assert plan.key is not None
    traits = plan.known.traits
    kept = Kept(
        piece=piece,
        first_index=piece.grid.first_index,
        began_ms=fetched_ms - 100,
        ended_ms=fetched_ms,
        expires_ms=fetched_ms + _DAY_MS,
        pending_until_ms=fetched_ms + _KEEP.short_life_ms,
        reads=reads_span(piece.grid, traits),
        fetched=(piece.grid.first_index, piece.grid.first_index + piece.grid.steps),
    )
    number = kept.first_index // _SIZE.piece_steps
    extent = Extent(plan.key.full, traits.metric_names, (kept,))
    assert store.put(ExtentId(plan.key.name, number), extent)


def _watch(now_ms: int) -> StoreWatch:
    """Twenty stores, all in their places."""
    stores = [
        Store(f"store {number}", f"10.0.0.{number}:10901", 0, 1 << 62, is_healthy=True)
        for number in range(20)
    ]
    watch = StoreWatch(forget_ms=3_600_000)
    for began_ms in (now_ms - 10_000, now_ms - 5_000):
        watch.look(began_ms, began_ms + 10, stores)
    return watch
