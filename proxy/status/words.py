"""Numbers and names as people read them in a sentence. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))
_LONGEST_QUOTE = 120
_MOST_NAMED = 3


def span(time_ms: float) -> str:
    """A length of time: `340 ms`, `2.5 s`, `3 h`."""
    for unit_ms, name in _UNITS:
        if abs(time_ms) >= unit_ms:
            return (
                f"{time_ms / unit_ms:.2g} {name}"
                if time_ms < 10 * unit_ms
                else f"{time_ms / unit_ms:.0f} {name}"
            )
    return f"{time_ms:.0f} ms"


def moment(time_ms: int) -> str:
    """A moment, to the minute: `2026-01-31 07:05 UTC`."""
    try:
        return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, ValueError, OSError):
        return "another age"


def size(size_bytes: float) -> str:
    """Bytes: `512 B`, `1.5 MiB`."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:.3g} {name}"
    return f"{size_bytes:.0f} B"


def percent(share: float) -> str:
    """A share between 0 and 1: `7 %`."""
    return f"{share * 100:.0f} %"


def quote(text: str, most: int = _LONGEST_QUOTE) -> str:
    """One line of it, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def count(number: int, one: str, more: str = "") -> str:
    """`1 address`, `3 addresses`."""
    return f"{number} {one if number == 1 else more or one + 's'}"


def names(found: Sequence[str]) -> str:
    """The first few of them, and how many more there are."""
    rest = len(found) - _MOST_NAMED
    shown = ", ".join(found[:_MOST_NAMED])
    return f"{shown} and {rest} more" if rest > 0 else shown
