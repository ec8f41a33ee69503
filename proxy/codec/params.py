"""HTTP parameters to query values, read as Go's `net/http` and Thanos Query read them.

What is not understood for certain comes back as None: the request then goes to Thanos as it came,
and Thanos's own answer (mostly an error JSON) goes to the client.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, unquote_plus

from proxy.codec.durations import format_step, format_time, parse_duration_ms, parse_time_ms
from proxy.model.query import Form, RangeQuery, first_value

if TYPE_CHECKING:
    from proxy.model.grid import Grid

MOST_POINTS = 11_000
"""`(end - start) / step` may not exceed this (Thanos `pkg/api/query/v1.go`, queryRange)."""

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_OWN_PARAMETERS = frozenset(("query", "start", "end", "step", "timeout"))


def parse_form(url_query: str, body: bytes = b"") -> Form | None:
    """URL query and urlencoded body as one form, the body first (`http.Request.ParseForm`)."""
    try:
        text = body.decode("ascii") if body else ""
    except UnicodeDecodeError:
        return None
    fields: list[tuple[str, str]] = []
    for source in (text, url_query):
        if not source:
            continue
        if not source.isascii() or ";" in source or (("%" in source) and _BAD_ESCAPE.search(source)):
            return None
        if not _add_fields(fields, source):
            return None
    return tuple(fields)


def _add_fields(fields: list[tuple[str, str]], source: str) -> bool:
    try:
        for field in source.split("&"):
            if field:
                name, _, value = field.partition("=")
                fields.append(
                    (unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict"))
                )
    except UnicodeDecodeError:
        return False
    return True


def parse_range_query(form: Form) -> RangeQuery | None:
    """A range query that may be split; None when Thanos must judge the parameters itself."""
    start_ms = parse_time_ms(first_value(form, "start"))
    end_ms = parse_time_ms(first_value(form, "end"))
    step_ms = parse_duration_ms(first_value(form, "step"))
    if start_ms is None or end_ms is None or not step_ms:
        return None
    if step_ms < 0 or end_ms < start_ms or (end_ms - start_ms) // step_ms > MOST_POINTS:
        return None
    timeout = first_value(form, "timeout")
    if timeout and (parse_duration_ms(timeout) or 0) <= 0:
        return None  # Thanos refuses it, also where everything is kept
    return RangeQuery(
        expr=first_value(form, "query"),
        start_ms=start_ms,
        end_ms=end_ms,
        step_ms=step_ms,
        timeout=timeout,
        form=tuple(field for field in form if field[0] not in _OWN_PARAMETERS),
    )


def encode_range_form(
    query: RangeQuery, expr: str, grid: Grid, seconds_left: float | None = None
) -> bytes:
    """The urlencoded form that asks the upstream for one split of a range query.

    seconds_left: after which nobody waits for the answer; `timeout` says so.
    """
    fields = [
        ("query", expr),
        ("start", format_time(grid.start_ms)),
        ("end", format_time(grid.last_ms)),
        ("step", format_step(grid.step_ms)),
    ]
    if seconds_left is not None:
        fields.append(("timeout", f"{seconds_left:.3f}"))
    elif query.timeout:
        fields.append(("timeout", query.timeout))
    return encode_form((*fields, *query.form))


def encode_form(form: Form) -> bytes:
    return "&".join(f"{quote_plus(n)}={quote_plus(v)}" for n, v in form).encode("ascii")
