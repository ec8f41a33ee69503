"""What is held of a plan, and what it is worth; looking changes nothing."""

from __future__ import annotations

from proxy.engine.held import HeldView, Seen
from proxy.model.grid import Grid
from proxy.plan.explain import HeldRun
from proxy.plan.holes import Store
from proxy.plan.partition import Run
from tests.engine.cached import (
    DAY_MS,
    HOUR_MS,
    KEEP,
    MINUTE_MS,
    PASSING,
    SECOND_MS,
    Cached,
    window,
)

OLD = window(10 * HOUR_MS, 40)


def view(cached: Cached) -> HeldView:
    return HeldView(cached.store, cached.watch, cached.clock, KEEP.extent_steps)


def look(
    cached: Cached, grid: Grid, expr: str = "a", is_refresh: bool = False
) -> tuple[list[HeldRun], list[Run]]:
    plan = cached.plan(grid, expr)
    seen, gaps = view(cached).of(plan, is_refresh)
    return view(cached).runs(plan, seen), gaps


async def test_of_what_was_never_asked_nothing_is_held() -> None:
    assert look(Cached(), OLD) == ([], [Run(0, 40)])


async def test_pieces_of_one_fetch_are_one_run_with_its_age_and_life() -> None:
    cached = Cached()
    await cached.run(OLD)
    cached.clock.advance(SECOND_MS)
    runs, gaps = look(cached, OLD)
    expected = HeldRun(
        OLD.start_ms, OLD.last_ms, 40, SECOND_MS, DAY_MS - SECOND_MS, "confirmed", DAY_MS - SECOND_MS
    )
    assert runs == [expected]
    assert len(cached.store) > 1
    assert gaps == []


async def test_only_the_windows_own_steps_are_shown() -> None:
    cached = Cached()
    await cached.run(OLD)
    runs, gaps = look(cached, OLD.sliced(3, 9))
    assert [(run.from_ms, run.steps) for run in runs] == [(OLD.start_ms + 3 * MINUTE_MS, 6)]
    assert gaps == []


async def test_fetches_of_different_times_are_told_apart() -> None:
    cached = Cached()
    await cached.run(OLD.sliced(0, 20))
    cached.clock.advance(SECOND_MS)
    await cached.run(OLD.sliced(20, 35))
    runs, gaps = look(cached, OLD)
    assert [(run.steps, run.age_ms) for run in runs] == [(20, SECOND_MS), (15, 0)]
    assert gaps == [Run(35, 40)]


async def test_parts_of_one_fetch_that_live_shorter_are_told_apart() -> None:
    cached = Cached(is_watched=True)
    await cached.look()
    grid = Grid(cached.clock.wall - 2 * HOUR_MS - 10 * MINUTE_MS, MINUTE_MS, 20)
    await cached.run(grid)
    runs, _ = look(cached, grid)
    assert [(run.steps, run.lives_ms) for run in runs] == [(10, DAY_MS), (10, 10 * MINUTE_MS)]
    assert {run.serves_ms for run in runs} == {KEEP.short_life_ms}


async def test_parts_of_one_fetch_that_a_lost_store_may_hold_are_told_apart() -> None:
    cached = Cached(is_watched=True)
    grid = window(13 * HOUR_MS, 120)
    for is_healthy in (True, False):
        store = Store("old", "10.0.0.3:10901", 0, grid.start_ms, is_healthy)
        cached.watch.look(cached.clock.monotonic, cached.clock.monotonic + 1, [store])
        cached.clock.advance(SECOND_MS)
    await cached.run(grid)
    runs, _ = look(cached, grid)
    assert [run.trust for run in runs] == ["in_doubt", "pending"]
    assert sum(run.steps for run in runs) == 120


async def test_what_is_over_is_shown_and_asked_for_again() -> None:
    cached = Cached()
    await cached.run(OLD)
    cached.clock.advance(DAY_MS + 5)
    runs, gaps = look(cached, OLD)
    assert [(run.lives_ms, run.serves_ms, run.why_not) for run in runs] == [(-5, 0, "expired")]
    assert gaps == [Run(0, 40)]


async def test_what_no_look_has_confirmed_serves_shortly() -> None:
    cached = Cached(is_watched=True)
    await cached.look()
    await cached.run(OLD)
    runs, gaps = look(cached, OLD)
    assert [(run.trust, run.serves_ms, run.why_not) for run in runs] == [
        ("pending", KEEP.short_life_ms, "")
    ]
    assert gaps == []
    cached.clock.advance(KEEP.short_life_ms)
    runs, gaps = look(cached, OLD)
    assert [(run.trust, run.why_not) for run in runs] == [("pending", "pending")]
    assert gaps == [Run(0, 40)]


async def test_a_store_that_is_away_puts_what_came_meanwhile_in_doubt() -> None:
    cached = Cached(is_watched=True)
    await cached.look()
    cached.world.is_lost = True
    await cached.look()
    await cached.run(OLD)
    assert [run.trust for run in look(cached, OLD)[0]] == ["in_doubt"]
    cached.world.is_lost = False
    await cached.look()
    assert [run.why_not for run in look(cached, OLD)[0]] == ["lost"]


async def test_notes_of_another_part_do_not_serve() -> None:
    cached = Cached()
    grid = window(12 * HOUR_MS, 130)
    await cached.run(grid, PASSING)
    assert {run.why_not for run in look(cached, grid, PASSING)[0]} == {""}
    assert {run.why_not for run in look(cached, grid.sliced(0, 40), PASSING)[0]} == {"notes"}


async def test_a_refresh_asks_for_all() -> None:
    cached = Cached()
    await cached.run(OLD)
    runs, gaps = look(cached, OLD, is_refresh=True)
    assert [run.why_not for run in runs] == ["refresh"]
    assert gaps == [Run(0, 40)]


async def test_held_steps_between_joined_gaps_are_asked_for_again() -> None:
    cached = Cached()
    for at in range(2, 40, 4):
        await cached.run(OLD.sliced(at, at + 1 + at % 3))
    plan = cached.plan(OLD)
    seen, gaps = view(cached).of(plan, is_refresh=False)
    again = [one for one in seen if one.why_not == "between_gaps"]
    assert again
    assert len(gaps) == 8
    assert all(any(gap.first < one.run.first < gap.end for gap in gaps) for one in again)


async def test_another_key_with_the_same_name_holds_nothing() -> None:
    cached = Cached()
    await cached.run(OLD)
    plan = cached.plan(OLD)
    assert plan.key is not None
    other = cached.plan(OLD, form=(("x", "1"),))
    assert view(cached).of(other, is_refresh=False)[0] == []


async def test_a_plan_without_a_key_holds_nothing() -> None:
    cached = Cached()
    grid = window(5 * HOUR_MS, 120)
    await cached.run(grid)
    plan = cached.plan(grid, form=(("stats", "all"),))
    assert plan.key is None
    assert view(cached).of(plan, is_refresh=False) == ([], [Run(0, 120)])


async def test_looking_is_no_use_of_an_extent() -> None:
    cached = Cached()
    await cached.run(OLD)
    order = list(cached.store._extents)
    seen: list[Seen] = view(cached).of(cached.plan(OLD.sliced(0, 5)), is_refresh=False)[0]
    assert seen
    assert list(cached.store._extents) == order
