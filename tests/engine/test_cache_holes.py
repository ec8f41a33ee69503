"""A store that is lost for a while leaves no hole, whenever queries, looks and losses fall."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.grid import Grid
from tests.engine.cached import HOUR_MS, KEEP, MINUTE_MS, SECOND_MS, Cached, window
from tests.pieces import FEWER

OLD = window(57 * HOUR_MS, 40)
"""An hour in which the store that may be lost has a series."""


async def watched() -> Cached:
    """A cache whose upstream has been looked at once, all stores being there."""
    cached = Cached(is_watched=True)
    await cached.look()
    return cached


async def test_an_answer_of_all_stores_is_confirmed_by_the_next_look_and_kept_for_long() -> None:
    cached = await watched()
    await cached.ask(OLD)
    cached.clock.advance(SECOND_MS)
    await cached.look()
    cached.clock.advance(20 * HOUR_MS)
    assert await cached.fetched_by(OLD) == []


async def test_without_a_look_an_answer_serves_only_for_its_short_life() -> None:
    cached = await watched()
    await cached.ask(OLD)
    cached.clock.advance(KEEP.short_life_ms - 1)
    assert await cached.fetched_by(OLD) == []
    cached.clock.advance(1)
    assert await cached.fetched_by(OLD) == [OLD]


async def test_a_hole_is_asked_again_when_the_store_is_back() -> None:
    cached = await watched()
    cached.world.is_lost = True
    hole = await cached.ask(OLD)
    cached.clock.advance(SECOND_MS)
    await cached.look()
    cached.world.is_lost = False
    assert await cached.ask(OLD) == hole, "inside of its short life"
    await cached.look()
    assert await cached.fetched_by(OLD) == [OLD]
    cached.clock.advance(SECOND_MS)
    await cached.look()
    assert await cached.fetched_by(OLD) == []


async def test_while_a_store_is_away_answers_live_shortly_and_old_ones_go_on_serving() -> None:
    cached = await watched()
    complete = OLD.sliced(0, 16)
    await cached.ask(complete)
    cached.clock.advance(SECOND_MS)
    await cached.look()
    cached.world.is_lost = True
    cached.clock.advance(SECOND_MS)
    await cached.look()
    assert await cached.ask(complete) != cached.world.body("a", complete)
    rest = OLD.sliced(16, 40)
    for _ in range(3):
        assert await cached.fetched_by(rest) == [rest]
        cached.clock.advance(KEEP.short_life_ms)
        await cached.look()


async def test_a_store_that_is_lost_between_two_looks_and_comes_back_elsewhere() -> None:
    cached = await watched()
    cached.world.is_lost = True
    await cached.ask(OLD)
    cached.world.is_lost = False
    began_ms, stores = cached.clock.monotonic, cached.world.stores()
    stores[1] = type(stores[1])("store", "10.0.0.9:10901", 0, 1 << 60, is_healthy=True)
    cached.clock.advance(SECOND_MS)
    cached.watch.look(began_ms, cached.clock.monotonic, stores)
    assert await cached.fetched_by(OLD) == [OLD]


async def test_a_query_that_starts_without_stores_leaves_nothing_empty_behind() -> None:
    cached = Cached(is_watched=True)
    cached.world.is_lost = True
    cached.watch.look(0, 0, [])
    cached.clock.advance(SECOND_MS)
    await cached.ask(OLD)
    cached.clock.advance(SECOND_MS)
    cached.watch.look(cached.clock.monotonic, cached.clock.monotonic, [])
    cached.clock.advance(SECOND_MS)
    cached.world.is_lost = False
    await cached.look()
    assert await cached.fetched_by(OLD) == [OLD]


async def test_a_hole_does_not_hide_in_a_piece_that_was_joined() -> None:
    cached = await watched()
    extent = Grid(OLD.start_ms // (16 * MINUTE_MS) * (16 * MINUTE_MS), MINUTE_MS, 16)
    for step in range(12):
        cached.world.is_lost = step == 5
        await cached.ask(extent.sliced(step, step + 1))
    await cached.settle()
    cached.world.is_lost = True
    await cached.look()
    cached.world.is_lost = False
    await cached.look()
    await cached.fetched_by(extent)


async def test_joining_does_not_draw_good_answers_into_doubt() -> None:
    cached = await watched()
    extent = Grid(OLD.start_ms // (16 * MINUTE_MS) * (16 * MINUTE_MS), MINUTE_MS, 16)
    await cached.ask(extent.sliced(0, 10))
    for is_lost in (False, True, False):
        cached.clock.advance(SECOND_MS)
        cached.world.is_lost = is_lost
        await cached.look()
    cached.clock.advance(SECOND_MS)
    await cached.ask(extent.sliced(10, 16))
    await cached.settle()
    assert await cached.fetched_by(extent) == []


@pytest.mark.parametrize("steps", [1, 3])
@FEWER
@given(seed=st.integers(0, 2**32))
def test_no_hole_outlives_a_look_that_sees_the_store_again(seed: int, steps: int) -> None:
    """Losses last as long as the upstream's own check of its stores, so that a look sees each."""

    async def main() -> None:
        chance = random.Random(seed)
        cached = await watched()
        for _ in range(steps):
            cached.world.is_lost = True
            for _ in range(chance.randint(1, 3)):
                await some_queries(cached, chance)
                await cached.look()
            cached.world.is_lost = False
            for _ in range(chance.randint(1, 2)):
                await some_queries(cached, chance)
                await cached.look()
            first = chance.randrange(40)
            await cached.fetched_by(OLD.sliced(first, chance.randint(first + 1, 40)))

    async def some_queries(cached: Cached, chance: random.Random) -> None:
        for _ in range(chance.randint(0, 4)):
            first = chance.randrange(40)
            await cached.ask(OLD.sliced(first, chance.randint(first + 1, 40)))
            cached.clock.advance(chance.randint(0, 3 * SECOND_MS))

    asyncio.run(main())
