"""Times and durations as Thanos Query reads them (`pkg/api/query/v1.go`, parseTime, parseDuration).

Each parser answers None for everything that it does not understand *exactly* as Thanos does, whole
milliseconds included. None means: let Thanos read it. So a parser here may be stricter than
Thanos, never different.
"""

from __future__ import annotations

import datetime as dt
import math
import re

_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})", re.ASCII
)
_DURATION = re.compile(
    "".join(rf"(?:(\d{{1,15}}){unit})?" for unit in ("y", "w", "d", "h", "m", "s", "ms")), re.ASCII
)
"""Longer numbers are left to Thanos: Python refuses to read very long ones."""
_UNITS_MS = (31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1_000, 1)

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND_DIGITS = 3
_MOST_SECONDS = 1e11
"""Times beyond some three thousand years are left to Thanos: float seconds lose milliseconds."""


def parse_time_ms(text: str) -> int | None:
    """A Unix time in seconds or RFC 3339 text as milliseconds; None when Thanos must read it."""
    if _DECIMAL.fullmatch(text):
        return _float_time_ms(float(text))
    if match := _RFC3339.fullmatch(text):
        return _rfc3339_ms(*match.groups())
    return None


def _float_time_ms(seconds: float) -> int | None:
    """The same float steps as Go's, so that rounding falls the same way."""
    if not abs(seconds) < _MOST_SECONDS:
        return None
    fraction, whole = math.modf(seconds)
    rounded = math.copysign(math.floor(abs(fraction * 1000) + 0.5), fraction) / 1000
    return (int(whole) * 1_000_000_000 + int(rounded * 1e9)) // 1_000_000


def _rfc3339_ms(whole: str, fraction: str | None, zone: str) -> int | None:
    digits = (fraction or "").rstrip("0")
    if len(digits) > _MILLISECOND_DIGITS or whole[17:19] == "60":
        return None
    try:
        moment = dt.datetime.fromisoformat(whole + zone.replace("Z", "+00:00"))
    except ValueError:
        return None
    seconds = (moment - _EPOCH) // dt.timedelta(seconds=1)
    return seconds * 1000 + int(digits.ljust(3, "0"))


def parse_duration_ms(text: str) -> int | None:
    """Seconds or a Prometheus duration such as `1h30m`; None when Thanos must read it."""
    if _DECIMAL.fullmatch(text):
        nanoseconds = float(text) * 1e9
        if not abs(nanoseconds) < 2**62:
            return None
        milliseconds, rest = divmod(int(nanoseconds), 1_000_000)
        return None if rest else milliseconds
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        return None
    total = sum(int(n) * unit for n, unit in zip(match.groups(), _UNITS_MS, strict=True) if n)
    return total if total < 2**42 else None


def format_time(time_ms: int) -> str:
    """Unix seconds that Thanos reads back as exactly these milliseconds."""
    sign = "-" if time_ms < 0 else ""
    seconds, fraction = divmod(abs(time_ms), 1000)
    return f"{sign}{seconds}.{fraction:03d}" if fraction else f"{sign}{seconds}"


def format_step(step_ms: int) -> str:
    """A duration that Thanos reads back exactly; float seconds would lose odd milliseconds."""
    return f"{step_ms}ms" if step_ms % 1000 else f"{step_ms // 1000}"
