"""Spans as a collector reads them: OTLP in its JSON form (opentelemetry-proto, `trace/v1`). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from proxy.codec.valid_text import valid_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Value = str | int | float | bool
INTERNAL, SERVER, CLIENT = 1, 2, 3
"""Kinds of span: done here, asked of here, asked by here."""
_SCOPE = "thanoxy"
_ERROR = {"code": 2}


class Span(NamedTuple):
    """A piece of work. Ids in hex, "" for no parent; times in nanoseconds since the epoch.

    error: what went wrong; None when nothing did.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Value]
    error: str | None = None
    state: str = ""


def encode_spans(resource: Mapping[str, Value], version: str, spans: Iterable[Span]) -> bytes:
    """The body of a request to a collector; resource: what all spans are of."""
    scope = {"name": _SCOPE, "version": version}
    told = [{"scope": scope, "spans": [_span(one) for one in spans]}]
    whole = {"resource": {"attributes": _attributes(resource)}, "scopeSpans": told}
    return orjson.dumps({"resourceSpans": [whole]})


def _span(one: Span) -> dict[str, object]:
    """64-bit numbers are texts, as in all JSON of protobuf."""
    told: dict[str, object] = {
        "traceId": one.trace_id,
        "spanId": one.span_id,
        "name": one.name,
        "kind": one.kind,
        "startTimeUnixNano": str(one.start_ns),
        "endTimeUnixNano": str(one.end_ns),
        "attributes": _attributes(one.attributes),
    }
    if one.parent_id:
        told["parentSpanId"] = one.parent_id
    if one.state:
        told["traceState"] = valid_text(one.state)
    if one.error is not None:
        told["status"] = {**_ERROR, "message": valid_text(one.error)}
    return told


def _attributes(pairs: Mapping[str, Value]) -> list[dict[str, object]]:
    """An empty text says nothing, and is left out."""
    return [{"key": key, "value": _value(value)} for key, value in pairs.items() if value != ""]


def _value(value: Value) -> dict[str, object]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": valid_text(value)}


def rejected_spans(answer: bytes) -> int:
    """How many spans a collector did not take although it took the request."""
    try:
        found = orjson.loads(answer)["partialSuccess"]["rejectedSpans"]
        return max(0, int(found))
    except (ValueError, KeyError, TypeError):
        return 0
