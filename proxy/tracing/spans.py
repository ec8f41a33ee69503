"""The spans of a request, made from its record after it has ended."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from proxy.codec.otlp import CLIENT, INTERNAL, SERVER, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxy.api.about import About
    from proxy.codec.otlp import Value
    from proxy.telemetry.record import Ask, Mark, Record

_SERVER_ERROR = 500
_MOST_ERROR_CHARACTERS = 500


class Trace(NamedTuple):
    """What a request that is traced has. parent_id: "" where its trace begins here.

    state: the `tracestate` that came with it.
    """

    trace_id: str
    span_id: str
    parent_id: str = ""
    state: str = ""


class Ended(NamedTuple):
    """A request that has ended, without what would keep its answer in memory.

    moment_ns: when it began, since the epoch; its other times count from `began_s`.
    asks: each with its span's id.
    """

    trace: Trace
    name: str
    attributes: Mapping[str, Value]
    error: str | None
    moment_ns: int
    began_s: float
    ended_s: float
    marks: Sequence[Mark]
    asks: Sequence[tuple[str, Ask]]

    @property
    def span_count(self) -> int:
        return 1 + len(self.marks) + len(self.asks)


def ended(
    record: Record, trace: Trace, about: About, moment_ns: int, asks: Sequence[tuple[str, Ask]]
) -> Ended:
    """What spans are made of; moment_ns: when the request began."""
    attributes: dict[str, Value] = {
        "http.route": record.handler,
        "http.response.status_code": record.code,
        "thanoxy.expr": about.expr,
        "thanoxy.tenant": about.tenant,
        "thanoxy.user": about.user,
        "thanoxy.dashboard": about.dashboard,
        "thanoxy.panel": about.panel,
        "thanoxy.start_ms": about.start_ms,
        "thanoxy.end_ms": about.end_ms,
        "thanoxy.step_ms": about.step_ms,
        "thanoxy.result": record.result,
        "thanoxy.reason": record.reason,
        "thanoxy.steps": record.steps,
        "thanoxy.steps_held": record.held,
        "thanoxy.splits": len(asks),
        "thanoxy.sent_bytes": record.sent_bytes,
    }
    has_failed = record.code >= _SERVER_ERROR
    error = record.error[:_MOST_ERROR_CHARACTERS]
    if error and not has_failed:
        attributes["thanoxy.error"] = error
    return Ended(
        trace,
        record.handler,
        attributes,
        error if has_failed else None,
        moment_ns,
        record.began_s,
        record.began_s + record.took_s,
        record.marks,
        asks,
    )


def spans_of(one: Ended, new_id: Callable[[], str]) -> list[Span]:
    """One for the request, one for each stage, one for each question to the upstream.

    A question's parent is the stage in which it was asked.
    """
    trace_id, root_id = one.trace.trace_id, one.trace.span_id

    def at_ns(moment_s: float) -> int:
        return one.moment_ns + round((moment_s - one.began_s) * 1e9)

    begun_ns, ended_ns = at_ns(one.began_s), at_ns(one.ended_s)
    told: list[Span] = [
        Span(
            trace_id, root_id, one.trace.parent_id, one.name, SERVER, begun_ns, ended_ns,
            one.attributes, one.error, one.trace.state,
        )
    ]  # fmt: skip
    stages: list[tuple[str, float, float]] = []
    last_s = one.began_s
    for stage, until_s in one.marks:
        stages.append((new_id(), last_s, until_s))
        from_ns, until_ns = at_ns(last_s), at_ns(until_s)
        told.append(Span(trace_id, stages[-1][0], root_id, stage, INTERNAL, from_ns, until_ns, {}))
        last_s = until_s
    for span_id, ask in one.asks:
        within = (number for number, from_s, until_s in stages if from_s <= ask.begun_s < until_s)
        parent_id = next(within, root_id)
        done_s = ask.done_s or max(one.ended_s, perf_counter())
        error = "it brought no answer" if ask.has_failed else None
        told.append(
            Span(
                trace_id, span_id, parent_id, "split" if ask.to_ms else "ask", CLIENT,
                at_ns(ask.begun_s), at_ns(done_s), _of_ask(ask), error,
            )
        )  # fmt: skip
    return told


def _of_ask(ask: Ask) -> dict[str, Value]:
    wait_s, fetch_s, scan_s = ask.stages_s()
    attributes: dict[str, Value] = {
        "server.address": ask.url,
        "thanoxy.attempts": ask.attempts,
        "thanoxy.received_bytes": ask.size_bytes,
        "thanoxy.wait_ms": round(wait_s * 1000, 3),
        "thanoxy.fetch_ms": round(fetch_s * 1000, 3),
        "thanoxy.scan_ms": round(scan_s * 1000, 3),
    }
    if ask.to_ms:
        attributes |= {"thanoxy.from_ms": ask.from_ms, "thanoxy.to_ms": ask.to_ms}
    return attributes
