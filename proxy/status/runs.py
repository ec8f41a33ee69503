"""Requests as the page shows them: those that run, and the slowest and the costliest of late."""

from __future__ import annotations

import os
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, cast

from proxy.api.about import about
from proxy.status.snapshot import QueryRun, SplitRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aiohttp import web

    from proxy.engine.ports import Clock
    from proxy.status.failing import FailingQueries
    from proxy.telemetry.book import Book
    from proxy.telemetry.record import Ask, Record

_LATELY_MS = 600_000
_KEPT = 30
_PASSED_ON = "passthrough"
"""What is none of the query endpoints may have a parameter `query`, too; nobody's panel is in it."""
_MOST_RUNNING = 100
_MOST_SPLITS = 60
_LEAST_SLOW_S = 0.05
_MOST_REASON_CHARACTERS = 300
_MOST_DIGITS = 15
"""Of a request's number; Python refuses to read very long ones."""
_CLIENT_CLOSED_REQUEST = 499
_NOT_ITS_FAULT = frozenset(
    (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.TOO_MANY_REQUESTS,
        _CLIENT_CLOSED_REQUEST,
    )
)
"""What a client, or others, have brought about: no sign of a query that nobody can answer."""
_NOT_SHOWN = frozenset(("healthy", "ready", "metrics", "status"))


class _Ranking:
    """The requests of the last ten minutes that are first by some measure."""

    def __init__(self, measure: Callable[[QueryRun], float]) -> None:
        self._measure = measure
        self._runs: list[QueryRun] = []

    def add(self, run: QueryRun, now_ms: int) -> None:
        self.forget(now_ms)
        self._runs = sorted([*self._runs, run], key=self._measure, reverse=True)[:_KEPT]

    def forget(self, now_ms: int) -> None:
        """What is old counts no more, and takes nobody's place."""
        self._runs = list(self.lately(now_ms))

    def lately(self, now_ms: int) -> tuple[QueryRun, ...]:
        return tuple(one for one in self._runs if now_ms - one.began_ms < _LATELY_MS)

    def least(self) -> float | None:
        """What a request must surpass; None while there is room."""
        return self._measure(self._runs[-1]) if len(self._runs) >= _KEPT else None


class Runs:
    """Looks at a book of records; told of those that may be remembered."""

    def __init__(self, book: Book, clock: Clock, failing: FailingQueries) -> None:
        self._book = book
        self._clock = clock
        self._failing = failing
        self._slowest = _Ranking(lambda run: run.took_ms)
        self._costliest = _Ranking(lambda run: run.upstream_ms)
        book.tell = self.tell

    def tell(self, record: Record) -> None:
        """A request has ended that was slow, or failed, or asked the upstream."""
        now_ms = self._clock.wall_ms()
        run = _shown(record, now_ms)
        if record.took_s > self._book.slow_s:
            self._slowest.add(run, now_ms)
        if run.upstream_ms > (self._costliest.least() or 0.0):
            self._costliest.add(run, now_ms)
        has_failed = record.code >= HTTPStatus.BAD_REQUEST and record.code not in _NOT_ITS_FAULT
        if has_failed and run.expr and record.handler != _PASSED_ON:
            reason = record.error or f"status {record.code}"
            self._failing.failed(run.expr, reason, run.dashboard, run.tenant, now_ms)

    def forget(self, now_ms: int) -> None:
        """What is older than ten minutes counts no more; from time to time."""
        self._slowest.forget(now_ms)
        self._costliest.forget(now_ms)
        least_ms = self._slowest.least()
        self._book.slow_s = _LEAST_SLOW_S if least_ms is None else least_ms / 1000

    def running(self) -> tuple[QueryRun, ...]:
        """What runs now, the oldest first."""
        now_ms = self._clock.wall_ms()
        shown = (one for one in self._book.active.values() if one.handler not in _NOT_SHOWN)
        return tuple(_shown(one, now_ms) for one, _ in zip(shown, range(_MOST_RUNNING), strict=False))

    def slowest(self) -> tuple[QueryRun, ...]:
        """By the time that they took."""
        return self._slowest.lately(self._clock.wall_ms())

    def costliest(self) -> tuple[QueryRun, ...]:
        """By the upstream's time, all their questions together."""
        return self._costliest.lately(self._clock.wall_ms())


def cancel_here(book: Book, run_id: str) -> bool:
    """Cancel a request of this process by its id; False when there is none (any more)."""
    pid, _, number = run_id.partition("-")
    is_here = pid == str(os.getpid()) and number.isdecimal() and len(number) <= _MOST_DIGITS
    return is_here and book.cancel(int(number))


def _shown(record: Record, now_ms: int) -> QueryRun:
    told = about(cast("web.BaseRequest", record.source))
    took_ms = (record.took_s or perf_counter() - record.began_s) * 1000
    return QueryRun(
        id=f"{os.getpid()}-{record.number}",
        handler=record.handler,
        began_ms=now_ms - round(took_ms),
        took_ms=took_ms,
        code=record.code,
        expr=told.expr,
        start_ms=told.start_ms,
        end_ms=told.end_ms,
        step_ms=told.step_ms,
        tenant=told.tenant,
        user=told.user,
        dashboard=told.dashboard,
        panel=told.panel,
        result=record.result,
        reason=(record.reason or record.error)[:_MOST_REASON_CHARACTERS],
        steps=record.steps,
        steps_held=record.held,
        upstream_bytes=record.upstream_bytes,
        upstream_ms=record.upstream_s * 1000,
        sent_bytes=record.sent_bytes,
        stages={stage: took_s * 1000 for stage, took_s in record.stages_s().items()},
        splits=_splits(record.asks, record.began_s),
        trace_id=record.trace_id,
    )


def _splits(asks: Iterable[Ask], began_s: float) -> tuple[SplitRun, ...]:
    def since(moment_s: float) -> float | None:
        return (moment_s - began_s) * 1000 if moment_s else None

    return tuple(
        SplitRun(
            from_ms=ask.from_ms,
            to_ms=ask.to_ms,
            state=ask.state,
            begun_at_ms=(ask.begun_s - began_s) * 1000,
            sent_at_ms=since(ask.sent_s),
            arrived_at_ms=since(ask.arrived_s),
            done_at_ms=since(ask.done_s),
            url=ask.url,
            attempts=ask.attempts,
            size_bytes=ask.size_bytes,
        )
        for ask, _ in zip(asks, range(_MOST_SPLITS), strict=False)
    )
