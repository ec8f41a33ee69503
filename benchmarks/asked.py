"""What is asked of an upstream, read from the bytes that a proxy sends: requests, steps, samples.

A range query asks for so many samples as its selector has series times its grid has steps: what the
upstream must evaluate, however it then packs the answer.
"""

from __future__ import annotations

import math
import re
import urllib.parse
from typing import NamedTuple

from benchmarks.selectors import series_count
from proxy.codec.durations import parse_duration_ms

_HEAD_END = b"\r\n\r\n"
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)


class Request(NamedTuple):
    """One request: the path with its query, and the body (of a chunked one nothing is kept)."""

    target: str
    body: bytes


class RequestReader:
    """Finds the requests in the bytes of one connection, however these are cut."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[Request]:
        """The requests that are complete with these bytes."""
        self._held += data
        found = []
        while (request := self._next()) is not None:
            found.append(request)
        return found

    def _next(self) -> Request | None:
        head, separator, rest = self._held.partition(_HEAD_END)
        if not separator:
            return None
        target = head.partition(b"\r\n")[0].split(b" ")[1].decode("latin-1")
        if _CHUNKED.search(head):
            _, end, after = (b"\r\n" + rest).partition(_LAST_CHUNK)
            if not end:
                return None
            self._held = after
            return Request(target, b"")
        length = _LENGTH.search(head)
        size = int(length[1]) if length else 0
        if len(rest) < size:
            return None
        self._held = rest[size:]
        return Request(target, rest[:size])


def is_counted(target: str) -> bool:
    """Whether a request is of the query API: looks at stores, flags and health are not."""
    path = target.partition("?")[0]
    return path.startswith("/api/v1/") and not path.startswith(("/api/v1/stores", "/api/v1/status"))


def samples_asked(target: str, body: bytes = b"") -> int:
    """Series times steps of a query; 0 for anything else."""
    parts = urllib.parse.urlsplit(target)
    if not parts.path.endswith(("/query_range", "/query")):
        return 0
    form = urllib.parse.parse_qs(parts.query)
    form |= urllib.parse.parse_qs(body.decode("latin-1"))
    series = series_count(form.get("query", [""])[0])
    if parts.path.endswith("/query"):
        return series
    try:
        start_s, end_s = float(form["start"][0]), float(form["end"][0])
        step_ms = _step_ms(form["step"][0])
    except (KeyError, ValueError):
        return 0
    steps = math.floor(round((end_s - start_s) * 1000) / step_ms) + 1
    return series * max(0, steps)


def _step_ms(text: str) -> int:
    try:
        return round(float(text) * 1000)
    except ValueError:
        found = parse_duration_ms(text)
    if not found:
        raise ValueError(text)
    return found
