"""The spans of a request, made from its record."""

from __future__ import annotations

from itertools import count

from proxy.api.about import About
from proxy.codec.otlp import CLIENT, INTERNAL, SERVER, Span
from proxy.telemetry.record import ANALYSE, FETCH, SEND, Ask, Record
from proxy.tracing.spans import Ended, Trace, ended, spans_of

MOMENT_NS = 1_700_000_000_000_000_000
TRACE = Trace("a" * 32, "b" * 16, "c" * 16, "k=v")


def record_of(code: int = 200, error: str = "") -> Record:
    record = Record(1, "query_range", None)
    record.began_s, record.took_s, record.code, record.error = 100.0, 4.0, code, error
    record.marks = [(ANALYSE, 101.0), (FETCH, 103.0), (SEND, 104.0)]
    return record


def ask_of(*moments: float, to_ms: int = 0) -> Ask:
    ask = Ask(0, to_ms)
    ask.begun_s, ask.sent_s, ask.arrived_s, ask.done_s = moments
    return ask


def made(one: Ended) -> list[Span]:
    ids = count(1)
    return spans_of(one, lambda: f"{next(ids):016x}")


def test_a_request_has_a_span_for_itself_and_one_for_each_stage() -> None:
    one = ended(record_of(), TRACE, About(expr="up"), MOMENT_NS, [])
    assert one.span_count == 4
    root, *stages = made(one)
    assert root[:5] == ("a" * 32, "b" * 16, "c" * 16, "query_range", SERVER)
    assert (root.start_ns, root.end_ns) == (MOMENT_NS, MOMENT_NS + 4 * 10**9)
    assert (root.state, root.error) == ("k=v", None)
    assert [(s.name, s.kind, s.parent_id) for s in stages] == [
        (name, INTERNAL, "b" * 16) for name in ("analyse", "fetch", "send")
    ]
    assert [(s.start_ns - MOMENT_NS, s.end_ns - MOMENT_NS) for s in stages] == [
        (0, 10**9),
        (10**9, 3 * 10**9),
        (3 * 10**9, 4 * 10**9),
    ]


def test_a_question_stands_below_the_stage_in_which_it_was_asked() -> None:
    within = ask_of(101.5, 101.75, 102.5, 103.5, to_ms=60_000)
    within.url, within.attempts, within.size_bytes = "http://b", 2, 7
    earlier = ask_of(99.0, 99.0, 102.0, 102.5)
    pairs = [("d" * 16, within), ("e" * 16, earlier)]
    spans = made(ended(record_of(), TRACE, About(), MOMENT_NS, pairs))
    fetch = next(span for span in spans if span.name == "fetch")
    split, ask = [span for span in spans if span.kind == CLIENT]
    assert (split.span_id, split.parent_id, split.name) == ("d" * 16, fetch.span_id, "split")
    assert (ask.span_id, ask.parent_id, ask.name) == ("e" * 16, "b" * 16, "ask")
    assert split.start_ns == MOMENT_NS + 1_500_000_000
    assert split.end_ns == MOMENT_NS + 3_500_000_000
    assert split.attributes == {
        "server.address": "http://b",
        "thanoxy.attempts": 2,
        "thanoxy.received_bytes": 7,
        "thanoxy.wait_ms": 250.0,
        "thanoxy.fetch_ms": 750.0,
        "thanoxy.scan_ms": 1000.0,
        "thanoxy.from_ms": 0,
        "thanoxy.to_ms": 60_000,
    }


def test_a_question_that_runs_on_for_others_ends_no_sooner_than_the_request() -> None:
    spans = made(ended(record_of(), TRACE, About(), MOMENT_NS, [("d" * 16, ask_of(102, 0, 0, 0))]))
    assert spans[-1].end_ns >= spans[0].end_ns


def test_a_question_without_an_answer_has_failed() -> None:
    ask = ask_of(102.0, 0.0, 0.0, 0.0)
    ask.end(has_failed=True)
    spans = made(ended(record_of(), TRACE, About(), MOMENT_NS, [("d" * 16, ask)]))
    assert spans[-1].error


def test_who_asked_what_and_what_became_of_it_is_told() -> None:
    record = record_of()
    record.result, record.steps, record.held = "partial", 10, 4
    told = About("up", 1, 2, 3, "team", "ann", "dash", "7", "query=up")
    attributes = made(ended(record, TRACE, told, MOMENT_NS, []))[0].attributes
    expected = {
        "http.route": "query_range",
        "http.response.status_code": 200,
        "thanoxy.expr": "up",
        "thanoxy.tenant": "team",
        "thanoxy.user": "ann",
        "thanoxy.dashboard": "dash",
        "thanoxy.panel": "7",
        "thanoxy.result": "partial",
        "thanoxy.steps": 10,
        "thanoxy.steps_held": 4,
    }
    assert {name: attributes[name] for name in expected} == expected


def test_only_a_fault_of_the_server_is_an_error_of_its_span() -> None:
    refused = made(ended(record_of(422, "no"), TRACE, About(), MOMENT_NS, []))[0]
    broken = made(ended(record_of(503, "x" * 9_999), TRACE, About(), MOMENT_NS, []))[0]
    assert (refused.error, refused.attributes["thanoxy.error"]) == (None, "no")
    assert broken.error == "x" * 500
    assert "thanoxy.error" not in broken.attributes
