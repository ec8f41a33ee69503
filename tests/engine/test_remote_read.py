"""Remote reads answer what the source holds, whatever is kept; and ask only for what is not."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.engine import remote_read, weave
from proxy.model.read_query import Matcher, MatchType
from proxy.plan.purge import Purge
from tests.engine.reading import KEEP, NOW_MS, OLD_MS, WINDOW_MS, Reading, SlowThreads, equal
from tests.pieces import FEWER

NOW = NOW_MS - OLD_MS


@pytest.mark.parametrize(
    ("first", "last"), [(0, 0), (0, 999), (10, 5_432), (999, 1_000), (-1, 1), (0, 1_750)]
)
async def test_a_read_is_answered_exactly_and_a_second_one_asks_nothing(first: int, last: int) -> None:
    reading = Reading()
    await reading.asked_by(first, last)
    assert await reading.asked_by(first, last) == []


async def test_a_gap_is_asked_for_by_windows_counted_from_the_epoch() -> None:
    reading = Reading()
    asked = await reading.asked_by(-10, 2_010)
    assert asked == [(-10, -1), (0, 999), (1_000, 1_999), (2_000, 2_010)]


@pytest.mark.parametrize(("first", "last"), [(0, 0), (500, 2_500), (999, 1_000), (2_999, 2_999)])
async def test_a_part_of_what_is_held_is_cut_from_it(first: int, last: int) -> None:
    reading = Reading()
    await reading.read(0, 2_999)
    assert await reading.asked_by(first, last) == []


async def test_only_gaps_are_asked_for_on_both_sides_and_between() -> None:
    reading = Reading()
    await reading.read(100, 199)
    await reading.read(400, 1_099)
    assert await reading.asked_by(0, 1_200) == [(0, 99), (200, 399), (1_100, 1_200)]
    assert await reading.asked_by(0, 1_200) == []


async def test_many_islands_are_not_asked_around_one_by_one() -> None:
    reading = Reading()
    for at in range(0, 900, 40):
        await reading.read(at, at + 9)
    assert len(await reading.asked_by(0, 899)) <= 8
    assert await reading.asked_by(0, 899) == []


async def test_only_unsettled_time_is_asked_again() -> None:
    reading = Reading()
    settled = NOW - KEEP.freshness_ms
    await reading.asked_by(NOW - 3_000, NOW)
    assert await reading.asked_by(NOW - 3_000, NOW) == [(settled, NOW)]
    reading.clock.advance(10)
    asked = await reading.asked_by(NOW - 3_000, NOW + 10)
    assert asked == [(settled, NOW + 10)]
    assert await reading.asked_by(NOW - 3_000, NOW - 1) == [(settled + 10, NOW - 1)]


async def test_the_future_is_asked_for_again_and_again() -> None:
    reading = Reading()
    for _ in range(2):
        assert await reading.asked_by(NOW + 5, NOW + 50) == [(NOW + 5, NOW + 50)]


async def test_times_without_series_are_kept_for_a_short_while() -> None:
    reading = Reading()
    nothing = equal("__name__", "nothing")
    assert await reading.asked_by(0, 500, nothing) == [(0, 500)]
    assert await reading.asked_by(0, 500, nothing) == []
    reading.clock.advance(KEEP.empty_life_ms)
    assert await reading.asked_by(0, 500, nothing) == [(0, 500)]


async def test_an_answer_without_series_has_no_series() -> None:
    reading = Reading()
    nothing = equal("__name__", "nothing")
    batches = [batch async for batch in reading.open(0, 500, nothing)]
    batches += [batch async for batch in reading.open(0, 500, nothing)]
    assert sum(map(len, batches)) == 0


async def test_recent_samples_are_asked_for_again_before_old_ones() -> None:
    reading = Reading()
    border = NOW - KEEP.recent_ms
    await reading.read(border - 300, border + 300)
    reading.clock.advance(KEEP.recent_life_ms)
    assert await reading.asked_by(border - 300, border + 300) == [(border, border + 300)]


async def test_a_late_sample_is_seen_when_the_life_of_what_is_kept_has_ended() -> None:
    reading = Reading()
    before = await reading.read(0, 100)
    reading.world.late += 1
    assert await reading.read(0, 100) == before
    reading.clock.advance(KEEP.long_life_ms)
    assert await reading.asked_by(0, 100) == [(0, 100)]


async def test_what_was_evicted_is_asked_again() -> None:
    reading = Reading()
    await reading.read(0, 2_999)
    reading.store.remove_where(lambda extent_id, _: extent_id.number == (OLD_MS // WINDOW_MS) + 1)
    assert await reading.asked_by(0, 2_999) == [(1_000, 1_999)]


async def test_without_room_for_it_nothing_is_kept_and_all_is_answered() -> None:
    reading = Reading(max_bytes=0)
    for _ in range(2):
        assert await reading.asked_by(0, 1_200) == [(0, 999), (1_000, 1_200)]


async def test_an_incomplete_answer_is_not_kept() -> None:
    reading = Reading()
    reading.source.is_complete = False
    assert await reading.asked_by(0, 500) == [(0, 500)]
    assert await reading.asked_by(0, 500) == [(0, 500)]
    reading.source.is_complete = True
    await reading.read(0, 500)
    assert await reading.asked_by(0, 500) == []


@pytest.mark.parametrize("at_once", [1, 1 << 18])
async def test_one_incomplete_batch_makes_the_answer_incomplete(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_read, "_AT_ONCE_SAMPLES", at_once)
    reading = Reading()
    reading.source.pauses = 1
    reading.source.is_complete = False
    first = asyncio.create_task(reading.read(0, 500))
    while reading.source.produced < 2:  # noqa: ASYNC110  counted by another
        await asyncio.sleep(0)
    reading.source.is_complete = True
    await first
    assert await reading.asked_by(0, 500) == [(0, 500)]


async def test_series_come_some_at_a_time_and_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weave, "_AT_ONCE_BYTES", 40)
    reading = Reading()
    for _ in range(2):
        assert await reading.read(0, 2_500) == reading.truth(0, 2_500)
    batches = [batch async for batch in reading.open(0, 2_500)]
    assert len(batches) > 2


async def test_decoding_some_series_at_a_time_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_read, "_AT_ONCE_SAMPLES", 1)
    reading = Reading(threads=SlowThreads())
    await reading.asked_by(0, 2_500)
    assert await reading.asked_by(100, 2_400) == []


async def test_no_more_windows_than_permitted_are_fetched_at_once() -> None:
    reading = Reading(parallelism=3)
    reading.source.pauses = 3
    assert len(await reading.asked_by(0, 9_999)) == 10
    assert reading.source.most_running == 3


async def test_different_questions_share_nothing() -> None:
    reading = Reading()
    await reading.read(0, 500)
    one = [equal("__name__", "a"), Matcher(MatchType.NOT_EQUAL, "x", "1")]
    assert await reading.asked_by(0, 500, *one) == [(0, 500)]
    assert await reading.asked_by(0, 500, *reversed(one)) == []
    assert await reading.asked_by(0, 500, one[0]) == [(0, 500)]


async def test_a_purge_by_metric_or_time_lets_the_rest_stand() -> None:
    reading = Reading()
    a, b = equal("__name__", "a"), equal("__name__", "b")
    for metric in (a, b):
        await reading.read(0, 1_999, metric)
    reading.cache.purge(Purge(metric="a", reads=(OLD_MS, OLD_MS + 999)))
    reading.clock.advance(1)
    assert await reading.asked_by(0, 1_999, a) == [(0, 999)]
    assert await reading.asked_by(0, 1_999, b) == []


SPANS = st.tuples(st.integers(-1_500, 4_000), st.integers(0, 3_000))


@given(spans=st.lists(SPANS, min_size=1, max_size=8), seed=st.integers(0, 2**32))
def test_every_read_is_the_truth_whatever_was_read_evicted_and_purged_before(
    spans: list[tuple[int, int]], seed: int
) -> None:
    """Lives are long and nothing changes behind the cache's back but what is fresh."""

    async def main() -> None:
        chance = random.Random(seed)
        reading = Reading(threads=SlowThreads() if chance.random() < 0.5 else None)
        steps = {name: chance.randint(5, 4_000) for name in reading.world.steps_ms}
        reading.world.steps_ms = steps
        base = chance.choice([0, NOW - 3_000])
        for first, length in spans:
            await reading.asked_by(base + first, base + first + length)
            meddle(reading, chance)

    def meddle(reading: Reading, chance: random.Random) -> None:
        if chance.random() < 0.3:
            reading.store.remove_where(lambda *_: chance.random() < 0.3)
        if chance.random() < 0.1:
            reading.cache.purge(Purge(reads=(OLD_MS, OLD_MS + 1_000)))
        reading.clock.advance(chance.choice([0, 1, 300, 2_000]))

    asyncio.run(main())


@FEWER
@given(seed=st.integers(0, 2**32))
def test_reads_side_by_side_are_the_truth_and_fetch_no_millisecond_twice(seed: int) -> None:
    async def main() -> None:
        chance = random.Random(seed)
        reading = Reading(threads=SlowThreads(), parallelism=chance.randint(1, 4))
        reading.source.pauses = chance.randint(0, 3)
        await asyncio.gather(*(later(reading, chance) for _ in range(12)))
        spans = reading.source.spans
        assert all(one[1] < other[0] for one, other in itertools.pairwise(spans))

    async def later(reading: Reading, chance: random.Random) -> None:
        first = chance.randrange(4_000)
        span = first, first + chance.randrange(3_000)
        for _ in range(chance.randrange(20)):
            await asyncio.sleep(0)
        assert await reading.read(*span) == reading.truth(*span)

    asyncio.run(main())
