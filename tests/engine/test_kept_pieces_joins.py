"""Scattered pieces become one in the background, which loses nothing and brings nothing back."""

from __future__ import annotations

import itertools

from proxy.engine.kept_pieces import Aged
from proxy.plan.purge import Purge
from tests.engine.keeping import OLD, POLICY, Keeper, settle


async def test_the_ninth_piece_of_an_extent_makes_its_neighbours_one() -> None:
    keeper = Keeper()
    for step in range(8):
        keeper.keep(step, step + 1)
    await settle()
    assert len(keeper.runs()) == 8
    keeper.keep(8, 9)
    await settle()
    assert keeper.runs() == [(0, 9)]
    assert keeper.marks() == [f"{step}x" for step in range(9)]


async def test_a_full_extent_of_four_pieces_is_joined_and_one_of_three_is_not() -> None:
    keeper = Keeper()
    for edges in ((0, 3, 6, 10), (10, 13, 16, 18, 20)):
        for first, end in itertools.pairwise(edges):
            keeper.keep(first, end)
    await settle()
    assert keeper.runs() == [(0, 3), (3, 6), (6, 10), (10, 20)]


async def test_what_a_joined_piece_costs_is_told_and_its_series_are_shared() -> None:
    keeper = Keeper()
    for step in range(9):
        keeper.keep(step, step + 1)
    await settle()
    assert keeper.threads.sizes_bytes == [9 * len("0x")]
    assert [kept.piece.is_shared for kept in keeper.found(0, 10)] == [True]


async def test_pieces_are_not_joined_across_a_gap() -> None:
    keeper = Keeper()
    steps = [0, 1, 2, 3, 5, 6, 7, 8, 9]
    for step in steps:
        keeper.keep(step, step + 1)
    await settle()
    assert keeper.runs() == [(0, 4), (5, 10)]


async def test_pieces_whose_lives_end_far_apart_are_not_joined() -> None:
    keeper = Keeper()
    young = Aged((0, 1), is_recent=True, is_empty=False)
    for step in range(9):
        keeper.keep(step, step + 1, aged=young if step >= 5 else OLD)
    await settle()
    assert keeper.runs() == [(0, 5), (5, 9)]


def keep_some_empty(keeper: Keeper, edges: tuple[int, ...]) -> None:
    """Recent pieces; every other one is of steps without series."""
    for number, (first, end) in enumerate(itertools.pairwise(edges)):
        is_empty = number % 2 == 1
        keeper.keep(first, end, aged=Aged((0, 1), True, is_empty), is_empty=is_empty)


async def test_nothing_is_not_joined_with_something_as_long_as_there_are_few_pieces() -> None:
    keeper = Keeper()
    keep_some_empty(keeper, (0, 1, 2, 3, 5, 10))
    await settle()
    assert keeper.runs() == [(0, 1), (1, 2), (2, 3), (3, 5), (5, 10)]
    assert not keeper.threads.sizes_bytes
    keeper.clock.advance(POLICY.empty_life_ms)
    assert keeper.runs() == [(0, 1), (2, 3), (5, 10)]


async def test_of_too_many_pieces_nothing_is_joined_with_something_and_lives_as_short() -> None:
    keeper = Keeper()
    keep_some_empty(keeper, (0, 1, 2, 3, 4, 5, 6, 7, 8, 10))
    await settle()
    assert keeper.runs() == [(0, 10)]
    keeper.clock.advance(POLICY.empty_life_ms)
    assert keeper.runs() == []


async def test_a_joined_piece_is_as_young_and_as_doubtful_as_the_worst_of_its_parts() -> None:
    keeper = Keeper()
    began_ms = keeper.clock.monotonic
    for step in range(9):
        aged = Aged((step * 10, step * 10 + 5), is_recent=False, is_empty=False)
        keeper.keep(step, step + 1, aged=aged)
        keeper.clock.advance(1000)
    await settle()
    [kept] = keeper.found(0, 10)
    assert kept.expires_ms == began_ms + 1 + POLICY.long_life_ms
    assert (kept.began_ms, kept.ended_ms) == (began_ms, began_ms + 8 * 1001 + 1)
    assert kept.reads == (0, 85)
    assert kept.fetched == (0, 9)


async def test_until_a_look_a_joined_piece_serves_as_long_as_each_of_its_parts() -> None:
    keeper = Keeper()
    keeper.look()
    for step in range(9):
        keeper.keep(step, step + 1)
    assert min(keeper.until_ms()) == POLICY.short_life_ms - 8
    await settle()
    assert keeper.until_ms() == [POLICY.short_life_ms - 8]


async def test_pieces_with_a_loss_between_them_are_not_joined() -> None:
    keeper = Keeper()
    keeper.look()
    for step in range(5):
        keeper.keep(step, step + 1)
    keeper.clock.advance(1)
    for is_lost in (False, True, False):
        keeper.look(is_lost)
    for step in range(5, 9):
        keeper.keep(step, step + 1)
    await settle()
    assert keeper.runs() == [(0, 5), (5, 9)]


async def scattered() -> Keeper:
    """An extent whose pieces are being joined, and wait for a thread."""
    keeper = Keeper()
    keeper.threads.may_run.clear()
    for step in range(9):
        keeper.keep(step, step + 1)
    await settle()
    assert keeper.threads.sizes_bytes
    return keeper


async def test_a_join_under_way_does_not_undo_what_came_meanwhile() -> None:
    keeper = await scattered()
    keeper.keep(3, 6, "new")
    keeper.threads.may_run.set()
    await settle()
    assert "4new" in keeper.marks()
    assert "4x" not in keeper.marks()


async def test_a_join_under_way_brings_back_nothing_that_was_purged() -> None:
    keeper = await scattered()
    keeper.pieces.purge(Purge())
    keeper.threads.may_run.set()
    await settle()
    assert keeper.runs() == []


async def test_a_join_under_way_brings_back_nothing_that_expired() -> None:
    keeper = await scattered()
    keeper.clock.advance(POLICY.long_life_ms - 5)
    keeper.threads.may_run.set()
    await settle()
    assert keeper.runs() == [(step, step + 1) for step in range(4, 9)]


async def test_where_background_work_is_bounded_pieces_serve_scattered() -> None:
    keeper = Keeper(most_tasks=0)
    for step in range(10):
        keeper.keep(step, step + 1)
    await settle()
    assert len(keeper.runs()) == 10
    assert keeper.threads.sizes_bytes == []


async def test_what_the_store_does_not_take_is_neither_served_nor_joined() -> None:
    keeper = Keeper(max_bytes=100)
    for step in range(9):
        keeper.keep(step, step + 1)
    await settle()
    assert keeper.runs() == []
    assert keeper.threads.sizes_bytes == []
