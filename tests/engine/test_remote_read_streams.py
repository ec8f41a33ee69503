"""What is too large to keep is streamed, at the reader's pace; who leaves ends the work at once."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from proxy.engine import remote_read, weave
from proxy.engine.ports import SampleBatch
from proxy.errors import BadUpstreamAnswerError, UpstreamUnreachableError
from tests.engine.reading import OLD_MS, Reading, SlowThreads, Source, ticks
from tests.sample_batches import samples_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from proxy.model.query import Caller
    from proxy.model.read_query import SampleAsk

TEN_MINUTES_MS = 600_000
MANY = {f"a x={number:03}": 100 for number in range(200)}
"""Milliseconds between the samples of many series."""


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some ten samples are decoded together."""
    monkeypatch.setattr(remote_read, "_AT_ONCE_SAMPLES", 10)
    monkeypatch.setattr(weave, "_AT_ONCE_BYTES", 200)


def large(memory_bytes: int = 2_000, parallelism: int = 4) -> Reading:
    reading = Reading(memory_bytes=memory_bytes, parallelism=parallelism)
    reading.world.steps_ms = dict(MANY)
    return reading


async def test_a_read_larger_than_its_memory_is_streamed_from_one_request_and_not_kept() -> None:
    reading = large()
    assert await reading.asked_by(0, 999) == [(0, 999), (0, 999)]
    assert reading.held(0, 999) == []
    assert reading.source.running == 0


async def test_it_is_remembered_as_large_for_a_while() -> None:
    reading = large()
    await reading.read(0, 999)
    assert await reading.asked_by(0, 999) == [(0, 999)]
    assert await reading.asked_by(5_500, 7_000) == [(5_500, 7_000)], "as long, at another time"
    reading.clock.advance(TEN_MINUTES_MS)
    assert await reading.asked_by(0, 999) == [(0, 999), (0, 999)]


async def test_a_shorter_read_of_the_same_series_may_be_kept() -> None:
    reading = large(memory_bytes=300_000)
    await reading.read(0, 2_999)
    await reading.asked_by(0, 10)
    assert await reading.asked_by(0, 10) == []


async def test_what_came_before_the_memory_was_full_is_answered_once() -> None:
    reading = large(memory_bytes=300_000, parallelism=1)
    assert (0, 4_999) in await reading.asked_by(0, 4_999)


async def test_kept_samples_do_not_fill_the_memory_of_a_read() -> None:
    reading = large(memory_bytes=300_000)
    for first in range(0, 5_000, 500):
        await reading.read(first, first + 499)
    assert await reading.asked_by(0, 4_999) == []


async def test_more_windows_than_are_cut_are_streamed_from_one_request() -> None:
    reading = Reading(most_windows=2)
    assert await reading.asked_by(0, 2_000) == [(0, 2_000)]
    assert await reading.asked_by(0, 2_000) == [(0, 2_000)]
    assert len(await reading.asked_by(0, 1_999)) == 2


async def test_a_streamed_answer_comes_some_series_at_a_time() -> None:
    reading = Reading(most_windows=1)
    reading.world.steps_ms = dict(MANY)
    async with aclosing(reading.open(0, 5_000)) as batches:
        first = await anext(batches)
        assert 0 < len(first) < 10
        assert reading.source.produced < 10


async def test_a_reader_that_does_not_read_on_stops_the_source() -> None:
    reading = Reading(most_windows=1, threads=SlowThreads())
    reading.world.steps_ms = dict(MANY)
    async with aclosing(reading.open(0, 5_000)) as batches:
        await anext(batches)
        produced = reading.source.produced
        await ticks(100)
        assert reading.source.produced == produced
        for _ in range(5):
            await anext(batches)
        assert produced < reading.source.produced < 20


async def test_a_streamed_read_that_is_closed_ends_its_source_at_once() -> None:
    reading = Reading(most_windows=1)
    reading.world.steps_ms = dict(MANY)
    batches = reading.open(0, 5_000)
    await anext(batches)
    assert reading.source.running == 1
    await batches.aclose()
    assert reading.source.running == 0
    assert len(reading.source.closed) == 1


@pytest.mark.parametrize("policy", [{}, {"most_windows": 1}, {"memory_bytes": 10}], ids=str)
@pytest.mark.parametrize("pauses", [0, 1, 2, 3, 5, 8, 13, 40])
async def test_a_read_that_is_cancelled_while_it_waits_ends_its_source(
    policy: dict[str, Any], pauses: int
) -> None:
    reading = Reading(threads=SlowThreads(), **policy)
    reading.source.pauses = 10
    reader = asyncio.create_task(reading.read(0, 5_000))
    await ticks(pauses)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await ticks(5)
    assert reading.source.running == 0


async def test_a_kept_answer_may_be_left_half_read() -> None:
    reading = Reading()
    reading.world.steps_ms = dict(MANY)
    await reading.read(0, 999)
    batches = reading.open(0, 999)
    await anext(batches)
    await batches.aclose()
    assert await reading.asked_by(0, 999) == []


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_an_error_of_the_source_reaches_the_reader(is_streamed: bool) -> None:
    reading = Reading(most_windows=1 if is_streamed else 10)
    failure = UpstreamUnreachableError("gone")
    reading.source.fails = lambda _: failure
    with pytest.raises(UpstreamUnreachableError, match="gone"):
        await reading.read(0, 1_500)
    assert reading.source.running == 0


async def test_before_an_error_nothing_is_answered_unless_the_answer_is_streamed() -> None:
    async def series_before_the_error(**policy: Any) -> int:
        reading = Reading(**policy)
        reading.world.steps_ms = dict(MANY)
        reading.source.fails = lambda _: UpstreamUnreachableError("gone")
        found: list[int] = []
        with pytest.raises(UpstreamUnreachableError):
            await count_series(reading, found)
        return sum(found)

    async def count_series(reading: Reading, found: list[int]) -> None:
        async for batch in reading.open(0, 1_500):
            found += [len(batch)]

    assert await series_before_the_error() == 0
    assert await series_before_the_error(most_windows=1) > 0


async def test_the_first_series_of_a_stream_are_right_although_it_breaks_later() -> None:
    reading = Reading(most_windows=1)
    reading.world.steps_ms = dict(MANY)
    truth = reading.truth(0, 1_500)
    async with aclosing(reading.open(0, 1_500)) as batches:
        first = samples_of(await anext(batches))
    assert first == {name: truth[name] for name in first}


async def test_a_small_read_that_shares_the_fetch_of_a_large_one_is_answered_and_kept_later() -> None:
    reading = large(memory_bytes=300_000, parallelism=1)
    reading.source.pauses = 3
    wide = asyncio.create_task(reading.read(0, 4_999))
    await ticks(2)
    narrow = [asyncio.create_task(reading.read(n * 1_000, n * 1_000 + 9)) for n in range(5)]
    assert await wide == reading.truth(0, 4_999)
    for n, task in enumerate(narrow):
        assert await task == reading.truth(n * 1_000, n * 1_000 + 9)
    reading.source.pauses = 0
    for n in range(5):
        await reading.read(n * 1_000, n * 1_000 + 9)
        assert await reading.asked_by(n * 1_000, n * 1_000 + 9) == [], "too small to be streamed"


async def test_an_error_in_a_window_does_not_make_a_read_large() -> None:
    reading = Reading()

    def fails(ask: SampleAsk) -> Exception | None:
        return UpstreamUnreachableError("gone") if ask.first_ms == OLD_MS else None

    reading.source.fails = fails
    with pytest.raises(UpstreamUnreachableError):
        await reading.read(0, 1_500)
    reading.source.fails = lambda _: None
    await reading.read(0, 1_500)
    assert await reading.asked_by(0, 1_500) == []


@pytest.mark.parametrize("policy", [{}, {"most_windows": 1}], ids=str)
async def test_samples_that_cannot_be_read_are_a_bad_answer(policy: dict[str, Any]) -> None:
    reading = Reading(**policy)

    async def broken(ask: SampleAsk, caller: Caller) -> AsyncGenerator[SampleBatch]:
        async with aclosing(Source(reading.world).series(ask, caller)) as batches:
            async for batch in batches:
                data = batch.series.chunks.data
                chunks = dataclasses.replace(
                    batch.series.chunks, data=data[:2] + b"\xff" * (len(data) - 2)
                )
                yield SampleBatch(dataclasses.replace(batch.series, chunks=chunks))

    reading.source.series = broken  # type: ignore[method-assign]
    with pytest.raises(BadUpstreamAnswerError, match="cannot be read"):
        await reading.read(5, 1_500)


async def test_a_cold_answer_is_sent_while_it_is_fetched() -> None:
    reading = Reading()
    reading.world.steps_ms = dict(MANY)
    reading.source.pauses = 1
    async with aclosing(reading.open(0, 999)) as batches:
        first = await anext(batches)
        assert len(first) > 0
        assert reading.source.running == 1
        found = samples_of(first)
        async for batch in batches:
            found.update(samples_of(batch))
    assert found == reading.truth(0, 999)
    await ticks(5)
    assert await reading.asked_by(0, 999) == []


async def test_a_follower_gets_what_came_before_it_too() -> None:
    reading = Reading()
    reading.world.steps_ms = dict(MANY)
    reading.source.pauses = 1
    async with aclosing(reading.open(0, 999)) as batches:
        await anext(batches)
        assert await reading.read(0, 999) == reading.truth(0, 999)
    assert len(reading.source.asked) == 1
