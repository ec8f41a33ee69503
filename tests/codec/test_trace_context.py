"""The headers by which traces travel on."""

from __future__ import annotations

import pytest

from proxy.codec.trace_context import (
    TraceContext,
    parse_traceparent,
    sampled_trace_id,
    traceparent,
)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("text", "is_sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f" 00-{TRACE}-{SPAN}-03 ", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-02", False),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", True),
    ],
)
def test_a_context_is_read(text: str, is_sampled: bool) -> None:
    assert parse_traceparent(text) == TraceContext(TRACE, SPAN, is_sampled)
    assert sampled_trace_id(text) == (TRACE if is_sampled else "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00-4bf9-00f0-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0x",
        f"00-{'٣' * 32}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n00",
    ],
)
def test_what_is_no_context_is_none(text: str) -> None:
    assert parse_traceparent(text) is None
    assert sampled_trace_id(text) == ""


def test_what_is_written_is_read() -> None:
    assert parse_traceparent(traceparent(TRACE, SPAN)) == TraceContext(TRACE, SPAN, True)
