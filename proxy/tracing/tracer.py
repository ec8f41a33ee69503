"""Decides which requests are traced, gives their questions a context, and queues what they did."""

from __future__ import annotations

import secrets
from collections import deque
from time import perf_counter, time_ns
from typing import TYPE_CHECKING

from proxy.codec.trace_context import (
    TRACEPARENT,
    TRACESTATE,
    TraceContext,
    parse_traceparent,
    traceparent,
)
from proxy.telemetry.metrics import TRACES_DROPPED
from proxy.tracing.spans import Ended, Trace, ended, spans_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxy.api.about import About
    from proxy.codec.otlp import Span
    from proxy.telemetry.record import Ask, Record

FORCE = "X-Thanos-Force-Tracing"
"""Thanos's own header: this request is traced, whatever the share."""
_MOST_QUEUED = 20_000
"""Spans."""
_MOST_STATE_CHARACTERS = 512
_RATIO_BITS = 56


class Tracer:
    """Watches requests. What traces one is one tuple and an id for each question, until it has ended.

    share: of the requests that come without a trace of their own; the others go by what that says.
    headers_of, about: how the source of a record is read.
    """

    def __init__(
        self,
        share: float,
        headers_of: Callable[[Record], Mapping[str, str]],
        about: Callable[[Record], About],
        heeds_parents: bool = True,
    ) -> None:
        self._below: int = round(share * (1 << _RATIO_BITS))
        self._headers_of = headers_of
        self._about = about
        self._heeds_parents = heeds_parents
        self._open: dict[int, tuple[Trace, list[tuple[str, Ask]]]] = {}
        self._queue: deque[Ended] = deque()
        self.queued = 0

    def begun(self, record: Record) -> None:
        """See `telemetry.book.Watcher`."""
        headers = self._headers_of(record)
        given = headers.get(TRACEPARENT)
        parent = None if given is None else parse_traceparent(given)
        trace_id = secrets.token_hex(16) if parent is None else parent.trace_id
        if not self._is_traced(trace_id, parent) and not headers.get(FORCE):
            return
        span_id, state = _new_id(), ""
        if parent is not None:
            state = headers.get(TRACESTATE, "")[:_MOST_STATE_CHARACTERS]
        trace = Trace(trace_id, span_id, parent.span_id if parent else "", state)
        record.trace_id = trace_id
        self._open[record.number] = (trace, [])

    def _is_traced(self, trace_id: str, parent: TraceContext | None) -> bool:
        if parent is not None and self._heeds_parents:
            return parent.is_sampled
        return int(trace_id[-_RATIO_BITS // 4 :], 16) < self._below

    def asks(self, record: Record, ask: Ask) -> None:
        """See `telemetry.book.Watcher`: Thanos's spans shall be children of the question's."""
        if found := self._open.get(record.number):
            span_id = _new_id()
            found[1].append((span_id, ask))
            ask.headers = ((TRACEPARENT, traceparent(found[0].trace_id, span_id)),)

    def ended(self, record: Record) -> None:
        """See `telemetry.book.Watcher`: what does not fit into the queue is counted and forgotten."""
        if (found := self._open.pop(record.number, None)) is None:
            return
        trace, asks = found
        moment_ns = time_ns() - round((perf_counter() - record.began_s) * 1e9)
        one = ended(record, trace, self._about(record), moment_ns, asks)
        if self.queued + one.span_count > _MOST_QUEUED:
            TRACES_DROPPED.labels("queue_full").inc(one.span_count)
            return
        self.queued += one.span_count
        self._queue.append(one)

    def take(self, most: int) -> list[Span]:
        """The oldest spans, some more than `most` at the most by those of one request."""
        taken: list[Span] = []
        while self._queue and len(taken) < most:
            one = self._queue.popleft()
            self.queued -= one.span_count
            taken += spans_of(one, _new_id)
        return taken


def _new_id() -> str:
    return secrets.token_hex(8)
