"""What is kept, how long it serves, and what is asked of the upstream again."""

from __future__ import annotations

import asyncio

import pytest

from proxy.model.grid import Grid
from proxy.plan.purge import Purge
from tests.engine.cached import (
    DAY_MS,
    HOUR_MS,
    KEEP,
    MINUTE_MS,
    NOW_MS,
    Cached,
    ManualClock,
    window,
    with_policy,
)

OLD = window(57 * HOUR_MS, 40)
"""Forty minutes of two days ago; three extents of sixteen steps."""


async def test_what_is_held_is_not_asked_again() -> None:
    cached = Cached()
    assert await cached.fetched_by(OLD) == [OLD]
    assert await cached.fetched_by(OLD) == []


@pytest.mark.parametrize(("first", "end"), [(0, 40), (0, 1), (39, 40), (7, 33), (15, 16), (16, 32)])
async def test_a_part_of_what_is_held_is_cut_from_it(first: int, end: int) -> None:
    cached = Cached()
    await cached.ask(OLD)
    assert await cached.fetched_by(OLD.sliced(first, end)) == []


async def test_only_gaps_are_asked_for_on_both_sides_and_between() -> None:
    cached = Cached()
    await cached.ask(OLD.sliced(10, 14))
    await cached.ask(OLD.sliced(20, 30))
    gaps = await cached.fetched_by(OLD)
    assert sorted(gaps) == [OLD.sliced(0, 10), OLD.sliced(14, 20), OLD.sliced(30, 40)]
    assert await cached.fetched_by(OLD) == []


async def test_many_islands_are_not_asked_around_one_by_one() -> None:
    cached = Cached()
    for at in range(0, 40, 2):
        await cached.ask(OLD.sliced(at, at + 1))
    assert len(await cached.fetched_by(OLD)) <= 8
    assert await cached.fetched_by(OLD) == []


@pytest.mark.parametrize("start_ms", [-7_200_000, -333, 0, 1_234_567, 1_700_000_000_123])
@pytest.mark.parametrize("step_ms", [1, 1500, 35_000, DAY_MS])
async def test_any_grid_is_kept_and_answered_exactly(start_ms: int, step_ms: int) -> None:
    cached = Cached(interval_ms=HOUR_MS)
    cached.clock.wall = 1 << 45
    grid = Grid(start_ms, step_ms, 37)
    await cached.fetched_by(grid)
    assert await cached.fetched_by(grid) == []
    assert await cached.fetched_by(Grid(start_ms + 5 * step_ms, step_ms, 20)) == []


async def test_a_single_step_is_kept_too() -> None:
    cached = Cached()
    assert await cached.fetched_by(OLD.sliced(3, 4)) == [OLD.sliced(3, 4)]
    assert await cached.fetched_by(OLD.sliced(3, 4)) == []


@pytest.mark.parametrize(
    "other",
    [
        Grid(OLD.start_ms + 1, OLD.step_ms, OLD.steps),
        Grid(OLD.start_ms + 30_000, OLD.step_ms, OLD.steps),
        Grid(OLD.start_ms, OLD.step_ms * 2, OLD.steps // 2),
        Grid(OLD.start_ms, OLD.step_ms // 2, OLD.steps),
    ],
    ids=["a millisecond later", "half a step later", "a coarser step", "a finer step"],
)
async def test_another_phase_or_step_meets_nothing_of_this_one(other: Grid) -> None:
    cached = Cached()
    await cached.ask(OLD)
    assert await cached.fetched_by(other) == [other]


async def test_the_newest_steps_are_answered_and_never_kept() -> None:
    cached = Cached()
    grid = window(10 * MINUTE_MS, 11)
    assert await cached.fetched_by(grid) == [grid]
    assert await cached.fetched_by(grid) == [grid.sliced(9, 11)]
    cached.clock.advance(1)
    assert await cached.fetched_by(grid) == [grid.sliced(9, 11)]
    for _ in range(3):
        cached.clock.advance(1)
        assert await cached.fetched_by(grid) == [grid.sliced(10, 11)]


async def test_steps_after_now_are_answered_and_never_kept() -> None:
    cached = Cached()
    grid = window(-MINUTE_MS, 5)
    for _ in range(2):
        cached.clock.advance(1)
        assert await cached.fetched_by(grid) == [grid]


@pytest.mark.parametrize(
    ("expr", "kept_steps"),
    [
        ("a", 20),
        ("a offset 1h", 20),
        ("a offset -5m", 15),
        ("max_over_time(a[10m:1m] offset -5m)", 15),
        ("a offset -1h", 0),
        (f"a @ {(NOW_MS - HOUR_MS) // 1000}", 20),
        (f"a @ {(NOW_MS - 59_000) // 1000}", 0),
        (f"a @ {(NOW_MS + HOUR_MS) // 1000}", 0),
        (f"max_over_time(a[5m:1m] @ {NOW_MS // 1000})", 0),
        ("max_over_time((a offset -3m)[5m:1m] offset -2m)", 15),
    ],
)
async def test_only_steps_that_read_nothing_of_the_newest_minute_are_kept(
    expr: str, kept_steps: int
) -> None:
    cached = Cached()
    grid = window(20 * MINUTE_MS + MINUTE_MS // 2, 20)
    await cached.run(grid, expr)
    hits = cached.cache.lookup(cached.plan(grid, expr))
    assert sum(hit.run.steps for hit in hits) == kept_steps


async def test_what_looks_ahead_is_answered_right_while_time_goes_on() -> None:
    cached = Cached()
    for _ in range(8):
        grid = Grid(cached.clock.wall // MINUTE_MS * MINUTE_MS - 15 * MINUTE_MS, MINUTE_MS, 16)
        for expr in ("a offset -5m", "max_over_time(a[10m:1m] offset -5m)"):
            await cached.fetched_by(grid, expr)
        cached.clock.advance(70_000)


@pytest.mark.parametrize(
    ("grid", "life_ms"),
    [
        pytest.param(window(57 * HOUR_MS, 4), KEEP.long_life_ms, id="old data"),
        pytest.param(window(HOUR_MS, 4), KEEP.recent_life_ms, id="inside the out-of-order window"),
        pytest.param(Grid(0, MINUTE_MS, 4), KEEP.empty_life_ms, id="nothing at all"),
        pytest.param(window(2 * HOUR_MS + MINUTE_MS, 1), KEEP.long_life_ms, id="just out of it"),
        pytest.param(window(2 * HOUR_MS - MINUTE_MS, 1), KEEP.recent_life_ms, id="just in it"),
    ],
)
async def test_life_goes_by_the_age_of_the_data(grid: Grid, life_ms: int) -> None:
    cached = Cached()
    await cached.fetched_by(grid)
    cached.clock.advance(life_ms - 1)
    assert await cached.fetched_by(grid) == []
    cached.clock.advance(1)
    assert await cached.fetched_by(grid) == [grid]


async def test_a_fetch_is_cut_where_recent_data_begins() -> None:
    cached = Cached()
    grid = window(3 * HOUR_MS, 120)
    await cached.ask(grid)
    cached.clock.advance(KEEP.recent_life_ms)
    (gap,) = await cached.fetched_by(grid)
    assert gap == grid.sliced(60, 120)


async def test_a_late_sample_shows_when_the_recent_life_is_over() -> None:
    cached = Cached()
    grid = window(HOUR_MS, 30)
    before = await cached.ask(grid)
    cached.world.late[(NOW_MS - HOUR_MS) // HOUR_MS] += 1
    assert await cached.ask(grid) == before
    cached.clock.advance(KEEP.recent_life_ms)
    assert await cached.ask(grid) == cached.world.body("a", grid) != before


async def test_a_backfilled_sample_shows_after_a_purge_of_its_time_only() -> None:
    cached = Cached()
    other = window(80 * HOUR_MS, 40)
    for grid in (OLD, other):
        await cached.ask(grid)
    cached.world.late[OLD.start_ms // HOUR_MS] += 1
    removed = cached.cache.purge(Purge(reads=(OLD.start_ms, OLD.start_ms)))
    assert removed == 3
    assert await cached.fetched_by(other) == []
    assert await cached.fetched_by(OLD) == [OLD]


async def test_answers_are_right_in_a_cache_too_small_for_them() -> None:
    cached = Cached(max_bytes=6_000)
    for at in (0, 30, 60, 0, 30):
        await cached.fetched_by(window(57 * HOUR_MS - at * MINUTE_MS, 60))
        assert cached.store.used_bytes <= 6_000


async def test_who_hangs_up_while_his_answer_is_deflated_leaves_the_cache_whole() -> None:
    cached = Cached(policy=with_policy(extent_steps=4))
    asking = asyncio.create_task(cached.ask(OLD))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await cached.fetched_by(OLD)


async def test_a_clock_that_is_ahead_costs_no_more_than_the_life_of_recent_data() -> None:
    cached = Cached()
    cached.world.clock = ManualClock(NOW_MS - 5 * MINUTE_MS)
    grid = window(10 * MINUTE_MS, 8)
    early = await cached.ask(grid)
    cached.world.clock.advance(10 * MINUTE_MS)
    assert await cached.ask(grid) == early != cached.world.body("a", grid)
    cached.clock.advance(KEEP.recent_life_ms)
    await cached.fetched_by(grid)


async def test_pieces_do_not_depend_on_where_requests_are_cut() -> None:
    cached = Cached(interval_ms=7 * MINUTE_MS)
    assert len(await cached.fetched_by(OLD)) > 5
    uncut = Cached(interval_ms=0)
    uncut.queries._cache = cached.cache
    assert await uncut.fetched_by(OLD) == []
