"""Kept raw samples: what of an answer is kept, for how long, and what is found of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import pytest

from proxy.codec.chunk_batches import EMPTY
from proxy.engine.kept_pieces import Fetched
from proxy.model.grid import Grid
from proxy.plan.purge import Purge
from tests.engine.reading import KEEP, NOW_MS, OLD_MS, WINDOW_MS, Reading, equal, ticks
from tests.sample_batches import Samples, batch_of, samples_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.plan.read_plan import ReadPlan

T = TypeVar("T")
A = TypeVar("A")

NOW = NOW_MS - OLD_MS
SETTLED, RECENT = NOW - KEEP.freshness_ms, NOW - KEEP.recent_ms
METRIC = equal("__name__", "a")


@dataclass(slots=True)
class HeldThreads:
    """`engine.ports.Threads` whose work waits until a test lets it."""

    may_run: asyncio.Event = field(default_factory=asyncio.Event)
    sizes_bytes: list[int] = field(default_factory=list)

    async def run(self, work: Callable[[A], T], argument: A, size_bytes: int) -> T:
        self.sizes_bytes.append(size_bytes)
        await self.may_run.wait()
        return work(argument)


def samples(first: int, end: int, step: int = 50) -> Samples:
    return [(OLD_MS + at, float(at)) for at in range(first, end, step)]


def fetched(reading: Reading, first: int, end: int) -> Fetched:
    """An answer for the milliseconds `first` to `end` that arrived just now."""
    grid = Grid(OLD_MS + first, 1, end - first)
    return Fetched(grid, reading.clock.wall, reading.clock.monotonic, reading.clock.monotonic)


async def keep(reading: Reading, first: int, end: int, plan: ReadPlan | None = None) -> None:
    """One series, a sample every 50 ms."""
    batch = batch_of({"a x=1": samples(first, end)})
    plan = plan or reading.plan(first, end - 1, METRIC)
    await reading.cache.keep(plan, fetched(reading, first, end), batch)


def found(reading: Reading, first: int, last: int) -> dict[tuple[int, int], dict[str, Samples]]:
    """The runs of each hit, relative to `OLD_MS`, and all samples of its piece."""
    hits = reading.cache.lookup(reading.plan(first, last, METRIC))
    return {(h.run.first - OLD_MS, h.run.end - OLD_MS): samples_of(h.piece.batch) for h in hits}


async def test_what_was_kept_is_found_with_its_samples() -> None:
    reading = Reading()
    await keep(reading, 100, 900)
    assert found(reading, 0, 999) == {(100, 900): {"a x=1": samples(100, 900)}}


async def test_a_hit_is_cut_to_what_is_wanted_and_its_piece_is_whole() -> None:
    reading = Reading()
    await keep(reading, 100, 900)
    assert found(reading, 300, 399) == {(300, 400): {"a x=1": samples(100, 900)}}


async def test_windows_are_found_in_order_of_time() -> None:
    reading = Reading()
    for first in (2_000, 0, 1_000, -1_000):
        await keep(reading, first, first + WINDOW_MS)
    assert [*found(reading, -500, 2_499)] == [(-500, 0), (0, 1_000), (1_000, 2_000), (2_000, 2_500)]


async def test_an_answer_that_crosses_the_edge_of_a_window_is_cut_there() -> None:
    reading = Reading()
    await keep(reading, 600, 1_400)
    assert found(reading, 0, 1_999) == {
        (600, 1_000): {"a x=1": samples(600, 1_000)},
        (1_000, 1_400): {"a x=1": samples(1_000, 1_400)},
    }


async def test_another_question_finds_nothing() -> None:
    reading = Reading()
    await keep(reading, 0, 1_000)
    assert reading.held(0, 999, equal("__name__", "b")) == []


async def test_what_is_not_settled_is_cut_off() -> None:
    reading = Reading()
    await keep(reading, SETTLED - 300, SETTLED + 200)
    assert found(reading, SETTLED - 300, SETTLED + 200) == {
        (SETTLED - 300, SETTLED): {"a x=1": samples(SETTLED - 300, SETTLED)}
    }


@pytest.mark.parametrize("first", [SETTLED, SETTLED + 1, NOW, NOW + 100])
async def test_nothing_is_kept_of_what_is_all_unsettled(first: int) -> None:
    reading = Reading()
    await keep(reading, first, first + 50)
    assert found(reading, first, first + 49) == {}


async def test_the_age_is_that_at_which_it_was_asked_for() -> None:
    reading = Reading()
    answer = fetched(reading, SETTLED - 100, SETTLED + 100)
    reading.clock.advance(10_000)
    plan = reading.plan(SETTLED - 100, SETTLED + 99, METRIC)
    await reading.cache.keep(plan, answer, batch_of({"a": samples(SETTLED - 100, SETTLED + 100)}))
    assert reading.held(SETTLED - 100, SETTLED + 99, METRIC) == [(SETTLED - 100, SETTLED)]


async def test_recent_and_old_samples_are_kept_apart_and_live_differently() -> None:
    reading = Reading()
    await keep(reading, RECENT - 300, RECENT + 300)
    assert [*found(reading, RECENT - 300, RECENT + 299)] == [
        (RECENT - 300, RECENT),
        (RECENT, RECENT + 300),
    ]
    reading.clock.advance(KEEP.recent_life_ms)
    assert [*found(reading, RECENT - 300, RECENT + 299)] == [(RECENT - 300, RECENT)]
    reading.clock.advance(KEEP.long_life_ms - KEEP.recent_life_ms)
    assert found(reading, RECENT - 300, RECENT + 299) == {}


async def test_each_part_holds_its_own_samples() -> None:
    reading = Reading()
    await keep(reading, RECENT - 300, RECENT + 300)
    parts = found(reading, RECENT - 300, RECENT + 299)
    assert [*parts.values()] == [
        {"a x=1": samples(RECENT - 300, RECENT)},
        {"a x=1": samples(RECENT, RECENT + 300)},
    ]


async def test_times_without_samples_live_shortly() -> None:
    reading = Reading()
    plan = reading.plan(0, 999, METRIC)
    await reading.cache.keep(plan, fetched(reading, 0, 1_000), EMPTY)
    assert found(reading, 0, 999) == {(0, 1_000): {}}
    reading.clock.advance(KEEP.empty_life_ms)
    assert found(reading, 0, 999) == {}


async def test_a_part_without_samples_lives_shortly_and_the_other_part_long() -> None:
    reading = Reading()
    plan = reading.plan(RECENT - 300, RECENT + 299, METRIC)
    batch = batch_of({"a": samples(RECENT - 300, RECENT)})
    await reading.cache.keep(plan, fetched(reading, RECENT - 300, RECENT + 300), batch)
    assert len(found(reading, RECENT - 300, RECENT + 299)) == 2
    reading.clock.advance(KEEP.empty_life_ms)
    assert [*found(reading, RECENT - 300, RECENT + 299)] == [(RECENT - 300, RECENT)]


async def test_a_plan_without_a_key_keeps_and_finds_nothing() -> None:
    reading = Reading(most_windows=1)
    plan = reading.plan(0, 1_000, METRIC)
    assert plan.key is None
    await keep(reading, 0, 1_000, plan)
    assert reading.cache.lookup(plan) == []
    assert len(reading.store) == 0


async def test_equal_lists_of_series_are_held_once() -> None:
    reading = Reading()
    for first in (0, 1_000):
        await keep(reading, first, first + WINDOW_MS)
    lists = {id(hit.piece.series) for hit in reading.cache.lookup(reading.plan(0, 1_999, METRIC))}
    assert len(lists) == 1


async def test_a_purge_by_time_removes_the_windows_that_it_meets() -> None:
    reading = Reading()
    for first in (0, 1_000, 2_000):
        await keep(reading, first, first + WINDOW_MS)
    assert reading.cache.purge(Purge(reads=(OLD_MS + 999, OLD_MS + 1_000))) == 2
    assert [*found(reading, 0, 2_999)] == [(2_000, 3_000)]


async def test_a_purge_by_metric_leaves_other_metrics() -> None:
    reading = Reading()
    await keep(reading, 0, 1_000)
    assert reading.cache.purge(Purge(metric="b")) == 0
    assert reading.cache.purge(Purge(metric="a")) == 1


async def test_what_was_asked_before_a_purge_is_not_kept_although_it_was_being_cut() -> None:
    threads = HeldThreads()
    reading = Reading(threads=threads)
    keeping = asyncio.create_task(keep(reading, RECENT - 300, RECENT + 300))
    await ticks()
    assert threads.sizes_bytes
    reading.cache.purge(Purge())
    threads.may_run.set()
    await keeping
    assert found(reading, RECENT - 300, RECENT + 299) == {}


async def test_scattered_windows_become_one_piece_with_the_same_samples() -> None:
    reading = Reading()
    for first in range(0, 1_000, 100):
        await keep(reading, first, first + 100)
    await ticks()
    assert found(reading, 0, 999) == {(0, 1_000): {"a x=1": samples(0, 1_000)}}


async def test_a_lost_store_puts_in_doubt_what_was_fetched_since_it_was_last_seen() -> None:
    reading = Reading(is_watched=True)
    reading.look()
    await keep(reading, 0, 1_000)
    reading.clock.advance(1)
    for is_lost in (False, True, False):
        reading.world.is_lost = is_lost
        reading.look()
    assert [*found(reading, 0, 999)] == [(0, 1_000)], "fetched before the loss"
    reading.world.is_lost = True
    await keep(reading, 1_000, 2_000)
    for is_lost in (True, False):
        reading.world.is_lost = is_lost
        reading.look()
    assert [*found(reading, 0, 1_999)] == [(0, 1_000)], "the other was fetched meanwhile"
