"""Times, durations and tables as people read them in a terminal. Pure."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms"))
_SECOND_MS = 1_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_PARTS_OF_AN_AGE = 2


def lasting(time_ms: int) -> str:
    """A duration, exactly: `1h30m`, `90ms`, `0s`."""
    return "".join(_parts(time_ms)) or "0s"


def about(time_ms: int) -> str:
    """A duration as its two largest units, from a second on without milliseconds."""
    if time_ms >= _SECOND_MS:
        time_ms -= time_ms % _SECOND_MS
    return "".join(_parts(time_ms)[:_PARTS_OF_AN_AGE]) or "0s"


def moment(time_ms: int) -> str:
    """A time in UTC, with milliseconds only where it has any; as a number beyond all calendars."""
    try:
        at = _EPOCH + dt.timedelta(milliseconds=time_ms)
    except OverflowError:
        return f"{time_ms}ms"
    precision = "milliseconds" if time_ms % _SECOND_MS else "seconds"
    return at.isoformat(timespec=precision).replace("+00:00", "Z")


def printable(text: str) -> str:
    """Without anything that a terminal would obey: such characters are written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def count(number: int, one: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows with their columns below each other, set in by two blanks; the last one is left ragged."""
    columns = max((len(row) for row in rows), default=0)
    widths = [max(len(row[at]) for row in rows if len(row) > at) for at in range(columns)]
    return [
        "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    ]


def _parts(time_ms: int) -> list[str]:
    sign = "-" if time_ms < 0 else ""
    left = abs(time_ms)
    parts = []
    for size, name in _UNITS:
        number, left = divmod(left, size)
        if number:
            parts.append(f"{sign}{number}{name}")
            sign = ""
    return parts
