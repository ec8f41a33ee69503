"""Sends the requests of a schedule to one target, each at its time.

The number in flight is bounded. A request that finds no place waits for one, and its latency runs
meanwhile; when its timeout has passed before it was sent, it is counted as not sent. So every
planned request has an outcome, at the latest its timeout after the last planned one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.load.client import Answer
from proxy.load.tally import NOT_SENT, TIMEOUT, Outcome, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.load.client import Client
    from proxy.load.schedule import Arrival
    from proxy.load.workload import Workload

MOST_WAITING = 100_000
_SPIN_S = 0.0015
"""The loop's timers are whole milliseconds: the last one is waited out by turning the loop."""
_YIELD_EVERY = 64
_WORTH_SENDING_MS = 5.0
"""With less time left than this, a request is not sent."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a target is asked at once, and how long a request may take from its time on."""

    in_flight: int
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Start:
    """The moment from which a schedule counts, on the monotonic clock and on the wall's.

    Not on the loop's clock: uvloop's has whole milliseconds, read once a turn.
    """

    clock_s: float
    wall_ms: int


class Driver:
    """One target under load."""

    def __init__(self, client: Client, workload: Workload, tally: Tally, limits: Limits) -> None:
        self._client, self._workload = client, workload
        self.tally, self._limits = tally, limits
        self._waiting: deque[Arrival] = deque()
        self._places: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Send nothing more and give up what is under way."""
        self._stopped.set()
        for place in self._places:
            place.cancel()

    async def run(self, arrivals: Iterable[Arrival], start: Start) -> None:
        """Until every request has its outcome, or `stop` was called."""
        planned = 0
        async with asyncio.TaskGroup() as group:
            for number, arrival in enumerate(arrivals):
                await self._until(start.clock_s + arrival.at_ms / 1000)
                if self._stopped.is_set():
                    break
                planned += 1
                self._arrive(arrival, start, group)
                if not number % _YIELD_EVERY:
                    await asyncio.sleep(0)
        self.tally.unfinished = planned - self.tally.all.requests

    async def _until(self, moment_s: float) -> None:
        if time.monotonic() >= moment_s:
            return
        try:
            async with asyncio.timeout(moment_s - _SPIN_S - time.monotonic()):
                await self._stopped.wait()
        except TimeoutError:
            pass
        while time.monotonic() < moment_s and not self._stopped.is_set():  # noqa: ASYNC110 (see _SPIN_S)
            await asyncio.sleep(0)

    def _arrive(self, arrival: Arrival, start: Start, group: asyncio.TaskGroup) -> None:
        if len(self._places) < self._limits.in_flight:
            place = group.create_task(self._fill_place(arrival, start))
            self._places.add(place)
            place.add_done_callback(self._places.discard)
        elif len(self._waiting) < MOST_WAITING:
            self._waiting.append(arrival)
        else:
            self._drop(arrival, self._limits.timeout_s * 1000, f"{MOST_WAITING:,} waited already")

    async def _fill_place(self, arrival: Arrival, start: Start) -> None:
        """One place in flight: sends a request, then whatever waits for a place."""
        await self._send(arrival, start, waited=False)
        while self._waiting:
            await self._send(self._waiting.popleft(), start, waited=True)

    async def _send(self, arrival: Arrival, start: Start, *, waited: bool) -> None:
        planned_s = start.clock_s + arrival.at_ms / 1000
        late_ms = (time.monotonic() - planned_s) * 1000
        if late_ms > self._limits.timeout_s * 1000 - _WORTH_SENDING_MS:
            self._drop(arrival, late_ms, f"{self._limits.in_flight} others were in flight")
            return
        self.tally.sent()
        try:
            answer = await self._ask(arrival, start, planned_s + self._limits.timeout_s)
        finally:
            self.tally.ended()
        outcome = Outcome(
            question=arrival.question,
            planned_ms=arrival.at_ms,
            took_ms=(time.monotonic() - planned_s) * 1000,
            late_ms=late_ms,
            waited=waited,
            failure=answer.failure,
            detail=answer.detail,
            size_bytes=answer.size_bytes,
            cache=answer.cache,
            is_empty=answer.is_empty,
        )
        self.tally.add(outcome)

    async def _ask(self, arrival: Arrival, start: Start, deadline_s: float) -> Answer:
        question = self._workload.questions[arrival.question]
        try:
            async with asyncio.timeout(deadline_s - time.monotonic()):
                return await self._client.ask(question, start.wall_ms + int(arrival.at_ms))
        except TimeoutError:
            return Answer(TIMEOUT, f"no complete answer within {self._limits.timeout_s:g}s", 0, "")

    def _drop(self, arrival: Arrival, waited_ms: float, why: str) -> None:
        outcome = Outcome(
            arrival.question, arrival.at_ms, waited_ms, waited=True, failure=NOT_SENT, detail=why
        )
        self.tally.add(outcome)
