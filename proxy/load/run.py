"""A whole run: check the targets, read their counters, drive them side by side, read again."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import signal
import time
from contextlib import AsyncExitStack, contextmanager
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
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from proxy.load.options import Options
    from proxy.load.progress import ProgressLine
    from proxy.load.schedule import Arrival
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
    start = Start(time.monotonic() + _HEAD_START_S, options.end_ms or time.time_ns() // 1_000_000)
    ended_s: list[float] = []

    def interrupt() -> None:
        ended_s.append(time.monotonic())
        for driver in drivers:
            driver.stop()

    tallies = [driver.tally for driver in drivers]
    plans = [_plan(options, workload) for _ in drivers]
    with _on_signals(interrupt):
        async with asyncio.TaskGroup() as group:
            line = group.create_task(progress.follow(tallies, start.clock_s, options.duration_ms))
            await _all_of(
                [driver.run(plan, start) for driver, plan in zip(drivers, plans, strict=True)]
            )
            line.cancel()
    progress.close()
    ran_ms = (ended_s[0] - start.clock_s) * 1000 if ended_s else options.duration_ms
    return min(max(1.0, ran_ms), options.duration_ms)


async def _all_of(runs: Sequence[Coroutine[None, None, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for run in runs:
            _ = group.create_task(run)


def _plan(options: Options, workload: Workload) -> Iterator[Arrival]:
    plan = arrivals(workload, options.users, options.seed, options.duration_ms)
    return itertools.islice(plan, options.max_requests)


@contextmanager
def _on_signals(call: Callable[[], None]) -> Iterator[None]:
    """Call it for SIGINT and SIGTERM, instead of ending the program."""
    loop, signals = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, call)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
