"""Side by side: bounded, in order, and nothing left running."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from proxy.engine.fan_out import fan_out


class Gauge:
    """Work that says how much of it runs, and what was cancelled; it may never end."""

    def __init__(self, ends: bool = True) -> None:
        self.ends = ends
        self.begun: list[int] = []
        self.cancelled: list[int] = []
        self.running = 0
        self.most = 0

    async def work(self, number: int) -> int:
        self.begun.append(number)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0.001 * (10 - number) if self.ends else 3600)
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        finally:
            self.running -= 1
        return number * number


async def test_results_stand_in_the_order_of_the_arguments() -> None:
    assert await fan_out(Gauge().work, range(10), 10) == [n * n for n in range(10)]


@pytest.mark.parametrize("parallelism", [1, 3, 100])
async def test_no_more_than_the_permitted_number_runs_at_once(parallelism: int) -> None:
    gauge = Gauge()
    await fan_out(gauge.work, range(10), parallelism)
    assert gauge.most == min(parallelism, 10)


async def test_one_argument_needs_no_task() -> None:
    async def same_task(task: asyncio.Task[None] | None) -> bool:
        return asyncio.current_task() is task

    assert await fan_out(same_task, [asyncio.current_task()], 3) == [True]


async def test_nothing_to_do_gives_nothing() -> None:
    assert await fan_out(Gauge().work, [], 3) == []


async def test_the_first_failure_is_raised_as_it_is_and_cancels_the_others() -> None:
    gauge = Gauge(ends=False)
    failure = ValueError("split 9")

    async def work(number: int) -> int:
        if number == 9:
            await asyncio.sleep(0)
            raise failure
        return await gauge.work(number)

    with pytest.raises(ValueError, match="split 9") as caught:
        await fan_out(work, range(10), 10)
    assert caught.value is failure
    assert caught.value.__cause__ is None
    assert sorted(gauge.cancelled) == list(range(9))


async def test_work_that_waits_for_its_turn_never_begins_after_a_failure() -> None:
    begun: list[int] = []

    async def work(number: int) -> None:
        begun.append(number)
        await asyncio.sleep(0)
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        await fan_out(work, range(10), 2)
    assert begun == [0, 1]


async def test_cancelling_the_caller_cancels_all() -> None:
    gauge = Gauge(ends=False)
    task = asyncio.create_task(fan_out(gauge.work, range(5), 5))
    while gauge.running < 5:  # noqa: ASYNC110  a few turns of the loop
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(gauge.cancelled) == [0, 1, 2, 3, 4]
    assert gauge.running == 0


async def test_a_deadline_of_the_caller_is_a_timeout_for_the_caller() -> None:
    gauge = Gauge(ends=False)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await fan_out(gauge.work, [1, 2], 2)
    assert sorted(gauge.cancelled) == [1, 2]


async def test_after_a_failure_nothing_holds_what_the_others_brought() -> None:
    """A cycle through a traceback would, until a collection: and what was brought may be large."""
    brought: list[weakref.ref[set[int]]] = []

    async def work(number: int) -> set[int]:
        if number == 3:
            await asyncio.sleep(0.001)
            raise ValueError("the last")
        found = {number}
        brought.append(weakref.ref(found))
        return found

    gc.disable()
    try:
        with pytest.raises(ValueError, match="the last"):
            await fan_out(work, range(4), 4)
        await asyncio.sleep(0)
        assert [one() for one in brought] == [None] * 3
    finally:
        gc.enable()
