"""Where work is done."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from proxy.engine.threads import WorkerThreads

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def threads() -> Iterator[WorkerThreads]:
    workers = WorkerThreads(threads=2, inline_bytes=1000)
    yield workers
    workers.close()


def where(_: object) -> int:
    return threading.get_ident()


def fail(message: str) -> None:
    raise ValueError(message)


async def test_small_work_is_done_at_once_and_large_work_elsewhere(threads: WorkerThreads) -> None:
    here = threading.get_ident()
    assert await threads.run(where, None, 1000) == here
    assert await threads.run(where, None, 1001) != here


@pytest.mark.parametrize("size_bytes", [1, 10**6])
async def test_a_failure_reaches_the_one_who_asked(threads: WorkerThreads, size_bytes: int) -> None:
    with pytest.raises(ValueError, match="why"):
        await threads.run(fail, "why", size_bytes)


async def test_the_event_loop_turns_while_threads_work(threads: WorkerThreads) -> None:
    gate = threading.Event()
    slow = asyncio.create_task(threads.run(gate.wait, 10, 10**6))
    await asyncio.sleep(0.01)
    assert not slow.done()
    gate.set()
    assert await slow


async def test_who_does_not_want_the_result_any_more_does_not_wait(threads: WorkerThreads) -> None:
    gate = threading.Event()
    slow = asyncio.create_task(threads.run(gate.wait, 10, 10**6))
    await asyncio.sleep(0.01)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    gate.set()


async def test_work_that_has_not_begun_is_dropped_when_closing() -> None:
    workers = WorkerThreads(threads=1, inline_bytes=0)
    begun, gate = threading.Event(), threading.Event()
    done: list[int] = []

    def work(number: int) -> None:
        begun.set()
        gate.wait(10)
        done.append(number)

    running = asyncio.create_task(workers.run(work, 1, 1))
    waiting = asyncio.create_task(workers.run(work, 2, 1))
    while not begun.is_set():  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    workers.close()
    gate.set()
    await running
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done == [1]
