"""Matchers to a PromQL range selector, and the form of the instant query that reads raw samples."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxy.codec.durations import format_time
from proxy.codec.params import encode_form
from proxy.model.read_query import MatchType

if TYPE_CHECKING:
    from proxy.model.read_query import Matcher, SampleAsk

_OPERATORS = {
    MatchType.EQUAL: "=",
    MatchType.NOT_EQUAL: "!=",
    MatchType.REGEX: "=~",
    MatchType.NOT_REGEX: "!~",
}
_PLAIN_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_ESCAPES = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", 0xFFFD: "\\ufffd"}
"""Prometheus takes the replacement character itself for broken UTF-8 (`promql/parser/lex.go`)."""
_LONGEST_MS = 290 * 365 * 86_400_000
"""Go's `time.Duration` ends a little later."""


def selector_text(matchers: tuple[Matcher, ...]) -> str:
    """`{__name__="up",job=~"a.*"}`; names that need it are quoted (PromQL's UTF-8 syntax)."""
    return "{" + ",".join(map(_matcher_text, matchers)) + "}"


def _matcher_text(matcher: Matcher) -> str:
    name = matcher.name if _PLAIN_NAME.fullmatch(matcher.name) else _quoted(matcher.name)
    return f"{name}{_OPERATORS[matcher.kind]}{_quoted(matcher.value)}"


def _quoted(text: str) -> str:
    return f'"{text.translate(_ESCAPES)}"'


def encode_samples_form(ask: SampleAsk) -> bytes:
    """The form for `/api/v1/query` whose answer holds the samples of `first_ms` to `last_ms`.

    A range selector leaves out its left end (Prometheus 3, `promql/engine.go`), so the range is a
    millisecond longer than the samples are apart.
    """
    range_ms = min(ask.last_ms - ask.first_ms + 1, _LONGEST_MS)
    fields = [
        ("query", f"{selector_text(ask.matchers)}[{range_ms}ms]"),
        ("time", format_time(ask.last_ms)),
        ("dedup", "true"),
        ("partial_response", "true" if ask.partial_response else "false"),
        ("max_source_resolution", f"{ask.max_resolution_ms}ms" if ask.max_resolution_ms else "0s"),
    ]
    return encode_form(tuple(fields))
