"""Numbers as people read them. What cannot be told is a dash, whatever it is."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

NOTHING = "\u2013"
"""A dash."""
TIMES = "\u00d7"
_SECOND_MS = 1000
_MINUTE_MS = 60_000
_HOUR_MS = 3_600_000
_DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HUGE = 1e15
_FARTHEST_MS = 250_000_000_000_000
"""Years 1 to 9,892: what lies beyond is how stores say "no bound"."""


def number(value: float | None) -> str:
    """Three digits that count, or all before the point."""
    if value is None or not math.isfinite(value):
        return NOTHING
    size = abs(value)
    if size >= _HUGE:
        return f"{value:.3g}"
    digits = 0 if size >= 100 or value == int(value) else 1 if size >= 10 else 2  # noqa: PLR2004
    return f"{value:,.{digits}f}"


def share(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return NOTHING
    percent = value * 100
    return f"{percent:.0f} %" if percent in {0, 100} else f"{percent:.1f} %"


def duration(ms: float | None) -> str:
    """Two units at most."""
    if ms is None or not math.isfinite(ms):
        return NOTHING
    return f"-{_length(-ms)}" if ms < 0 else _length(ms)


def _length(ms: float) -> str:
    if ms >= _HUGE:
        return f"{ms:.3g} ms"
    if ms < _SECOND_MS:
        return f"{ms:.0f} ms" if ms >= 10 or ms == int(ms) else f"{ms:.1f} ms"  # noqa: PLR2004
    if ms < _MINUTE_MS:
        return f"{ms / _SECOND_MS:.1f} s"
    return _long(int(ms))


def _long(ms: int) -> str:
    if ms < _HOUR_MS:
        return _pair(ms, _MINUTE_MS, "min", _SECOND_MS, "s")
    if ms < _DAY_MS:
        return _pair(ms, _HOUR_MS, "h", _MINUTE_MS, "min")
    return _pair(ms, _DAY_MS, "d", _HOUR_MS, "h")


def _pair(ms: int, large_ms: int, large: str, small_ms: int, small: str) -> str:
    rest = ms % large_ms // small_ms
    return f"{ms // large_ms:,} {large}" + (f" {rest} {small}" if rest else "")


def step(ms: int) -> str:
    """A step or a split as PromQL writes it."""
    for unit_ms, name in ((_DAY_MS, "d"), (_HOUR_MS, "h"), (_MINUTE_MS, "m"), (_SECOND_MS, "s")):
        if ms and ms % unit_ms == 0:
            return f"{ms // unit_ms}{name}"
    return f"{ms}ms" if ms else NOTHING


def data(length_bytes: float | None) -> str:
    if length_bytes is None or not math.isfinite(length_bytes):
        return NOTHING
    value = float(length_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:  # noqa: PLR2004  where the next unit begins
            return f"{value:.0f} {unit}" if unit == "B" else f"{number(value)} {unit}"
        value /= 1024
    return f"{number(value)} TiB"


def moment(at_ms: int | None) -> str:
    """A time in UTC, to the second."""
    found = _when(at_ms)
    return found.strftime("%Y-%m-%d %H:%M:%S") if found else NOTHING


def clock(at_ms: int | None) -> str:
    """The time of day in UTC."""
    found = _when(at_ms)
    return found.strftime("%H:%M:%S") if found else NOTHING


def day_and_time(at_ms: int | None) -> str:
    found = _when(at_ms)
    return found.strftime("%d %b %H:%M") if found else NOTHING


def iso(at_ms: int | None) -> str:
    """For the `datetime` of a `<time>`; empty where it is none."""
    found = _when(at_ms)
    return found.strftime("%Y-%m-%dT%H:%M:%SZ") if found else ""


def _when(at_ms: int | None) -> datetime | None:
    if at_ms is None or not 0 < at_ms < _FARTHEST_MS:
        return None
    return _EPOCH + timedelta(milliseconds=at_ms)
