"""All requests that run, and what is counted of each when it ends."""

from __future__ import annotations

from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakSet

from proxy.telemetry.log import LOG
from proxy.telemetry.metrics import (
    DURATION_BOUNDS,
    IN_FLIGHT,
    REQUEST_DURATION,
    REQUESTS,
    STAGE_BOUNDS,
    STAGE_DURATION,
    TENANT_REQUESTS,
)
from proxy.telemetry.record import FETCH, SCAN, WAIT, Record, begin
from proxy.telemetry.registry import REGISTRY
from proxy.telemetry.tallies import Count, Durations

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from proxy.telemetry.record import Watcher

_ended: list[Record] = []
_MOST_ENDED = 256


def _settle() -> None:
    """Count the requests that have ended. Many in a row cost half of what each by itself would."""
    for record in _ended:
        _count(record)
    _ended.clear()


REGISTRY.before_reading(_settle)  # before the tallies, which are made below, are carried over
_requests = Count(REQUESTS)
_of_tenants = Count(TENANT_REQUESTS)
_durations = Durations(REQUEST_DURATION, DURATION_BOUNDS)
_stages = Durations(STAGE_DURATION, STAGE_BOUNDS)
_books: WeakSet[Book] = WeakSet()
OWN = frozenset(("healthy", "ready", "metrics", "status", "explain", "coverage"))
"""Endpoints that say nothing of what people wait for."""
_BAD_REQUEST, _SERVER_ERROR = 400, 500


def requests_in_flight() -> int:
    """How many requests this process is answering."""
    return sum(len(book.active) for book in _books)


REGISTRY.before_reading(lambda: IN_FLIGHT.set(requests_in_flight()))


class Pace(NamedTuple):
    """Queries that this process has answered: how many, how many with an error, how long they took.

    took: by bucket of `DURATION_BOUNDS`, and one for what is above.
    """

    requests: int
    errors: int
    took: list[int]


def pace() -> Pace:
    """As of the last time that metrics were brought up to date."""
    spreads = [counts for handler, counts in _durations.totals.items() if handler not in OWN]
    took = [sum(counts) for counts in zip(*spreads, strict=True)] or [0] * (len(DURATION_BOUNDS) + 1)
    failed = (
        count
        for (handler, code), count in _requests.totals.items()
        if handler not in OWN and int(code) >= _SERVER_ERROR
    )
    return Pace(sum(took), sum(failed), took)


class Book:
    """Records of requests: opened when they come, closed when they have been answered.

    tell: told of what somebody may want to look at later: of requests that failed, that the upstream
    was asked for, or that took longer than `slow_s`.
    watchers: told of every request, from its begin on; they cost time.
    """

    def __init__(self) -> None:
        self.active: dict[int, Record] = {}
        self.slow_s = 0.05
        self.tell: Callable[[Record], None] | None = None
        self.watchers: tuple[Watcher, ...] = ()
        self._numbers = count(1)
        _books.add(self)

    def open(self, handler: str, source: object) -> Record:
        """A request begins; what this task does belongs to it."""
        record = Record(next(self._numbers), handler, source)
        self.active[record.number] = record
        begin(record)
        if self.watchers and handler not in OWN:
            record.watchers = self.watchers
            for watcher in self.watchers:
                watcher.begun(record)
        return record

    def watch(self, watcher: Watcher) -> None:
        """Tell somebody of all requests to come, but those for what is no query."""
        self.watchers += (watcher,)

    def close(self, record: Record, code: int, tenant: str | None) -> None:
        """It has been answered, with this status; `tenant` as metrics name it."""
        record.code = code
        record.took_s = took_s = perf_counter() - record.began_s
        record.tenant = tenant
        del self.active[record.number]
        is_notable = took_s > self.slow_s or record.asks or code >= _BAD_REQUEST
        if is_notable or record.watchers:
            self._tell(record, bool(is_notable))
        record.source = None
        _ended.append(record)
        if len(_ended) >= _MOST_ENDED:
            _settle()

    def _tell(self, record: Record, is_notable: bool) -> None:
        """Whatever goes wrong here, the client has its answer, and all others hear of it."""
        told: list[Callable[[Record], None]] = [watcher.ended for watcher in record.watchers]
        record.watchers = ()  # others may still wait for what it has asked
        if is_notable and self.tell and record.handler not in OWN:
            told.append(self.tell)
        for tell in told:
            try:
                tell(record)
            except Exception:  # noqa: BLE001  the log gets the trace
                LOG.exception("a request that has ended cannot be told of")

    def cancel(self, number: int) -> bool:
        """End a request that runs; its client is told. False when it does not run (any more)."""
        record = self.active.get(number)
        task: asyncio.Task[None] | None = getattr(record and record.source, "task", None)
        if record is None or task is None:
            return False
        record.is_cancelled = True
        return task.cancel()


def _count(record: Record) -> None:
    code = record.code
    _requests.add((record.handler, code))
    if record.tenant is not None:
        _of_tenants.add((record.tenant, code))
    if record.trace_id:
        _durations.add_traced(record.handler, record.took_s, record.trace_id)
    else:
        _durations.add(record.handler, record.took_s)
    _count_stages(record)


def _count_stages(record: Record) -> None:
    """The time in which questions ran is counted by question."""
    last_s = record.began_s
    for stage, ended_s in record.marks:
        if stage is not FETCH:
            _stages.add(stage, ended_s - last_s)
        last_s = ended_s
    for ask in record.asks:
        wait_s, fetch_s, scan_s = ask.stages_s()
        _stages.add(WAIT, wait_s)
        if ask.sent_s:
            _stages.add(FETCH, fetch_s)
        if ask.arrived_s:
            _stages.add(SCAN, scan_s)
