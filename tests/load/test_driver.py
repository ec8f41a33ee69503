"""Sending on time, whatever the target does."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from proxy.load.client import Client
from proxy.load.driver import Driver, Limits, Start
from proxy.load.schedule import Arrival
from proxy.load.tally import NOT_SENT, TIMEOUT, Tally
from tests.load.examples import workload
from tests.load.servers import Stalling, answer, resetting, serving

if TYPE_CHECKING:
    from aiohttp import web


def every(gap_ms: float, number: int) -> list[Arrival]:
    return [Arrival(i * gap_ms, 0, 0) for i in range(number)]


async def drive(
    url: str, plan: list[Arrival], in_flight: int = 50, timeout_s: float = 5.0, stop_after_s: float = 0
) -> Tally:
    client = Client(url, {}, connections=in_flight, method="POST")
    driver = Driver(client, workload(), Tally(2_000.0), Limits(in_flight, timeout_s))
    try:
        if stop_after_s:
            asyncio.get_running_loop().call_later(stop_after_s, driver.stop)
        await driver.run(plan, Start(time.monotonic() + 0.01, 1_700_000_000_000))
    finally:
        await client.close()
    assert driver.tally.in_flight == 0
    return driver.tally


async def quick(_request: web.Request) -> web.StreamResponse:
    return answer()


async def silent(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return answer()


async def test_every_planned_request_has_an_outcome() -> None:
    async with serving(quick) as url:
        tally = await drive(url, every(5, 60))
    assert (tally.all.requests, tally.answered, tally.unfinished) == (60, 60, 0)
    assert tally.waited == 0


async def test_a_second_of_stall_shows_in_all_requests_that_fell_into_it() -> None:
    async with serving(Stalling(0.3, 1.3)) as url:
        tally = await drive(url, every(50, 36))
    slow = tally.all.requests - _up_to(tally, 100.0)
    # 20 were planned within the stall, 18 of them more than 100 ms before its end. A tester that
    # waits for each answer before it asks again would have seen one slow answer of 36.
    assert slow >= 16
    assert 900 <= tally.all.latency.high <= 2_500
    assert tally.answered == 36


async def test_a_stall_shows_as_much_when_few_may_be_in_flight() -> None:
    async with serving(Stalling(0.2, 0.7)) as url:
        tally = await drive(url, every(50, 20), in_flight=1)
    assert tally.most_in_flight == 1
    assert tally.waited >= 6
    assert tally.all.requests - _up_to(tally, 100.0) >= 6
    assert 450 <= tally.all.latency.high <= 2_000


def _up_to(tally: Tally, limit_ms: float) -> int:
    counts = [count for value, count in tally.all.latency.cumulative() if value <= limit_ms]
    return counts[-1] if counts else 0


async def test_a_target_that_breaks_connections_gives_errors_and_no_latencies() -> None:
    async with resetting() as url:
        tally = await drive(url, every(10, 20))
    assert tally.failures == {"connection broken": 20}
    assert tally.all.latency.total == 0


async def test_a_timeout_counts_as_long_as_it_was_waited_for() -> None:
    async with serving(silent) as url:
        tally = await drive(url, every(10, 5), timeout_s=0.2)
    assert tally.failures == {TIMEOUT: 5}
    assert tally.all.latency.low >= 199
    assert tally.all.latency.high < 1_000


async def test_requests_that_find_no_place_in_time_are_not_sent_but_counted() -> None:
    async with serving(silent) as url:
        began_s = time.monotonic()
        tally = await drive(url, every(0, 10), in_flight=2, timeout_s=0.3)
        took_s = time.monotonic() - began_s
    assert tally.all.requests == 10
    assert tally.failures == {TIMEOUT: 2, NOT_SENT: 8}
    assert tally.details[NOT_SENT] == "2 others were in flight"
    assert tally.all.latency.low >= 290
    assert took_s < 2


async def test_stopping_gives_up_what_is_under_way_and_keeps_what_ended() -> None:
    asked = 0

    async def first_only(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return await (quick if asked <= 5 else silent)(request)

    async with serving(first_only) as url:
        began_s = time.monotonic()
        tally = await drive(url, every(10, 10_000), in_flight=10, stop_after_s=0.3)
        took_s = time.monotonic() - began_s
    assert tally.answered == 5
    assert tally.all.requests == 5
    assert 10 <= tally.unfinished <= 40
    assert took_s < 1.5


async def test_no_request_goes_out_before_its_time() -> None:
    came_s: list[float] = []

    async def note(_request: web.Request) -> web.StreamResponse:
        came_s.append(time.monotonic())
        return answer()

    async with serving(note) as url:
        began_s = time.monotonic()
        await drive(url, every(20, 15), in_flight=1)
    assert len(came_s) == 15
    assert all(came - began_s >= 0.02 * number for number, came in enumerate(came_s))
