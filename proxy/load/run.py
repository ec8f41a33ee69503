"""A whole run: check the targets, read their counters, drive them side by side, read again."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import signal
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from proxy.load import LoadError
from proxy.load.check import target_problem, thanoxy_counters
from proxy.load.client import Client, shown
from proxy.load.driver import Driver, Limits, Start
from proxy.load.result import RunResult, TargetResult
from proxy.load.saved import saved_between
from proxy.load.schedule import arrivals, expected_requests
from proxy.load.tally import Tally
from proxy.load.units import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.load.options import Options
    from proxy.load.progress import ProgressLine
    from proxy.load.workload import Workload

_HEAD_START_S = 0.05
_CHECK_TIMEOUT_S = 10.0
_SPARE_CONNECTIONS = 2


async def run_load(options: Options, workload: Workload, progress: ProgressLine) -> RunResult:
    """The result, also of a run that SIGINT or SIGTERM ended early.

    Raises:
        LoadError: a target cannot be used; one line for each.
    """
    async with AsyncExitStack() as stack:
        clients = [_client(options, workload, url) for url in options.targets]
        for client in clients:
            stack.push_async_callback(client.close)
        await _check(clients, options)
        before = [await thanoxy_counters(client) for client in clients]
        tally = [Tally(options.duration_ms) for _ in clients]
        limits = Limits(options.in_flight, options.timeout_ms / 1000)
        drivers = [
            Driver(client, workload, own, limits) for client, own in zip(clients, tally, strict=True)
        ]
        started = dt.datetime.fromtimestamp(time.time_ns() // 10**9, dt.UTC).isoformat()
        ran_ms = await _drive(drivers, options, workload, progress)
        after = [await thanoxy_counters(client) for client in clients]
    saved = [saved_between(old, new) for old, new in zip(before, after, strict=True)]
    return RunResult(
        workload=workload,
        targets=tuple(
            TargetResult(shown(client.url), own, was_saved)
            for client, own, was_saved in zip(clients, tally, saved, strict=True)
        ),
        started=started,
        ran_ms=ran_ms,
        facts=options.facts(),
        notes=(*workload.notes, *_bound_notes(options, workload)),
        interrupted=ran_ms < options.duration_ms,
    )


def _client(options: Options, workload: Workload, url: str) -> Client:
    return Client(
        url,
        options.headers,
        connections=options.in_flight + _SPARE_CONNECTIONS,
        method=options.method,
        uid=workload.uid,
    )


async def _check(clients: Sequence[Client], options: Options) -> None:
    timeout_s = min(_CHECK_TIMEOUT_S, options.timeout_ms / 1000)
    problems = [await target_problem(client, timeout_s) for client in clients]
    found = [problem for problem in problems if problem]
    if found:
        raise LoadError("; ".join(found))


def _bound_notes(options: Options, workload: Workload) -> list[str]:
    expected = expected_requests(workload, options.users, options.duration_ms)
    if expected <= options.max_requests:
        return []
    return [f"of some {count(expected)} requests the first {count(options.max_requests)} were planned"]


async def _drive(
    drivers: Sequence[Driver], options: Options, workload: Workload, progress: ProgressLine
) -> float:
    """Milliseconds in which requests were planned: less than wanted after an interruption."""
    loop = asyncio.get_running_loop()
    start = Start(time.monotonic() + _HEAD_START_S, options.end_ms or time.time_ns() // 1_000_000)
    ended_s: list[float] = []

    def interrupt() -> None:
        ended_s.append(time.monotonic())
        for driver in drivers:
            driver.stop()

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, interrupt)
    tallies = [driver.tally for driver in drivers]
    follower = progress.follow(tallies, start.clock_s, options.duration_ms)
    try:
        async with asyncio.TaskGroup() as outer:
            shown_progress = outer.create_task(follower)
            async with asyncio.TaskGroup() as group:
                for driver in drivers:
                    plan = arrivals(workload, options.users, options.seed, options.duration_ms)
                    plan = itertools.islice(plan, options.max_requests)
                    _ = group.create_task(driver.run(plan, start))
            shown_progress.cancel()
    finally:
        progress.close()
        for number in signals:
            loop.remove_signal_handler(number)
    ran_ms = (ended_s[0] - start.clock_s) * 1000 if ended_s else options.duration_ms
    return min(max(1.0, ran_ms), options.duration_ms)
