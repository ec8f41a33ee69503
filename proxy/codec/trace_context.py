"""The headers by which traces travel on (W3C Trace Context). Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
_FIELDS = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_SAMPLED = 1


class TraceContext(NamedTuple):
    """The span on whose behalf something is asked; ids in lower-case hex."""

    trace_id: str
    span_id: str
    is_sampled: bool


def parse_traceparent(text: str) -> TraceContext | None:
    """None for what is no such header, or none that may be continued."""
    match = _FIELDS.fullmatch(text.strip())
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


def sampled_trace_id(text: str) -> str:
    """The trace that a header says to be recorded; "" for none."""
    found = parse_traceparent(text)
    return found.trace_id if found is not None and found.is_sampled else ""


def traceparent(trace_id: str, span_id: str) -> str:
    """The header of what is asked within a span that is recorded."""
    return f"00-{trace_id}-{span_id}-01"
