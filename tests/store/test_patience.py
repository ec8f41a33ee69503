"""How long a tier is waited for."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from proxy.store.patience import Patience, brought

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

PATIENCE = Patience(quiet_s=0.05, most_s=0.2, at_once=2)


class Work:
    """Starts tasks that take so long and bring their number, or fail."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[int]] = []
        self.now = self.highest = 0

    def after(self, *seconds: float) -> list[Callable[[], asyncio.Task[int]]]:
        return [partial(self._start, number, late_s) for number, late_s in enumerate(seconds)]

    def _start(self, number: int, late_s: float) -> asyncio.Task[int]:
        self.tasks.append(asyncio.get_running_loop().create_task(self._run(number, late_s)))
        return self.tasks[-1]

    async def _run(self, number: int, late_s: float) -> int:
        self.now += 1
        self.highest = max(self.highest, self.now)
        try:
            await asyncio.sleep(abs(late_s))
        finally:
            self.now -= 1
        if late_s < 0:
            raise OSError(f"of {number}")
        return number


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    made = Work()
    yield made
    for task in made.tasks:
        task.cancel()
    if made.tasks:
        await asyncio.wait(made.tasks)


async def test_all_is_brought_so_many_at_once(work: Work) -> None:
    results, trouble = await brought(work.after(*[0.002] * 9), PATIENCE)
    assert sorted(results) == list(range(9))
    assert trouble is None
    assert work.highest == 2


async def test_nothing_to_wait_for_is_no_trouble() -> None:
    assert await brought([], PATIENCE) == ([], None)


async def test_nothing_for_a_while_ends_the_wait_and_starts_no_more(work: Work) -> None:
    began_s = asyncio.get_running_loop().time()
    results, trouble = await brought(work.after(0.0, 9, 9, 0.0), PATIENCE)
    assert results == [0]
    assert isinstance(trouble, TimeoutError)
    assert asyncio.get_running_loop().time() - began_s < 0.1
    assert len(work.tasks) == 3
    assert work.now == 2  # they go on by themselves


async def test_each_that_comes_gives_the_others_more_time_up_to_a_bound(work: Work) -> None:
    results, trouble = await brought(work.after(*[0.04] * 6), PATIENCE)
    assert (len(results), trouble) == (6, None)
    results, trouble = await brought(work.after(*[0.04] * 20), PATIENCE)
    assert 6 <= len(results) <= 10
    assert isinstance(trouble, TimeoutError)


async def test_where_nothing_has_come_before_a_failure_no_more_begins(work: Work) -> None:
    results, trouble = await brought(work.after(-0.001, 0.02, 0.001, 0.001), PATIENCE)
    assert str(trouble) == "of 0"
    assert 1 in results
    results, trouble = await brought(work.after(*[-0.001] * 9), PATIENCE)
    assert results == []
    assert len(work.tasks) == 4 + 2


async def test_where_something_has_come_a_failure_stops_nothing(work: Work) -> None:
    results, trouble = await brought(work.after(0.001, -0.01, 0.001, -0.001, 0.001), PATIENCE)
    assert sorted(results) == [0, 2, 4]
    assert trouble is not None


async def test_a_task_that_somebody_ends_is_trouble(work: Work) -> None:
    def end() -> None:
        work.tasks[0].cancel()

    asyncio.get_running_loop().call_later(0.01, end)
    results, trouble = await brought(work.after(9), PATIENCE)
    assert results == []
    assert "ended" in str(trouble)


async def test_who_is_cancelled_leaves_the_tasks_alone(work: Work) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await brought(work.after(0.03), PATIENCE)
    await asyncio.sleep(0.04)
    assert work.tasks[0].result() == 0
