"""Spans as a collector reads them."""

from __future__ import annotations

import orjson
import pytest

from proxy.codec.otlp import CLIENT, SERVER, Span, Value, encode_spans, rejected_spans

ROOT = Span("a" * 32, "b" * 16, "", "query", SERVER, 1_000_000_000, 2_000_000_000, {})


def told(*spans: Span) -> list[dict[str, object]]:
    document = orjson.loads(encode_spans({"service.name": "thanoxy"}, "1.2", spans))
    (resource,) = document["resourceSpans"]
    service = {"key": "service.name", "value": {"stringValue": "thanoxy"}}
    assert resource["resource"] == {"attributes": [service]}
    (scope,) = resource["scopeSpans"]
    assert scope["scope"] == {"name": "thanoxy", "version": "1.2"}
    found: list[dict[str, object]] = scope["spans"]
    return found


def test_ids_are_hex_and_large_numbers_are_texts() -> None:
    child = ROOT._replace(parent_id="b" * 16, span_id="c" * 16, kind=CLIENT, state="k=v")
    assert told(ROOT, child) == [
        {
            "traceId": "a" * 32,
            "spanId": "b" * 16,
            "name": "query",
            "kind": 2,
            "startTimeUnixNano": "1000000000",
            "endTimeUnixNano": "2000000000",
            "attributes": [],
        },
        {
            "traceId": "a" * 32,
            "spanId": "c" * 16,
            "parentSpanId": "b" * 16,
            "traceState": "k=v",
            "name": "query",
            "kind": 3,
            "startTimeUnixNano": "1000000000",
            "endTimeUnixNano": "2000000000",
            "attributes": [],
        },
    ]


def test_attributes_keep_their_types_and_an_empty_text_is_left_out() -> None:
    attributes: dict[str, Value] = {"text": "a", "none": "", "zero": 0, "half": 0.5, "yes": True}
    (one,) = told(ROOT._replace(attributes=attributes))
    assert one["attributes"] == [
        {"key": "text", "value": {"stringValue": "a"}},
        {"key": "zero", "value": {"intValue": "0"}},
        {"key": "half", "value": {"doubleValue": 0.5}},
        {"key": "yes", "value": {"boolValue": True}},
    ]


def test_what_went_wrong_is_a_status_even_without_a_word() -> None:
    loud, mute = told(ROOT._replace(error="it broke"), ROOT._replace(error=""))
    assert loud["status"] == {"code": 2, "message": "it broke"}
    assert mute["status"] == {"code": 2, "message": ""}


def test_text_that_is_no_utf_8_does_no_harm() -> None:
    odd = ROOT._replace(attributes={"expr": "é\udcff\n"}, error="\ud800", state="\udcfe")
    (one,) = told(odd)
    assert one["attributes"] == [{"key": "expr", "value": {"stringValue": "é?\n"}}]


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        (b'{"partialSuccess":{"rejectedSpans":"7"}}', 7),
        (b'{"partialSuccess":{"rejectedSpans":7}}', 7),
        (b'{"partialSuccess":{}}', 0),
        (b'{"partialSuccess":{"rejectedSpans":-1}}', 0),
        (b'{"partialSuccess":{"rejectedSpans":[]}}', 0),
        (b"{}", 0),
        (b"[]", 0),
        (b"", 0),
        (b"\xff", 0),
    ],
)
def test_what_a_collector_rejected_is_read(answer: bytes, count: int) -> None:
    assert rejected_spans(answer) == count
