"""The story of a range query, told to an upstream in memory."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.codec.matrix_text import body_text
from proxy.engine.background import Background
from proxy.engine.clock import SystemClock
from proxy.engine.memory import UNCOUNTED
from proxy.engine.ports import UpstreamAnswer
from proxy.engine.range_query import FetchPolicy, RangeAnswer, RangeQueries, Wish
from proxy.engine.results_cache import ResultsCache
from proxy.errors import (
    BadUpstreamAnswerError,
    NotSplittableError,
    UpstreamAnswerError,
    UpstreamUnreachableError,
)
from proxy.model.grid import Grid
from proxy.model.query import Caller, RangeQuery
from proxy.plan.freshness import KeepPolicy
from proxy.plan.holes import StoreWatch
from proxy.plan.range_plan import RangePlan, SplitPolicy
from proxy.store.memory import MemoryStore
from tests.bodies import GRIDS
from tests.fakes import ERROR_JSON, Asked, MemoryUpstream, NoThreads, matrix_body, right_answer

HOUR_MS = 3_600_000
KEEP = KeepPolicy(
    freshness_ms=0,
    recent_ms=0,
    recent_life_ms=0,
    long_life_ms=0,
    empty_life_ms=0,
    short_life_ms=0,
    extent_steps=256,
)
CALLER = Caller((("THANOS-TENANT", "team-a"),))
QUERY = RangeQuery("up", 0, 3 * HOUR_MS, 600_000, "9s", (("dedup", "false"), ("x", "1"), ("x", "2")))
FROZEN = dataclasses.replace(QUERY, expr="up @ end()")


class Engine:
    """Range queries of which nothing is kept."""

    def __init__(
        self, upstream: MemoryUpstream, interval_ms: int = HOUR_MS, parallelism: int = 14
    ) -> None:
        threads, clock = NoThreads(), SystemClock()
        watch = StoreWatch(forget_ms=0)
        watch.no_such_endpoint()
        background = Background(1)
        store = MemoryStore(0, 0.1)
        cache = ResultsCache(store, watch, clock, threads, KEEP, background)
        split = SplitPolicy(interval_ms, 1000)
        self.queries = RangeQueries(upstream, threads, clock, cache, split, FetchPolicy(parallelism))

    def plan(self, query: RangeQuery) -> RangePlan:
        return self.queries.plan(query, ())

    async def run(self, query: RangeQuery) -> RangeAnswer:
        return await self.queries.run(self.plan(query), CALLER, Wish(as_text=True), UNCOUNTED)


async def run(upstream: MemoryUpstream, query: RangeQuery = QUERY) -> RangeAnswer:
    return await Engine(upstream).run(query)


def text(answer: RangeAnswer) -> bytes:
    return body_text(answer.matrix)


async def test_splits_are_the_grid_and_their_join_is_the_unsplit_answer() -> None:
    upstream = MemoryUpstream(right_answer)
    answer = await run(upstream)
    assert [asked.grid for asked in upstream.asked] == [
        Grid(0, 600_000, 6),
        Grid(HOUR_MS, 600_000, 6),
        Grid(2 * HOUR_MS, 600_000, 6),
        Grid(3 * HOUR_MS, 600_000, 1),
    ]
    assert text(answer) == matrix_body(QUERY.grid)
    assert not answer.no_store


@given(GRIDS, st.sampled_from([1000, 60_000, 77_777, HOUR_MS]))
def test_any_grid_cut_anywhere_gives_the_unsplit_answer(grid: Grid, interval_ms: int) -> None:
    query = RangeQuery("up", grid.start_ms, grid.last_ms, grid.step_ms, "", ())
    upstream = MemoryUpstream(right_answer)
    engine = Engine(upstream, interval_ms)
    plan = engine.plan(query)
    assume(not plan.whole)
    answer = asyncio.run(engine.run(query))
    assert sorted(asked.grid for asked in upstream.asked) == list(plan.splits())
    assert text(answer) == matrix_body(grid)


async def test_a_split_carries_every_parameter_and_the_callers_headers() -> None:
    upstream = MemoryUpstream(right_answer)
    await run(upstream)
    for asked in upstream.asked:
        assert asked.form[4:] == [("timeout", "9s"), ("dedup", "false"), ("x", "1"), ("x", "2")]
        assert asked.form[0] == ("query", "up")
        assert asked.headers == list(CALLER.pairs)


async def test_no_more_splits_are_asked_at_once_than_permitted() -> None:
    upstream = MemoryUpstream(right_answer)
    await Engine(upstream, parallelism=2).run(QUERY)
    assert upstream.most_running == 2


async def test_one_split_without_store_forbids_storing_the_whole() -> None:
    async def last_is_partial(asked: Asked) -> UpstreamAnswer:
        return UpstreamAnswer(matrix_body(asked.grid), no_store=asked.grid.start_ms == 3 * HOUR_MS)

    assert (await run(MemoryUpstream(last_is_partial))).no_store


@pytest.mark.parametrize(
    "failure",
    [
        UpstreamAnswerError(422, (("Content-Type", "application/json"),), ERROR_JSON),
        UpstreamUnreachableError("gone"),
        BadUpstreamAnswerError("html"),
    ],
)
async def test_one_failed_split_fails_the_query_and_cancels_the_others(failure: Exception) -> None:
    async def second_fails(asked: Asked) -> UpstreamAnswer:
        if asked.grid.start_ms == HOUR_MS:
            await asyncio.sleep(0.01)
            raise failure
        await asyncio.Event().wait()
        raise AssertionError("nobody ends this")

    upstream = MemoryUpstream(second_fails)
    with pytest.raises(type(failure)) as caught:
        await run(upstream)
    assert caught.value is failure
    assert [asked.left for asked in upstream.asked] == [True, False, True, True]
    assert upstream.running == 0


async def test_a_body_that_is_no_matrix_fails_the_query() -> None:
    async def html(_asked: Asked) -> UpstreamAnswer:
        return UpstreamAnswer(b"<html>", no_store=False)

    with pytest.raises(BadUpstreamAnswerError, match="not a matrix"):
        await run(MemoryUpstream(html))


async def test_a_cancelled_query_leaves_no_request_behind() -> None:
    async def forever(_asked: Asked) -> UpstreamAnswer:
        await asyncio.Event().wait()
        raise AssertionError("nobody ends this")

    upstream = MemoryUpstream(forever)
    task = asyncio.create_task(run(upstream))
    await asyncio.sleep(0.01)
    assert upstream.running == 4
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert upstream.running == 0
    assert all(asked.left for asked in upstream.asked)


async def test_an_expression_is_made_constant_before_it_is_cut() -> None:
    upstream = MemoryUpstream(right_answer)
    await run(upstream, FROZEN)
    assert {dict(asked.form)["query"] for asked in upstream.asked} == {"up @ 10800.000"}


async def test_warnings_name_positions_so_a_changed_text_is_asked_for_whole() -> None:
    async def warns(asked: Asked) -> UpstreamAnswer:
        return UpstreamAnswer(matrix_body(asked.grid, warnings=("at (1:5)",)), no_store=False)

    with pytest.raises(NotSplittableError):
        await run(MemoryUpstream(warns), FROZEN)
    answer = await run(MemoryUpstream(warns), QUERY)
    assert answer.matrix.tail.notes == {"warnings": ("at (1:5)",)}


@pytest.mark.parametrize(
    ("status", "query", "raised"),
    [
        (400, FROZEN, NotSplittableError),
        (400, QUERY, UpstreamAnswerError),
        (422, FROZEN, UpstreamAnswerError),
    ],
)
async def test_a_parse_error_of_a_changed_text_is_not_shown(
    status: int, query: RangeQuery, raised: type[Exception]
) -> None:
    async def refuses(_asked: Asked) -> UpstreamAnswer:
        raise UpstreamAnswerError(status, (("Content-Type", "application/json"),), ERROR_JSON)

    with pytest.raises(raised):
        await run(MemoryUpstream(refuses), query)


def test_a_question_is_planned_once_and_another_one_anew() -> None:
    engine = Engine(MemoryUpstream(right_answer))
    assert engine.plan(QUERY) is engine.plan(dataclasses.replace(QUERY))
    others = [
        dataclasses.replace(QUERY, expr="other"),
        dataclasses.replace(QUERY, end_ms=QUERY.end_ms - QUERY.step_ms),
        dataclasses.replace(QUERY, form=(("dedup", "false"),)),
    ]
    assert all(engine.plan(other) != engine.plan(QUERY) for other in others)
    long = dataclasses.replace(QUERY, expr=f'up{{a="{"x" * 5000}"}}')
    assert engine.plan(long) is not engine.plan(long)
