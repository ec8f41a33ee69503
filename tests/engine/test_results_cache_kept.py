"""What must not be kept, what replaces what, and pieces that are joined."""

from __future__ import annotations

import pytest

from proxy.engine.ports import UpstreamAnswer
from proxy.errors import BadUpstreamAnswerError, UpstreamAnswerError
from proxy.model.grid import Grid
from tests.engine.cached import HOUR_MS, KEEP, MINUTE_MS, NOW_MS, Cached, window
from tests.fakes import ERROR_JSON, Asked, matrix_body

OLD = window(57 * HOUR_MS, 40)
"""Forty minutes of two days ago; three extents of sixteen steps."""


def extent_at(time_ms: int) -> Grid:
    """A whole extent of steps of a minute."""
    return Grid(time_ms // (16 * MINUTE_MS) * (16 * MINUTE_MS), MINUTE_MS, 16)


EXTENT = extent_at(OLD.start_ms)


async def test_an_answer_with_no_store_is_given_and_not_kept() -> None:
    cached = Cached()
    cached.no_store = True
    assert (await cached.run(OLD)).no_store
    assert await cached.fetched_by(OLD) == [OLD]
    cached.no_store = False
    assert await cached.fetched_by(OLD) == [OLD]
    assert not (await cached.run(OLD)).no_store
    assert await cached.fetched_by(OLD) == []


async def test_annotations_are_kept_with_their_answer_and_said_once() -> None:
    cached = Cached()

    async def warns(asked: Asked) -> UpstreamAnswer:
        return UpstreamAnswer(matrix_body(asked.grid, warnings=("PromQL info: x",)), no_store=False)

    cached.upstream.answer = warns
    for _ in range(2):
        answer = await cached.run(OLD)
        assert answer.matrix.tail.notes == {"warnings": ("PromQL info: x",)}
    assert len(cached.upstream.asked) == 1


@pytest.mark.parametrize(
    "failure",
    [
        UpstreamAnswerError(422, (("Content-Type", "application/json"),), ERROR_JSON),
        UpstreamAnswerError(429, (("Content-Type", "application/json"),), ERROR_JSON),
        UpstreamAnswerError(400, (("Content-Type", "application/json"),), ERROR_JSON),
        b"<html>login</html>",
        b'{"status":"error","errorType":"internal","error":"x"}',
        matrix_body(OLD)[:-40],
        matrix_body(OLD)[:400],
    ],
    ids=["422", "429", "400", "html", "200 with an error", "truncated", "truncated early"],
)
async def test_no_failure_is_kept(failure: Exception | bytes) -> None:
    cached = Cached()
    right = cached.upstream.answer

    async def fails(_asked: Asked) -> UpstreamAnswer:
        if isinstance(failure, Exception):
            raise failure
        return UpstreamAnswer(failure, no_store=False)

    cached.upstream.answer = fails
    with pytest.raises((UpstreamAnswerError, BadUpstreamAnswerError)):
        await cached.ask(OLD)
    cached.upstream.answer = right
    assert await cached.fetched_by(OLD) == [OLD]


async def test_the_name_of_another_question_is_a_miss_and_not_its_answer() -> None:
    cached = Cached()
    await cached.ask(OLD, "a offset 1h")
    wrong, plan = cached.plan(OLD, "a offset 1h"), cached.plan(OLD)
    assert plan.key is not None
    assert wrong.key is not None
    for extent_id, (extent, _) in list(cached.store._extents.items()):
        assert cached.store.put(type(extent_id)(plan.key.name, extent_id.number), extent)
    assert len(cached.cache.lookup(wrong)) == 3
    assert cached.cache.lookup(plan) == []
    assert await cached.fetched_by(OLD) == [OLD]
    assert await cached.fetched_by(OLD) == []


async def test_a_refresh_asks_again_and_its_answer_is_kept() -> None:
    cached = Cached()
    await cached.ask(OLD)
    cached.world.late[OLD.start_ms // HOUR_MS] += 1
    assert await cached.fetched_by(OLD, refresh=True) == [OLD]
    assert await cached.fetched_by(OLD) == []


async def test_pieces_of_a_full_extent_are_joined_off_the_requests_path() -> None:
    cached = Cached()
    for step in range(16):
        await cached.ask(EXTENT.sliced(step, step + 1))
        await cached.settle()
        assert len(cached.cache.lookup(cached.plan(EXTENT))) <= 8
    assert [hit.run.steps for hit in cached.cache.lookup(cached.plan(EXTENT))] == [16]
    assert await cached.fetched_by(EXTENT) == []


async def test_the_two_pieces_that_splits_leave_in_an_extent_stay_as_they_are() -> None:
    cached = Cached()
    await cached.ask(EXTENT.sliced(0, 8))
    await cached.ask(EXTENT.sliced(8, 16))
    await cached.settle()
    assert [hit.run.steps for hit in cached.cache.lookup(cached.plan(EXTENT))] == [8, 8]


async def test_a_joined_piece_expires_with_the_oldest_of_its_parts() -> None:
    cached = Cached()
    await cached.ask(EXTENT.sliced(0, 8))
    cached.clock.advance(5 * MINUTE_MS)
    for first, end in ((8, 10), (10, 12), (12, 16)):
        await cached.ask(EXTENT.sliced(first, end))
    await cached.settle()
    assert len(cached.cache.lookup(cached.plan(EXTENT))) == 1
    cached.clock.advance(KEEP.long_life_ms - 5 * MINUTE_MS)
    assert await cached.fetched_by(EXTENT) == [EXTENT]


async def test_a_joined_piece_serves_at_once_although_its_last_part_is_not_confirmed_yet() -> None:
    cached = Cached(is_watched=True)
    await cached.look()
    for first, end in ((0, 12), (12, 14), (14, 15)):
        await cached.ask(EXTENT.sliced(first, end))
    for _ in range(3):
        cached.clock.advance(KEEP.short_life_ms)
        await cached.look()
    cached.clock.advance(1)
    await cached.ask(EXTENT.sliced(15, 16))
    await cached.settle()
    (hit,) = cached.cache.lookup(cached.plan(EXTENT))
    assert hit.is_whole_piece
    assert hit.expires_ms == cached.clock.monotonic + KEEP.short_life_ms
    cached.clock.advance(1)
    await cached.look()
    (hit,) = cached.cache.lookup(cached.plan(EXTENT))
    assert hit.expires_ms > cached.clock.monotonic + KEEP.short_life_ms


def answers_at(cached: Cached, steps: set[int], grid: Grid) -> None:
    """From now on there is one series, and only at these steps of a grid."""
    times_ms = {grid.start_ms + step * grid.step_ms for step in steps}

    async def answer(asked: Asked) -> UpstreamAnswer:
        body = matrix_body(asked.grid, lambda time_ms: {"{}": "1"} if time_ms in times_ms else {})
        return UpstreamAnswer(body, no_store=False)

    cached.upstream.answer = answer


async def asked_again(cached: Cached, grid: Grid) -> list[Grid]:
    before = len(cached.upstream.asked)
    await cached.run(grid)
    return [asked.grid for asked in cached.upstream.asked[before:]]


@pytest.mark.parametrize(
    ("ago_ms", "life_ms"), [(HOUR_MS, KEEP.recent_life_ms), (57 * HOUR_MS, KEEP.long_life_ms)]
)
async def test_empty_steps_between_others_live_shorter_than_those(ago_ms: int, life_ms: int) -> None:
    cached, grid = Cached(), window(ago_ms, 30)
    answers_at(cached, {*range(4), *range(6, 30)}, grid)
    await cached.run(grid)
    cached.clock.advance(KEEP.empty_life_ms - 1)
    assert await asked_again(cached, grid) == []
    cached.clock.advance(1)
    assert await asked_again(cached, grid) == [grid.sliced(4, 6)]
    cached.clock.advance(life_ms - KEEP.empty_life_ms - 1)
    assert await asked_again(cached, grid) == [grid.sliced(4, 6)]
    cached.clock.advance(1)
    assert await asked_again(cached, grid) == [grid.sliced(0, 4), grid.sliced(6, 30)]


async def test_recent_data_with_many_empty_steps_lives_as_short_as_those_all_of_it() -> None:
    cached, grid = Cached(), extent_at(NOW_MS - HOUR_MS)
    answers_at(cached, set(range(0, 16, 2)), grid)
    await cached.run(grid)
    cached.clock.advance(KEEP.empty_life_ms - 1)
    assert await asked_again(cached, grid) == []
    cached.clock.advance(1)
    assert await asked_again(cached, grid) == [grid]


async def test_old_data_with_many_empty_steps_lives_long() -> None:
    cached = Cached()
    answers_at(cached, set(range(0, 16, 2)), EXTENT)
    await cached.run(EXTENT)
    cached.clock.advance(KEEP.long_life_ms - 1)
    assert await asked_again(cached, EXTENT) == []
