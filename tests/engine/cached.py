"""Range queries with a cache, in front of an upstream that is a function of a grid and of the world.

The world: samples that may come late, a store that may be lost, and a newest minute whose values
change with every second. Clocks move only when a test moves them.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from proxy.codec.gzip_body import gzip_body
from proxy.codec.matrix_text import body_text
from proxy.engine.background import Background
from proxy.engine.memory import UNCOUNTED
from proxy.engine.ports import Threads, UpstreamAnswer
from proxy.engine.range_query import FetchPolicy, RangeAnswer, RangeQueries, Wish
from proxy.engine.results_cache import ResultsCache
from proxy.errors import NotSplittableError
from proxy.model.grid import Grid
from proxy.model.piece import SeriesList
from proxy.model.query import Caller, Form, RangeQuery
from proxy.plan.freshness import KeepPolicy
from proxy.plan.holes import Store, StoreWatch
from proxy.plan.range_plan import RangePlan, SplitPolicy
from proxy.store.memory import MemoryStore
from tests.fakes import Asked, MemoryUpstream, NoThreads, matrix_body

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
A = TypeVar("A")

SECOND_MS, MINUTE_MS, HOUR_MS = 1_000, 60_000, 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = 1_000 * DAY_MS + 4 * HOUR_MS

KEEP = KeepPolicy(
    freshness_ms=MINUTE_MS,
    recent_ms=2 * HOUR_MS,
    recent_life_ms=10 * MINUTE_MS,
    long_life_ms=DAY_MS,
    empty_life_ms=2 * MINUTE_MS,
    short_life_ms=10 * SECOND_MS,
    extent_steps=16,
)
CALLER = Caller(())

READS: dict[str, Callable[[int], int]] = {
    "a": lambda time_ms: time_ms,
    "a offset 1h": lambda time_ms: time_ms - HOUR_MS,
    "a offset -5m": lambda time_ms: time_ms + 5 * MINUTE_MS,
    "max_over_time(a[10m:1m] offset -5m)": lambda time_ms: time_ms + 5 * MINUTE_MS,
    "rate(a[2m] offset -5m)": lambda time_ms: time_ms + 5 * MINUTE_MS,
    "quantile_over_time(0.5, a[5m])": lambda time_ms: time_ms,
}
"""Expressions of the tests: the time of the newest sample that a step at some time reads."""

STEADY = "rate(a[2m] offset -5m)"
STEADY_NOTE = (
    'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "a"'
)
"""Thanos says so wherever there is anything to evaluate."""
PASSING = "quantile_over_time(0.5, a[5m])"
PASSING_NOTE = 'PromQL info: ignored histograms in a range containing both: "a"'
"""Thanos says so only where there is series `b`."""


@dataclass(slots=True)
class ManualClock:
    """`engine.ports.Clock` that stands still."""

    wall: int = NOW_MS
    monotonic: int = 5_000

    def wall_ms(self) -> int:
        return self.wall

    def monotonic_ms(self) -> int:
        return self.monotonic

    def advance(self, by_ms: int) -> None:
        self.wall += by_ms
        self.monotonic += by_ms


@dataclass(slots=True)
class World:
    """What there is to be read. `is_lost`: the store of series `b` and of all histograms is away.

    late: how often samples of an hour have been changed after the fact.
    """

    clock: ManualClock
    is_lost: bool = False
    late: Counter[int] = field(default_factory=Counter)

    def values(self, expr: str, time_ms: int) -> dict[str, str]:
        """Three series; one has gaps, one comes and goes and lives in the store that may be lost."""
        at = READS.get(expr, READS["a"])(time_ms)
        second = at // SECOND_MS
        suffix = f"{self.late[at // HOUR_MS]}"
        if at >= self.clock.wall - KEEP.freshness_ms:
            suffix += f"{self.clock.wall}"
        values = {'{"__name__":"a","x":"1"}': f"{second % 977}.{suffix}"}
        if second % 7:
            values['{"__name__":"a","x":"2\\"]]},"}'] = f"{second % 7}.{suffix}"
        if at // HOUR_MS % 3 == 1 and not self.is_lost:
            values['{"__name__":"b"}'] = f"-{suffix}"
        return values if at // HOUR_MS % 5 else {}

    def body(self, expr: str, grid: Grid) -> bytes:
        """What the upstream answers to the unsplit query at this moment."""
        times_ms = [grid.start_ms + step * grid.step_ms for step in range(grid.steps)]
        values = {time_ms: self.values(expr, time_ms) for time_ms in times_ms}
        has_b = any('{"__name__":"b"}' in at_once for at_once in values.values())
        notes = [STEADY_NOTE] if expr == STEADY and any(values.values()) else []
        notes += [PASSING_NOTE] if expr == PASSING and has_b else []
        return matrix_body(grid, values.__getitem__, tuple(notes))

    def stores(self) -> list[Store]:
        """What `/api/v1/stores` lists at this moment."""
        return [
            Store("sidecar", "10.0.0.1:10901", 0, 1 << 60, is_healthy=True),
            Store("store", "10.0.0.2:10901", 0, 1 << 60, is_healthy=not self.is_lost),
        ]


@dataclass(frozen=True, slots=True)
class SlowThreads:
    """`engine.ports.Threads` that lets others run before and after the work."""

    async def run(self, work: Callable[[A], T], argument: A, size_bytes: int) -> T:
        await asyncio.sleep(0)
        result = work(argument)
        await asyncio.sleep(0)
        return result


class Cached:
    """A `RangeQueries` with all its parts, and short ways to ask it."""

    def __init__(
        self,
        *,
        policy: KeepPolicy = KEEP,
        interval_ms: int = DAY_MS,
        max_bytes: int = 1 << 28,
        threads: Threads | None = None,
        is_watched: bool = False,
        stale_ms: int = 0,
    ) -> None:
        self.clock = ManualClock()
        self.world = World(self.clock)
        self.upstream = MemoryUpstream(self._answer)
        self.store = MemoryStore(max_bytes, 0.5)
        self.watch = StoreWatch(forget_ms=HOUR_MS)
        self.background = Background(64)
        self.no_store = False
        self.pauses = 0
        self.asked_whole = 0
        if not is_watched:
            self.watch.no_such_endpoint()
        at_work = self.threads = threads or NoThreads()
        self.cache = ResultsCache(self.store, self.watch, self.clock, at_work, policy, self.background)
        split = SplitPolicy(interval_ms, 1000, keep=True)
        self.queries = RangeQueries(
            self.upstream, at_work, self.clock, self.cache, split, FetchPolicy(14, stale_ms)
        )

    async def _answer(self, asked: Asked) -> UpstreamAnswer:
        body = self.world.body(dict(asked.form)["query"], asked.grid)
        for _ in range(self.pauses):
            await asyncio.sleep(0)
        return UpstreamAnswer(body, self.no_store)

    def plan(
        self, grid: Grid, expr: str = "a", form: Form = (), caller: tuple[str, ...] = ()
    ) -> RangePlan:
        query = RangeQuery(expr, grid.start_ms, grid.last_ms, grid.step_ms, "", form)
        plan = self.queries.plan(query, caller)
        assert not plan.whole, plan.whole
        return plan

    async def run(self, grid: Grid, expr: str = "a", refresh: bool = False) -> RangeAnswer:
        wish = Wish(as_text=False, refresh=refresh)
        return await self.queries.run(self.plan(grid, expr), CALLER, wish, UNCOUNTED)

    async def ask(self, grid: Grid, expr: str = "a", refresh: bool = False) -> bytes:
        """The body, made in both ways; the upstream's own where it has to be asked for whole."""
        try:
            return both_ways(await self.run(grid, expr, refresh))
        except NotSplittableError:
            self.asked_whole += 1
            return self.world.body(expr, grid)

    async def look(self) -> None:
        """One look at the stores that takes a second."""
        began_ms, stores = self.clock.monotonic, self.world.stores()
        self.clock.advance(SECOND_MS)
        self.watch.look(began_ms, self.clock.monotonic, stores)
        self.clock.advance(1)

    async def fetched_by(self, grid: Grid, expr: str = "a", refresh: bool = False) -> list[Grid]:
        """Ask, compare with the unsplit answer, and say what was asked of the upstream for it."""
        before = len(self.upstream.asked)
        assert await self.ask(grid, expr, refresh) == self.world.body(expr, grid)
        return [asked.grid for asked in self.upstream.asked[before:]]

    async def settle(self) -> None:
        """Let background work end."""
        for _ in range(20):
            await asyncio.sleep(0)


def both_ways(answer: RangeAnswer) -> bytes:
    """The text of an answer, which must be the same as text and as gzip."""
    text = body_text(answer.matrix)
    series = SeriesList(answer.matrix.metrics)
    assert gzip.decompress(b"".join(gzip_body(answer.matrix, series))) == text
    return text


def window(start_ms: int, steps: int, step_ms: int = MINUTE_MS) -> Grid:
    """A grid that begins so long before NOW_MS (negative: after it)."""
    return Grid(NOW_MS - start_ms, step_ms, steps)


def with_policy(**changes: int) -> KeepPolicy:
    return dataclasses.replace(KEEP, **changes)
