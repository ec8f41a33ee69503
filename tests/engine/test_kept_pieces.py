"""Pieces of any kind under a key: which serves, which gives way, which is purged."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.engine.kept_pieces import Aged, indices
from proxy.model.grid import Grid
from proxy.plan.purge import Purge
from tests.engine.keeping import NAMESAKE, POLICY, SIZE, STEP_MS, Keeper

if TYPE_CHECKING:
    from proxy.engine.kept_pieces import Fetched


def test_a_piece_is_found_from_each_of_its_steps_and_from_no_other() -> None:
    keeper = Keeper()
    keeper.keep(3, 6)
    found = [step for step in range(-5, 15) if keeper.runs(step, step + 1)]
    assert found == [3, 4, 5]


def test_pieces_of_several_extents_are_found_in_order_of_time() -> None:
    keeper = Keeper()
    for first in (21, 4, -7, 12, -20, 1):
        keeper.keep(first, first + 2)
    in_order = [(-20, -18), (-7, -5), (1, 3), (4, 6), (12, 14), (21, 23)]
    assert keeper.runs() == in_order
    assert keeper.runs(-6, 13) == in_order[1:5]


def test_steps_are_counted_from_the_epoch() -> None:
    assert indices(Grid(25_500, STEP_MS, 3)) == (25, 28)
    assert indices(Grid(-1, STEP_MS, 1)) == (-1, 0)


def test_a_key_with_the_same_name_finds_nothing_and_takes_the_place() -> None:
    keeper = Keeper()
    keeper.keep(3, 6)
    assert keeper.runs(key=NAMESAKE) == []
    keeper.keep(7, 9, key=NAMESAKE)
    assert keeper.runs(key=NAMESAKE) == [(7, 9)]
    assert keeper.runs() == []


def test_a_newer_piece_takes_the_place_of_all_that_it_overlaps() -> None:
    keeper = Keeper()
    keeper.keep(0, 2)
    keeper.keep(2, 5)
    keeper.keep(5, 8)
    keeper.keep(4, 6, "new")
    assert keeper.runs() == [(0, 2), (4, 6)]


def test_an_older_fetch_that_ends_later_does_not_undo_a_newer_one() -> None:
    keeper = Keeper()
    older = keeper.fetched(0, 4)
    keeper.keep(2, 6, "new")
    keeper.keep(0, 4, "old", fetched=older)
    assert keeper.runs() == [(2, 6)]
    keeper.keep(0, 2, "old", fetched=older)
    assert keeper.runs() == [(0, 2), (2, 6)]


def test_of_two_fetches_that_began_together_the_last_one_counts() -> None:
    keeper = Keeper()
    fetched = keeper.fetched(0, 4)
    keeper.keep(0, 4, "one", fetched=fetched)
    keeper.keep(0, 4, "two", fetched=fetched)
    assert keeper.marks()[0] == "0two"


@pytest.mark.parametrize(
    ("is_recent", "is_empty", "life_ms"),
    [
        (False, False, POLICY.long_life_ms),
        (True, False, POLICY.recent_life_ms),
        (False, True, POLICY.empty_life_ms),
        (True, True, POLICY.empty_life_ms),
    ],
)
def test_a_piece_lives_by_its_age_and_emptiness_from_the_end_of_its_fetch(
    is_recent: bool, is_empty: bool, life_ms: int
) -> None:
    keeper = Keeper()
    keeper.keep(0, 1, aged=Aged((0, 1), is_recent, is_empty))
    assert keeper.until_ms() == [life_ms]
    keeper.clock.advance(life_ms - 1)
    assert keeper.runs() == [(0, 1)]
    keeper.clock.advance(1)
    assert keeper.runs() == []


def test_an_expired_piece_leaves_its_extent_with_the_next_one_that_comes() -> None:
    keeper = Keeper()
    keeper.keep(0, 1, aged=Aged((0, 1), True, False))
    before = keeper.store.used_bytes
    keeper.clock.advance(POLICY.recent_life_ms)
    keeper.keep(5, 6)
    assert keeper.store.used_bytes == before


def test_a_piece_that_no_look_has_confirmed_serves_shortly() -> None:
    keeper = Keeper()
    keeper.look()
    keeper.keep(0, 1)
    assert keeper.until_ms() == [POLICY.short_life_ms]
    keeper.clock.advance(POLICY.short_life_ms)
    assert keeper.runs() == []
    keeper.look()
    assert keeper.until_ms() == [POLICY.long_life_ms - POLICY.short_life_ms - 2]


def test_a_life_that_is_shorter_than_the_time_without_a_look_ends_first() -> None:
    keeper = Keeper(policy=dataclasses.replace(POLICY, short_life_ms=POLICY.empty_life_ms + 1))
    keeper.look()
    keeper.keep(0, 1, aged=Aged((0, 1), is_recent=True, is_empty=True))
    assert keeper.until_ms() == [POLICY.empty_life_ms]
    keeper.clock.advance(POLICY.empty_life_ms)
    assert keeper.runs() == []


def test_a_piece_in_doubt_serves_shortly_and_one_that_lacks_data_not_at_all() -> None:
    keeper = Keeper()
    keeper.look()
    keeper.keep(0, 1)
    keeper.look(is_lost=True)
    assert keeper.runs() == [(0, 1)]
    keeper.clock.advance(POLICY.short_life_ms)
    assert keeper.runs() == []
    keeper.keep(2, 3)
    assert keeper.runs() == [(2, 3)]
    keeper.look()
    assert keeper.runs() == []


def test_what_reads_other_times_than_a_lost_store_has_stays_good() -> None:
    keeper = Keeper()
    keeper.look()
    keeper.keep(0, 1, aged=Aged((-10, -1), is_recent=False, is_empty=False))
    keeper.look(is_lost=True)
    keeper.look()
    assert keeper.runs() == [(0, 1)]


def test_a_purge_removes_what_matches_and_says_how_many_extents_that_were() -> None:
    keeper = Keeper()
    keeper.keep(0, 1)
    keeper.keep(11, 12, aged=Aged((500, 600), is_recent=False, is_empty=False))
    assert keeper.pieces.purge(Purge(metric="down")) == 0
    assert keeper.pieces.purge(Purge(reads=(0, 499))) == 1
    assert keeper.runs() == [(11, 12)]
    assert keeper.pieces.purge(Purge(metric="up")) == 1


def test_what_was_asked_before_a_purge_or_with_it_is_known_as_purged() -> None:
    keeper = Keeper()
    before = keeper.fetched(0, 1)
    at_once = keeper.fetched(0, 1)
    keeper.clock.monotonic = at_once.began_ms
    assert not keeper.pieces.is_purged(before)
    keeper.pieces.purge(Purge(metric="any"))
    assert keeper.pieces.is_purged(before)
    assert keeper.pieces.is_purged(at_once)
    keeper.clock.advance(1)
    assert not keeper.pieces.is_purged(keeper.fetched(0, 1))


@given(seed=st.integers(0, 2**32))
def test_whatever_is_kept_serves_unless_a_newer_piece_stands_there(seed: int) -> None:
    async def main() -> None:
        chance, keeper = random.Random(seed), Keeper()
        waiting: list[tuple[int, int, int, Fetched]] = []
        for number in range(40):
            first = chance.randrange(-2, 3) * SIZE + chance.randrange(SIZE)
            end = chance.randint(first + 1, (first // SIZE + 1) * SIZE)
            waiting.append((number, first, end, keeper.fetched(first, end)))
            chance.shuffle(waiting)
            while waiting and chance.random() < 0.6:
                mark, first, end, fetched = waiting.pop()
                keeper.keep(first, end, f" {mark}", fetched=fetched)
                compare(keeper, mark, range(first, end))
                await asyncio.sleep(0)

    def compare(keeper: Keeper, mark: int, run: range) -> None:
        steps = [step for first, end in keeper.runs() for step in range(first, end)]
        assert steps == sorted(set(steps))
        found = {int(step): int(number) for step, number in map(str.split, keeper.marks())}
        assert [*found] == steps
        numbers = [found.get(step, -1) for step in run]
        assert set(numbers) == {mark} or max(numbers) > mark

    asyncio.run(main())
