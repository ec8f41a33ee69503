"""Replicas are folded; those of a counter only in the whole of what is read."""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.reading import Reading, SlowThreads, equal

A = equal("__name__", "a")
SPAN = 0, 1_999
WINDOWS = [(0, 999), (1_000, 1_999)]
TEN_MINUTES_MS = 600_000
COUNTER_FUNCTIONS = ("rate", "increase", "irate", "resets")


def doubled() -> Reading:
    """Each sample is there twice, in chunks that overlap."""
    reading = Reading()
    reading.source.has_replicas = True
    return reading


@pytest.mark.parametrize("func", ["", "max_over_time", "delta"])
async def test_replicas_are_folded_window_by_window_and_kept(func: str) -> None:
    reading = doubled()
    assert await reading.asked_by(*SPAN, func=func) == WINDOWS
    assert await reading.asked_by(*SPAN, func=func) == []


@pytest.mark.parametrize("func", COUNTER_FUNCTIONS)
async def test_replicas_of_a_counter_are_asked_for_as_a_whole_and_not_kept(func: str) -> None:
    reading = doubled()
    found = await reading.read(*SPAN, A, func=func)
    assert found.keys() == reading.truth(*SPAN, A).keys()
    assert SPAN in reading.source.spans
    assert reading.held(*SPAN, A) == []
    before = len(reading.source.asked)
    await reading.read(*SPAN, A, func=func)
    assert [(ask.last_ms - ask.first_ms) for ask in reading.source.asked[before:]] == [1_999]


async def test_that_is_tried_again_after_a_while() -> None:
    reading = doubled()
    await reading.read(*SPAN, func="rate")
    reading.source.has_replicas = False
    reading.clock.advance(TEN_MINUTES_MS)
    assert await reading.asked_by(*SPAN, func="rate") == WINDOWS
    assert await reading.asked_by(*SPAN, func="rate") == []


@pytest.mark.parametrize("func", COUNTER_FUNCTIONS)
async def test_a_counter_without_replicas_is_kept_like_everything_else(func: str) -> None:
    reading = Reading()
    assert await reading.asked_by(*SPAN, func=func) == WINDOWS
    assert await reading.asked_by(*SPAN, func=func) == []


async def test_other_functions_are_not_asked_as_a_whole_because_counters_are() -> None:
    reading = doubled()
    await reading.read(*SPAN, func="rate")
    assert await reading.asked_by(*SPAN) == WINDOWS


async def test_all_who_share_the_fetch_of_such_a_counter_are_answered() -> None:
    reading = Reading(threads=SlowThreads())
    reading.source.has_replicas = True
    reading.source.pauses = 3
    spans = [SPAN, (0, 500), SPAN, (1_200, 1_999)]
    found = await asyncio.gather(*(reading.read(*span, A, func="rate") for span in spans))
    assert [one.keys() for one in found] == [reading.truth(*span, A).keys() for span in spans]
    assert reading.source.running == 0
