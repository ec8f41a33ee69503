"""Which requests are traced, and what their questions carry."""

from __future__ import annotations

import re

import pytest

from proxy.api.about import About
from proxy.codec.otlp import CLIENT, SERVER
from proxy.telemetry.book import Book
from proxy.telemetry.record import FETCH, Record
from proxy.telemetry.registry import REGISTRY
from proxy.tracing import tracer as tracer_module
from proxy.tracing.tracer import Tracer

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "k=v"}
UNSAMPLED = {"traceparent": f"00-{TRACE}-{SPAN}-00"}


def watched(share: float = 1.0, heeds_parents: bool = True) -> tuple[Tracer, Book]:
    """A record's source stands for its headers."""
    tracer = Tracer(share, lambda record: record.source, lambda _record: About(), heeds_parents)  # type: ignore[arg-type, return-value]
    book = Book()
    book.watch(tracer)
    return tracer, book


def run(book: Book, headers: dict[str, str], handler: str = "query") -> Record:
    record = book.open(handler, headers)
    record.ask().end()
    record.mark(FETCH)
    book.close(record, 200, None)
    return record


@pytest.mark.parametrize(
    ("share", "heeds_parents", "headers", "is_traced"),
    [
        (1.0, True, {}, True),
        (0.0, True, {}, False),
        (0.0, True, SAMPLED, True),
        (1.0, True, UNSAMPLED, False),
        (0.0, False, SAMPLED, False),
        (1.0, False, UNSAMPLED, True),
        (1.0, True, {"traceparent": "nonsense"}, True),
        (0.0, True, {"X-Thanos-Force-Tracing": "1"}, True),
        (1.0, True, {**UNSAMPLED, "X-Thanos-Force-Tracing": "1"}, True),
    ],
)
def test_the_flag_of_a_trace_decides_or_else_the_share(
    share: float, heeds_parents: bool, headers: dict[str, str], is_traced: bool
) -> None:
    tracer, book = watched(share, heeds_parents)
    record = run(book, headers)
    assert bool(tracer.take(100)) is is_traced
    assert bool(record.trace_id) is is_traced
    assert bool(record.asks[0].headers) is is_traced


def test_a_share_of_requests_is_about_that_share() -> None:
    tracer, book = watched(0.25)
    for _ in range(2_000):
        run(book, {})
    assert 380 < sum(span.kind == SERVER for span in tracer.take(1_000_000)) < 620


def test_a_trace_goes_on_from_who_asks_to_who_is_asked() -> None:
    tracer, book = watched()
    record = run(book, SAMPLED)
    root, fetch, ask = tracer.take(100)
    assert (root.trace_id, root.parent_id, root.state) == (TRACE, SPAN, "k=v")
    assert record.trace_id == TRACE
    assert record.asks[0].headers == (("traceparent", f"00-{TRACE}-{ask.span_id}-01"),)
    assert ask.kind == CLIENT
    assert ask.parent_id == fetch.span_id
    assert len({root.span_id, fetch.span_id, ask.span_id, SPAN}) == 4


def test_a_trace_that_begins_here_has_an_id_of_its_own() -> None:
    tracer, book = watched()
    for _ in range(2):
        run(book, {})
    roots = [span for span in tracer.take(100) if span.kind == SERVER]
    assert all(re.fullmatch("[0-9a-f]{32}", root.trace_id) and not root.parent_id for root in roots)
    assert roots[0].trace_id != roots[1].trace_id


def test_what_is_no_query_is_not_traced() -> None:
    tracer, book = watched()
    for handler in ("healthy", "ready", "metrics", "status"):
        run(book, SAMPLED, handler)
    assert tracer.take(100) == []


def test_a_queue_that_is_full_takes_no_more_and_counts_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracer_module, "_MOST_QUEUED", 7)
    labels = ("thanoxy_traces_dropped_total", {"reason": "queue_full"})
    before = REGISTRY.get_sample_value(*labels) or 0
    tracer, book = watched()
    for _ in range(4):
        run(book, {})
    assert tracer.queued == 6
    assert (REGISTRY.get_sample_value(*labels) or 0) - before == 6
    assert len(tracer.take(100)) == 6
    assert tracer.queued == 0
    run(book, {})
    assert tracer.queued == 3


def test_what_is_taken_at_once_is_bounded() -> None:
    tracer, book = watched()
    for _ in range(10):
        run(book, {})
    assert [len(tracer.take(4)) for _ in range(6)] == [6, 6, 6, 6, 6, 0]


def test_what_is_asked_after_the_end_of_a_request_is_nobodys() -> None:
    tracer, book = watched()
    record = run(book, {})
    assert record.ask().headers == ()
    assert len(tracer.take(100)) == 3
