"""A read of one fetch takes its series as they come; what it takes is that fetch's, and all of it."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from proxy.engine import remote_read
from proxy.errors import UpstreamUnreachableError
from proxy.plan.purge import Purge
from tests.engine.reading import Reading, SlowThreads, ticks
from tests.sample_batches import samples_of, samples_of_all

SPAN = 0, 999
"""One window: one fetch."""


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each series is handed on by itself."""
    monkeypatch.setattr(remote_read, "_AT_ONCE_SAMPLES", 1)


def slow(pauses: int = 3) -> Reading:
    reading = Reading(threads=SlowThreads())
    reading.source.pauses = pauses
    return reading


async def test_the_first_series_comes_before_the_fetch_has_ended() -> None:
    reading = slow()
    batches = reading.open(*SPAN)
    first = samples_of(await anext(batches))
    assert reading.source.running == 1
    rest = [batch async for batch in batches]
    assert {**first, **samples_of_all(rest)} == reading.truth(*SPAN)
    assert await reading.asked_by(*SPAN) == []


@pytest.mark.parametrize("pauses", range(0, 60, 5))
async def test_followers_that_come_at_any_time_get_all_of_it(pauses: int) -> None:
    reading = slow()
    first = asyncio.create_task(reading.read(*SPAN))
    await ticks(pauses)
    assert await reading.read(*SPAN) == await first == reading.truth(*SPAN)
    assert reading.source.spans == [SPAN]


async def test_a_reader_that_does_not_read_on_holds_up_nobody_else() -> None:
    reading = slow()
    lazy = reading.open(*SPAN)
    first = await anext(lazy)
    assert await reading.read(*SPAN) == reading.truth(*SPAN)
    assert samples_of_all([first, *[batch async for batch in lazy]]) == reading.truth(*SPAN)


@pytest.mark.parametrize(("pauses", "ticks_between"), [*itertools.product(range(0, 60, 4), (0, 1, 2))])
async def test_who_comes_while_a_fetch_is_given_up_gets_all_of_one_of_the_own(
    pauses: int, ticks_between: int
) -> None:
    reading = slow()
    leaving = asyncio.create_task(reading.read(*SPAN))
    await ticks(pauses)
    leaving.cancel()
    await ticks(ticks_between)
    assert await reading.read(*SPAN) == reading.truth(*SPAN)


@pytest.mark.parametrize("pauses", range(0, 60, 4))
async def test_after_a_purge_nobody_gets_series_of_a_fetch_from_before_it(pauses: int) -> None:
    reading = slow()
    before = asyncio.create_task(reading.read(*SPAN))
    await ticks(pauses)
    reading.world.late += 1
    reading.cache.purge(Purge())
    reading.reads.forget_flights()
    reading.clock.advance(1)
    assert await reading.read(*SPAN) == reading.truth(*SPAN)
    assert (await before).keys() == reading.truth(*SPAN).keys()


async def test_who_still_reads_a_fetch_that_was_not_kept_does_not_get_the_next_one_too() -> None:
    reading = Reading()
    reading.source.is_complete = False
    before = reading.truth(*SPAN)
    lazy = reading.open(*SPAN)
    first = await anext(lazy)
    await reading.read(*SPAN)
    reading.world.late += 1
    assert await reading.read(*SPAN) == reading.truth(*SPAN)
    found = samples_of_all([first, *[batch async for batch in lazy]])
    assert found == before


async def test_an_error_after_the_first_series_reaches_all_who_follow() -> None:
    reading = slow()
    failure = UpstreamUnreachableError("gone")
    reading.source.fails = lambda _: failure
    found = await asyncio.gather(*(reading.read(*SPAN) for _ in range(3)), return_exceptions=True)
    assert found == [failure] * 3
    assert reading.held(*SPAN) == []


async def test_one_of_two_who_leaves_after_the_first_series_does_not_end_the_fetch() -> None:
    reading = slow()
    one, other = reading.open(*SPAN), asyncio.create_task(reading.read(*SPAN))
    await anext(one)
    await one.aclose()
    assert await other == reading.truth(*SPAN)
    assert reading.source.closed == []


async def test_the_last_to_leave_ends_the_fetch_and_nothing_is_kept() -> None:
    reading = slow()
    batches = reading.open(*SPAN)
    await anext(batches)
    await batches.aclose()
    await ticks(10)
    assert reading.source.running == 0
    assert reading.held(*SPAN) == []


async def test_what_proves_too_large_goes_on_as_a_stream_after_the_series_that_are_out() -> None:
    reading = Reading(memory_bytes=3_000)
    reading.world.steps_ms = {f"a x={number:02}": 100 for number in range(40)}
    batches = [batch async for batch in reading.open(*SPAN)]
    assert samples_of_all(batches) == reading.truth(*SPAN)
    assert reading.source.spans == [SPAN, SPAN]
    assert reading.held(*SPAN) == []
