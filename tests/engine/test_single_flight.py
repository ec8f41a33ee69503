"""Range queries that wait for each other's fetches, and purges while something is being fetched."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import pytest

from proxy.codec.join import join_pieces
from proxy.engine.memory import UNCOUNTED
from proxy.engine.range_query import Wish
from proxy.errors import LimitError, QueryError, QueryTimeoutError, UpstreamAnswerError
from proxy.model.grid import Grid
from proxy.model.query import RangeQuery
from proxy.plan.purge import Purge
from tests.engine.cached import (
    CALLER,
    HOUR_MS,
    MINUTE_MS,
    Cached,
    SlowThreads,
    both_ways,
    window,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.engine.ports import UpstreamAnswer
    from tests.fakes import Asked

T = TypeVar("T")
A = TypeVar("A")

AS_TEXT = Wish(as_text=True)
OLD = window(57 * HOUR_MS, 40)
EXTENT = Grid(OLD.start_ms // (16 * MINUTE_MS) * (16 * MINUTE_MS), MINUTE_MS, 16)
"""A whole one."""


async def ticks(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def until_asked(cached: Cached, requests: int = 1) -> None:
    while len(cached.upstream.asked) < requests:  # noqa: ASYNC110  counted by another
        await asyncio.sleep(0)


def steps_asked(cached: Cached) -> Counter[int]:
    grids = [asked.grid for asked in cached.upstream.asked]
    return Counter(g.start_ms + k * g.step_ms for g in grids for k in range(g.steps))


async def test_a_hundred_equal_queries_make_one_fetch() -> None:
    cached = Cached(threads=SlowThreads())
    cached.pauses = 10
    bodies = await asyncio.gather(*(cached.ask(OLD) for _ in range(100)))
    assert set(bodies) == {cached.world.body("a", OLD)}
    assert len(cached.upstream.asked) == 1


async def test_a_hundred_overlapping_queries_fetch_no_step_twice() -> None:
    cached = Cached(threads=SlowThreads(), interval_ms=10 * MINUTE_MS)
    cached.pauses = 10
    grids = [OLD.sliced(n % 23, n % 23 + 1 + n % 17) for n in range(100)]
    bodies = await asyncio.gather(*map(cached.ask, grids))
    assert bodies == [cached.world.body("a", grid) for grid in grids]
    assert max(steps_asked(cached).values()) == 1


async def test_steps_that_are_not_settled_are_shared_while_they_are_fetched() -> None:
    cached = Cached()
    cached.pauses = 10
    grid = window(5 * MINUTE_MS, 6)
    bodies = await asyncio.gather(*(cached.ask(grid) for _ in range(10)))
    assert set(bodies) == {cached.world.body("a", grid)}
    assert max(steps_asked(cached).values()) == 1


@pytest.mark.parametrize("pauses_before_leaving", range(8))
async def test_a_leader_that_hangs_up_does_not_fail_its_followers(
    pauses_before_leaving: int,
) -> None:
    cached = Cached(threads=SlowThreads(), interval_ms=10 * MINUTE_MS)
    cached.pauses = 3
    leader = asyncio.create_task(cached.ask(OLD))
    await ticks(2)
    followers = [asyncio.create_task(cached.ask(OLD.sliced(n, 40))) for n in range(5)]
    await ticks(pauses_before_leaving)
    leader.cancel()
    for n, follower in enumerate(followers):
        assert await follower == cached.world.body("a", OLD.sliced(n, 40))


async def test_the_last_to_hang_up_takes_the_fetch_along_and_nothing_is_kept() -> None:
    cached = Cached()
    cached.pauses = 1_000
    waiting = [asyncio.create_task(cached.ask(OLD)) for _ in range(3)]
    await until_asked(cached)
    for task in waiting:
        task.cancel()
    await ticks(10)
    assert [asked.left for asked in cached.upstream.asked] == [True]
    assert cached.upstream.running == 0
    cached.pauses = 0
    assert await cached.fetched_by(OLD) == [OLD]


async def test_a_failed_fetch_fails_all_who_wait_for_it_and_nobody_later() -> None:
    cached = Cached()
    right = cached.upstream.answer

    async def fails(_asked: Asked) -> UpstreamAnswer:
        await ticks()
        raise QueryTimeoutError("late")

    cached.upstream.answer = fails
    results = await asyncio.gather(*(cached.ask(OLD) for _ in range(5)), return_exceptions=True)
    assert {type(result) for result in results} == {QueryTimeoutError}
    assert len(cached.upstream.asked) == 1
    cached.upstream.answer = right
    assert await cached.fetched_by(OLD) == [OLD]


@pytest.mark.parametrize(
    "failure", [UpstreamAnswerError(422, (), b"many-to-many"), LimitError("too many bytes")]
)
async def test_a_wider_fetch_that_fails_does_not_fail_a_window_inside_it(failure: QueryError) -> None:
    cached = Cached()
    right = cached.upstream.answer

    async def fails_at_the_end(asked: Asked) -> UpstreamAnswer:
        await ticks()
        if asked.grid.last_ms == OLD.last_ms:
            raise failure
        return await right(asked)

    cached.upstream.answer = fails_at_the_end
    inside = OLD.sliced(3, 20)
    asked = (cached.ask(OLD), cached.ask(inside), cached.ask(OLD))
    wide, narrow, as_wide = await asyncio.gather(*asked, return_exceptions=True)
    assert wide is failure
    assert as_wide is failure
    assert narrow == cached.world.body("a", inside)
    assert cached.asked_whole == 1


async def test_another_tenant_waits_for_a_fetch_of_its_own() -> None:
    cached = Cached()
    cached.pauses = 5

    async def ask_as(tenant: str) -> bytes:
        plan = cached.plan(OLD, caller=(tenant,))
        return both_ways(await cached.queries.run(plan, CALLER, AS_TEXT, UNCOUNTED))

    await asyncio.gather(ask_as("a"), ask_as("a"), ask_as("b"))
    assert len(cached.upstream.asked) == 2


async def test_nobody_shares_the_shorter_patience_of_another() -> None:
    cached = Cached()
    cached.pauses = 5

    async def ask_within(patience: str) -> bytes:
        query = RangeQuery("a", OLD.start_ms, OLD.last_ms, OLD.step_ms, patience, ())
        return both_ways(
            await cached.queries.run(cached.queries.plan(query, ()), CALLER, AS_TEXT, UNCOUNTED)
        )

    await asyncio.gather(ask_within("1s"), ask_within("1m"), ask_within("1m"))
    assert sorted(dict(asked.form)["timeout"] for asked in cached.upstream.asked) == ["1m", "1s"]
    assert await ask_within("9s") == cached.world.body("a", OLD)
    assert len(cached.upstream.asked) == 2


async def test_a_refresh_does_not_wait_for_a_fetch_that_began_before_it() -> None:
    cached = Cached()
    cached.pauses = 5
    await asyncio.gather(cached.ask(OLD), cached.ask(OLD, refresh=True))
    assert len(cached.upstream.asked) == 2


async def test_an_older_fetch_that_ends_after_a_refresh_does_not_undo_it() -> None:
    cached = Cached()
    cached.pauses = 20
    older = asyncio.create_task(cached.ask(OLD))
    await until_asked(cached)
    await ticks()
    cached.clock.advance(1)
    cached.pauses = 0
    cached.world.late[OLD.start_ms // HOUR_MS] += 1
    new = await cached.ask(OLD, refresh=True)
    assert await older != new
    assert await cached.fetched_by(OLD) == []


@pytest.mark.parametrize("pauses", range(12))
async def test_what_was_asked_before_a_purge_is_not_kept_however_far_it_had_come(
    pauses: int,
) -> None:
    cached = Cached(threads=SlowThreads())
    cached.pauses = 3
    asking = asyncio.create_task(cached.ask(OLD))
    await ticks(pauses)
    cached.world.late[OLD.start_ms // HOUR_MS] += 1
    cached.cache.purge(Purge())
    cached.clock.advance(1)
    await asking
    cached.pauses = 0
    await cached.fetched_by(OLD)


@dataclass(slots=True)
class HeldJoins:
    """`engine.ports.Threads` in which pieces are joined only when a test lets them."""

    may_join: asyncio.Event = field(default_factory=asyncio.Event)
    joins: int = 0

    async def run(self, work: Callable[[A], T], argument: A, size_bytes: int) -> T:
        if work is join_pieces:
            self.joins += 1
            await self.may_join.wait()
        return work(argument)


async def scattered() -> tuple[Cached, HeldJoins]:
    """A cache with an extent whose pieces are being joined."""
    threads = HeldJoins()
    cached = Cached(threads=threads)
    for step in range(9):
        await cached.ask(EXTENT.sliced(step, step + 1))
    await ticks()
    assert threads.joins == 1
    return cached, threads


async def test_a_join_under_way_does_not_bring_back_what_was_purged() -> None:
    cached, threads = await scattered()
    cached.world.late[EXTENT.start_ms // HOUR_MS] += 1
    cached.cache.purge(Purge())
    threads.may_join.set()
    await cached.settle()
    assert await cached.fetched_by(EXTENT) == [EXTENT]


async def test_a_join_under_way_does_not_undo_what_was_kept_meanwhile() -> None:
    cached, threads = await scattered()
    cached.world.late[EXTENT.start_ms // HOUR_MS] += 1
    await cached.ask(EXTENT, refresh=True)
    threads.may_join.set()
    await cached.settle()
    assert await cached.fetched_by(EXTENT) == []


async def test_a_join_changes_no_answer() -> None:
    cached, threads = await scattered()
    threads.may_join.set()
    await cached.settle()
    assert len(cached.cache.lookup(cached.plan(EXTENT))) == 1
    assert await cached.fetched_by(EXTENT) == [EXTENT.sliced(9, 16)]


async def test_nobody_joins_after_a_purge_what_was_asked_before_it() -> None:
    cached = Cached()
    cached.pauses = 20
    before = asyncio.create_task(cached.ask(OLD))
    await until_asked(cached)
    await ticks()
    cached.world.late[OLD.start_ms // HOUR_MS] += 1
    cached.cache.purge(Purge())
    cached.queries.forget_flights()
    cached.clock.advance(1)
    assert await cached.ask(OLD) == cached.world.body("a", OLD)
    assert await before != cached.world.body("a", OLD)
    assert await cached.fetched_by(OLD) == []


async def test_as_many_requests_as_permitted_run_at_once_for_one_query() -> None:
    cached = Cached(interval_ms=MINUTE_MS)
    cached.pauses = 5
    await cached.fetched_by(OLD)
    assert cached.upstream.most_running == 14


async def test_followers_do_not_wait_for_places_of_their_own() -> None:
    cached = Cached(interval_ms=MINUTE_MS)
    cached.pauses = 5
    await asyncio.gather(*(cached.ask(OLD) for _ in range(4)))
    assert len(cached.upstream.asked) == OLD.steps
