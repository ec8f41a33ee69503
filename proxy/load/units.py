"""Numbers as people read them."""

from __future__ import annotations

_SIZES = ("B", "KB", "MB", "GB", "TB")


def duration(value_ms: float) -> str:
    """Three digits and a unit: `1.23 ms`, `45.6 s`; a long time as `2:05 min`."""
    if value_ms < 1:
        return f"{value_ms * 1000:.0f} µs"
    if value_ms < 999.5:
        return f"{_three(value_ms)} ms"
    if value_ms < 99_950:
        return f"{_three(value_ms / 1000)} s"
    return f"{clock(value_ms / 1000)} min"


def size(value_bytes: float) -> str:
    """`46.1 MB`; a kilobyte is 1,000 bytes."""
    for unit in _SIZES[:-1]:
        if value_bytes < 999.5:
            return f"{value_bytes:.0f} B" if unit == "B" else f"{_three(value_bytes)} {unit}"
        value_bytes /= 1000
    return f"{_three(value_bytes)} {_SIZES[-1]}"


def count(value: float) -> str:
    """A whole number with its thousands apart."""
    return f"{round(value):,}"


def rate(value: float) -> str:
    """Something a second."""
    return f"{_three(value)} /s" if value < 999.5 else f"{count(value)} /s"


def share(value: float) -> str:
    """`0.986` as `98.6 %`."""
    return f"{value * 100:.3g} %" if abs(value) < 1 else f"{value * 100:.0f} %"


def clock(value_s: float) -> str:
    """Minutes and seconds, with hours where there are any."""
    minutes, seconds = divmod(round(value_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _three(value: float) -> str:
    if value < 9.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
