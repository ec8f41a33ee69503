"""How late the event loop is."""

from __future__ import annotations

import asyncio
import time

from proxy.status.lag import LagMeter


async def test_a_loop_that_is_held_is_late() -> None:
    meter = LagMeter()
    await asyncio.sleep(0.01)
    time.sleep(0.3)  # noqa: ASYNC251  that is the point
    await asyncio.sleep(0.01)
    worst_ms = meter.read().worst_ms
    assert worst_ms >= 150
    assert meter.read().worst_ms < worst_ms
    meter.close()


async def test_work_in_the_loop_s_thread_makes_it_busy_and_sleep_does_not() -> None:
    meter = LagMeter()
    await asyncio.sleep(0.2)
    idle = meter.read().busy
    end_s = time.thread_time() + 0.2
    while time.thread_time() < end_s:
        pass
    assert meter.read().busy > idle
    meter.close()
