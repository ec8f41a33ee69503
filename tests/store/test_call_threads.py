"""Calls that block, in threads that keep nothing from ending."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from proxy.store.call_threads import CallThreads
from proxy.store.raw_tier import TierError


async def test_a_call_is_made_elsewhere_and_brings_its_result() -> None:
    threads = CallThreads("own", 1, 10)
    assert await threads.call(lambda: threading.current_thread().name) == "own-0"
    threads.close()


async def test_what_a_call_raises_is_raised() -> None:
    threads = CallThreads("own", 1, 10)
    with pytest.raises(ZeroDivisionError):
        await threads.call(lambda: 1 // 0)
    assert await threads.call(lambda: "still there") == "still there"
    threads.close()


async def test_one_thread_makes_calls_in_their_order() -> None:
    threads = CallThreads("own", 1, 100)
    made: list[int] = []
    calls = [threads.call(lambda number=number: made.append(number)) for number in range(50)]  # type: ignore[misc]
    for call in calls:
        await call
    assert made == list(range(50))
    threads.close()


async def test_too_many_that_wait_are_refused_while_one_hangs() -> None:
    threads = CallThreads("own", 1, 2)
    go_on = threading.Event()
    hanging = threads.call(go_on.wait)
    await asyncio.sleep(0.05)
    waiting = [threads.call(lambda: 1) for _ in range(2)]
    with pytest.raises(TierError, match="too much waits"):
        await threads.call(lambda: 1)
    go_on.set()
    assert await hanging
    assert [await call for call in waiting] == [1, 1]
    threads.close()


async def test_a_result_that_nobody_waits_for_any_more_is_dropped() -> None:
    threads = CallThreads("own", 1, 10)
    for work in (lambda: time.sleep(0.05), lambda: 1 // 0):
        threads.call(work).cancel()
    assert await threads.call(lambda: "next") == "next"
    threads.close()


async def test_after_the_end_nothing_is_taken() -> None:
    threads = CallThreads("own", 2, 10)
    threads.close()
    with pytest.raises(TierError, match="ended"):
        await threads.call(lambda: 1)


def test_a_call_that_hangs_does_not_keep_the_process() -> None:
    script = """
import asyncio, threading
from proxy.store.call_threads import CallThreads
async def main():
    call = CallThreads("own", 1, 10).call(threading.Event().wait)
    await asyncio.wait([call], timeout=0.05)
    call.cancel()
asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", script], timeout=20, check=True)
