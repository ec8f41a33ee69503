"""Equal and overlapping reads share their fetches; nobody fails, or waits for, another's leaving."""

from __future__ import annotations

import asyncio

import pytest

from proxy.errors import UpstreamUnreachableError
from proxy.plan.purge import Purge
from tests.engine.reading import Reading, SlowThreads, ticks

SPAN = 0, 2_999
WINDOWS = [(0, 999), (1_000, 1_999), (2_000, 2_999)]


def slow(pauses: int = 5, parallelism: int = 4) -> Reading:
    reading = Reading(threads=SlowThreads(), parallelism=parallelism)
    reading.source.pauses = pauses
    return reading


async def until_asked(reading: Reading, asks: int = 1) -> None:
    while len(reading.source.asked) < asks:  # noqa: ASYNC110  counted by another
        await asyncio.sleep(0)


async def test_a_hundred_equal_reads_make_one_fetch_for_each_window() -> None:
    reading = slow()
    found = await asyncio.gather(*(reading.read(*SPAN) for _ in range(100)))
    assert all(one == reading.truth(*SPAN) for one in found)
    assert reading.source.spans == WINDOWS


async def test_a_read_inside_of_another_waits_for_it_and_takes_its_part() -> None:
    reading = slow()
    wide, narrow = await asyncio.gather(reading.read(*SPAN), reading.read(1_500, 2_200))
    assert (wide, narrow) == (reading.truth(*SPAN), reading.truth(1_500, 2_200))
    assert reading.source.spans == WINDOWS


async def test_a_wider_read_asks_for_what_the_other_does_not_bring() -> None:
    reading = slow()
    await asyncio.gather(reading.read(1_200, 1_400), reading.read(*SPAN))
    cuts = [(0, 999), (1_000, 1_199), (1_200, 1_400), (1_401, 1_999), (2_000, 2_999)]
    assert reading.source.spans == cuts
    assert await reading.asked_by(*SPAN) == []


@pytest.mark.parametrize("pauses_before_leaving", range(0, 24, 2))
async def test_a_leader_that_hangs_up_does_not_fail_its_followers(pauses_before_leaving: int) -> None:
    reading = slow(parallelism=1)
    leader = asyncio.create_task(reading.read(*SPAN))
    await ticks(2)
    followers = [asyncio.create_task(reading.read(n * 300, 2_999)) for n in range(4)]
    await ticks(pauses_before_leaving)
    leader.cancel()
    for n, follower in enumerate(followers):
        assert await follower == reading.truth(n * 300, 2_999)
    assert reading.source.running == 0


async def test_the_last_to_hang_up_takes_the_fetches_along_and_nothing_is_kept() -> None:
    reading = slow(pauses=1_000)
    waiting = [asyncio.create_task(reading.read(*SPAN)) for _ in range(3)]
    await until_asked(reading, 3)
    for task in waiting:
        task.cancel()
    await ticks(10)
    assert reading.source.running == 0
    assert len(reading.source.closed) == 3
    assert reading.held(*SPAN) == []


async def test_one_who_hangs_up_takes_nothing_along_that_others_wait_for() -> None:
    reading = slow()
    one, other = (asyncio.create_task(reading.read(*SPAN)) for _ in range(2))
    await until_asked(reading)
    other.cancel()
    assert await one == reading.truth(*SPAN)
    assert reading.source.closed == []


async def test_a_failed_fetch_fails_all_who_wait_for_it_and_nobody_later() -> None:
    reading = slow()
    failure = UpstreamUnreachableError("gone")
    reading.source.fails = lambda _: failure
    found = await asyncio.gather(*(reading.read(*SPAN) for _ in range(5)), return_exceptions=True)
    assert found == [failure] * 5
    assert reading.source.running == 0
    reading.source.fails = lambda _: None
    await reading.asked_by(*SPAN)
    assert await reading.asked_by(*SPAN) == []


async def test_a_window_that_fails_gives_up_the_others_and_those_that_wait_do_not_begin() -> None:
    reading = slow(parallelism=2)
    reading.source.pauses = 5

    def fails(ask: object) -> Exception | None:
        reading.source.pauses = 1_000
        return UpstreamUnreachableError("gone")

    reading.source.fails = fails
    with pytest.raises(UpstreamUnreachableError, match="gone"):
        await reading.read(0, 9_999)
    await ticks(10)
    assert reading.source.running == 0
    assert len(reading.source.asked) <= 4


async def test_what_had_come_before_a_failure_is_kept() -> None:
    reading = Reading(parallelism=1)
    reading.source.fails = lambda ask: (
        UpstreamUnreachableError("gone") if ask.first_ms % 10_000 >= 2_000 else None
    )
    with pytest.raises(UpstreamUnreachableError):
        await reading.read(*SPAN)
    reading.source.fails = lambda _: None
    assert await reading.asked_by(*SPAN) == [(2_000, 2_999)]


async def test_a_failure_of_a_wider_read_does_not_fail_one_that_shares_its_other_windows() -> None:
    reading = slow()
    last_ms = SPAN[1]

    def fails(ask: object) -> Exception | None:
        is_last = (
            reading.source.spans[-1][1] == last_ms and getattr(ask, "last_ms", 0) % 10_000 == last_ms
        )
        return UpstreamUnreachableError("gone") if is_last else None

    reading.source.fails = fails
    wide, narrow = await asyncio.gather(
        reading.read(*SPAN), reading.read(0, 1_500), return_exceptions=True
    )
    assert isinstance(wide, UpstreamUnreachableError)
    assert narrow == reading.truth(0, 1_500)


@pytest.mark.parametrize("pauses", range(0, 40, 3))
async def test_what_was_asked_before_a_purge_is_not_kept_however_far_it_had_come(pauses: int) -> None:
    reading = slow(pauses=3)
    asking = asyncio.create_task(reading.read(*SPAN))
    await ticks(pauses)
    reading.world.late += 1
    reading.cache.purge(Purge())
    reading.reads.forget_flights()
    reading.clock.advance(1)
    await asking
    reading.source.pauses = 0
    assert await reading.read(*SPAN) == reading.truth(*SPAN)


async def test_nobody_joins_after_a_purge_what_was_asked_before_it() -> None:
    reading = slow(pauses=20)
    before = asyncio.create_task(reading.read(*SPAN))
    await until_asked(reading, 3)
    await ticks()
    reading.world.late += 1
    reading.cache.purge(Purge())
    reading.reads.forget_flights()
    reading.clock.advance(1)
    assert await reading.asked_by(*SPAN) == WINDOWS
    assert await before != reading.truth(*SPAN)
    assert await reading.asked_by(*SPAN) == []


async def test_unsettled_time_is_shared_while_it_is_fetched() -> None:
    reading = slow()
    now = reading.clock.wall - 1_000_000_000 + 40_000
    found = await asyncio.gather(*(reading.read(now - 300, now) for _ in range(10)))
    assert all(one == reading.truth(now - 300, now) for one in found)
    assert len(reading.source.asked) == 1
