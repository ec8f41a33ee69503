"""Gaps fetched in flights: what they take is counted until nobody needs it."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING, cast

import pytest

from proxy.engine.memory import MemoryBudget, MemoryPolicy
from proxy.engine.ports import UpstreamAnswer
from proxy.engine.split_flights import Brought, SplitFlights, held_bytes
from proxy.errors import (
    BadUpstreamAnswerError,
    NotSplittableError,
    UpstreamAnswerError,
    UpstreamUnreachableError,
)
from proxy.model.piece import Piece
from proxy.model.query import Caller
from proxy.plan.partition import Run
from tests.engine.cached import HOUR_MS, Cached, window
from tests.fakes import ERROR_JSON, MemoryUpstream, NoThreads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from proxy.codec.pieces import IndexedMatrix
    from proxy.engine.siblings import Asked, Siblings
    from proxy.model.grid import Grid
    from tests.fakes import Asked as Question

GRID = window(5 * HOUR_MS, 120)
CALLER = Caller(())
ALL = [Run(0, 120)]


class Splits:
    """Flights for hours, in front of an upstream whose answers are counted."""

    def __init__(self) -> None:
        self.cached = Cached(interval_ms=HOUR_MS)
        self.budget = MemoryBudget(MemoryPolicy(1 << 24, 1_000))
        self.upstream = MemoryUpstream(self._answer)
        self.body = b""
        self.fails_at_ms = -1
        self.error: Exception = UpstreamUnreachableError("gone")
        self.flights = SplitFlights(
            self.upstream, NoThreads(), self.cached.clock, self.cached.cache, parallelism=2
        )

    async def _answer(self, asked: Question) -> UpstreamAnswer:
        memory = self.budget.open()
        await memory.grow(100_000)
        if asked.grid.start_ms == self.fails_at_ms:
            memory.close()
            await asyncio.sleep(0.001)
            raise self.error
        body = self.body or self.cached.world.body("a", asked.grid)
        return UpstreamAnswer(body, no_store=False, memory=memory)


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


async def test_what_a_flight_brought_is_counted_until_it_is_taken_over() -> None:
    splits = Splits()
    plan = splits.cached.plan(GRID)
    async with splits.flights.bring(plan, ALL, CALLER, is_shared=True) as brought:
        texts = sum(len(one.fetched.indexed.matrix.text) for one in brought)
        pieces = [piece for one in brought for _, piece in one.fetched.pieces]
        assert splits.budget.used_bytes == texts + sum(piece.size_bytes for piece in pieces)
    assert splits.budget.used_bytes == 0
    assert splits.upstream.most_running == 2


async def test_without_gaps_nothing_is_asked() -> None:
    splits = Splits()
    plan = splits.cached.plan(GRID)
    async with splits.flights.bring(plan, [], CALLER, is_shared=True) as brought:
        assert brought == []
    assert not splits.upstream.asked


async def test_two_who_need_the_same_share_it_and_its_memory() -> None:
    splits = Splits()
    plan = splits.cached.plan(GRID)

    async def need() -> None:
        async with splits.flights.bring(plan, ALL, CALLER, is_shared=True):
            await asyncio.sleep(0.01)
            assert splits.budget.used_bytes > 0

    await asyncio.gather(need(), need())
    asked = [one.grid for one in splits.upstream.asked]
    assert sum(grid.steps for grid in asked) == GRID.steps
    assert splits.budget.used_bytes == 0


async def test_who_wants_nothing_kept_does_not_join_others() -> None:
    splits = Splits()
    plan = splits.cached.plan(GRID)

    async def need() -> None:
        async with splits.flights.bring(plan, ALL, CALLER, is_shared=False):
            pass

    await asyncio.gather(need(), need())
    assert sum(one.grid.steps for one in splits.upstream.asked) == 2 * GRID.steps


@pytest.mark.parametrize(
    "error", [UpstreamUnreachableError("gone"), BadUpstreamAnswerError("html")], ids=str
)
async def test_a_failure_gives_back_what_the_other_splits_took(error: Exception) -> None:
    splits = Splits()
    splits.fails_at_ms, splits.error = GRID.start_ms + HOUR_MS, error
    plan = splits.cached.plan(GRID)
    with pytest.raises(type(error)):
        async with splits.flights.bring(plan, ALL, CALLER, is_shared=True):
            raise AssertionError("one of them failed")
    await asyncio.sleep(0.01)
    assert splits.budget.used_bytes == 0


async def test_a_body_that_is_no_matrix_gives_its_memory_back() -> None:
    splits = Splits()
    splits.body = b"<html>"
    plan = splits.cached.plan(GRID)
    with pytest.raises(BadUpstreamAnswerError):
        async with splits.flights.bring(plan, ALL, CALLER, is_shared=True):
            raise AssertionError("it is no matrix")
    await asyncio.sleep(0.01)
    assert splits.budget.used_bytes == 0


@pytest.mark.usefixtures("no_collection")
async def test_after_a_failure_nothing_holds_what_the_others_brought(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cycle through a traceback would: uncounted, until a collection."""
    brought: list[weakref.ref[object]] = []
    splits = Splits()
    splits.fails_at_ms = GRID.start_ms + HOUR_MS
    keep = splits.cached.cache.keep

    async def watched(plan: object, fetch: object) -> object:
        brought.append(weakref.ref(fetch.indexed.matrix.floats.start))  # type: ignore[attr-defined]
        return await keep(plan, fetch)  # type: ignore[arg-type]

    monkeypatch.setattr(splits.cached.cache, "keep", watched)
    plan = splits.cached.plan(GRID)
    try:
        async with splits.flights.bring(plan, ALL, CALLER, is_shared=True):
            raise AssertionError("one of them failed")
    except UpstreamUnreachableError:
        pass
    await asyncio.sleep(0.01)
    assert brought
    assert [one() is None for one in brought] == [True] * len(brought)


async def test_an_error_of_steps_beyond_the_window_makes_the_query_whole() -> None:
    splits = Splits()
    splits.fails_at_ms = GRID.start_ms
    splits.error = UpstreamAnswerError(422, (), ERROR_JSON)
    wide, narrow = splits.cached.plan(GRID), splits.cached.plan(GRID.sliced(5, 50))

    async def need(plan: object, run: Run) -> None:
        async with splits.flights.bring(plan, [run], CALLER, is_shared=True):  # type: ignore[arg-type]
            pass

    ended = await asyncio.gather(
        need(wide, Run(0, 120)), need(narrow, Run(0, 45)), return_exceptions=True
    )
    assert [type(one) for one in ended] == [UpstreamAnswerError, NotSplittableError]


async def test_parts_are_made_pieces_or_text_and_cover_the_steps_exactly() -> None:
    splits = Splits()
    plan = splits.cached.plan(GRID)
    async with splits.flights.bring(plan, ALL, CALLER, is_shared=True) as brought:
        for as_text in (False, True):
            parts = [part for one in brought for part in one.parts(plan, as_text)]
            runs = sorted(run for run, _ in parts)
            assert [run.first for run in runs] == [0, *(run.end for run in runs[:-1])]
            assert runs[-1].end == GRID.steps
            assert any(isinstance(part, Piece) for _, part in parts) is not as_text


async def test_of_a_piece_that_is_cut_by_the_window_only_the_steps_inside_are_taken_as_text() -> None:
    splits = Splits()
    plan = splits.cached.plan(GRID)
    async with splits.flights.bring(plan, ALL, CALLER, is_shared=True) as (first, *_):
        made = first.fetched.pieces[0][0]
        grid: Grid = first.fetched.indexed.grid
        run = Run(grid.first_index + made.first + 1, grid.first_index + made.end)
        ((_, part),) = Brought(run, first.fetched).parts(plan, as_text=False)
        assert not isinstance(part, Piece)


async def test_a_text_that_is_in_several_parts_is_held_once() -> None:
    splits = Splits()
    plan = splits.cached.plan(GRID)
    async with splits.flights.bring(plan, [Run(0, 30)], CALLER, is_shared=True) as (one, *_):
        ((_, text),) = one.parts(plan, as_text=True)
        (piece, *_others) = (part for _, part in one.parts(plan, as_text=False))
        assert isinstance(piece, Piece)
        assert held_bytes([text, text]) == len(one.fetched.indexed.matrix.text)
        assert held_bytes([text, piece]) == held_bytes([text]) + piece.size_bytes


class Neighbour:
    """Another worker, which is asked first."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.forgotten = 0

    async def ask(
        self,
        identity: bytes,
        fetch: Callable[[], Awaitable[Asked[IndexedMatrix]]],
        _until_s: float,
    ) -> Asked[IndexedMatrix]:
        """As if it had been another's: what was read in it is not handed on."""
        self.asked.append(identity)
        return (await fetch())._replace(read=None)

    def forget(self) -> None:
        self.forgotten += 1


def beside(splits: Splits, neighbour: Neighbour) -> SplitFlights:
    return SplitFlights(
        splits.upstream,
        NoThreads(),
        splits.cached.clock,
        splits.cached.cache,
        parallelism=2,
        siblings=cast("Siblings", neighbour),
    )


async def test_other_workers_are_asked_for_each_split_by_all_that_it_depends_on() -> None:
    splits, neighbour = Splits(), Neighbour()
    flights = beside(splits, neighbour)
    plan = splits.cached.plan(GRID)
    for _ in range(2):
        async with flights.bring(plan, ALL, CALLER, is_shared=True):
            pass
    assert len(neighbour.asked) > len(set(neighbour.asked)) == len(neighbour.asked) // 2
    assert plan.key is not None
    assert all(plan.key.full in identity for identity in neighbour.asked)
    flights.forget()
    assert neighbour.forgotten == 1


async def test_what_shall_not_be_shared_is_asked_without_them() -> None:
    splits, neighbour = Splits(), Neighbour()
    async with beside(splits, neighbour).bring(splits.cached.plan(GRID), ALL, CALLER, is_shared=False):
        pass
    assert not neighbour.asked
