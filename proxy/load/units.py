"""Numbers as people read them."""

from __future__ import annotations

_NEXT_UNIT = 999.5
"""From here on three digits would round to 1000 of the unit."""
_THREE_AND_POINT = 4
_LONG_MS = 99_950
_SIZES = ("B", "KB", "MB", "GB", "TB")


def duration(value_ms: float) -> str:
    """Three digits and a unit: `1.23 ms`, `45.6 s`; a long time as `2:05 min`."""
    if value_ms <= 0:
        return "0"
    if value_ms < 1:
        return f"{value_ms * 1000:.0f} µs"
    if value_ms < _NEXT_UNIT:
        return f"{_three(value_ms)} ms"
    if value_ms < _LONG_MS:
        return f"{_three(value_ms / 1000)} s"
    return f"{clock(value_ms / 1000)} min"


def span(value_ms: int) -> str:
    """A setting as it may be typed: `6h`, `1m30s`, `500ms`."""
    units = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))
    text = ""
    for name, unit_ms in units:
        number, value_ms = divmod(value_ms, unit_ms)
        text += f"{number}{name}" if number else ""
    return text or "0s"


def size(value_bytes: float) -> str:
    """`46.1 MB`; a kilobyte is 1,000 bytes."""
    for unit in _SIZES[:-1]:
        if value_bytes < _NEXT_UNIT:
            return f"{value_bytes:.0f} B" if unit == "B" else f"{_three(value_bytes)} {unit}"
        value_bytes /= 1000
    return f"{_three(value_bytes)} {_SIZES[-1]}"


def count(value: float) -> str:
    """A whole number with its thousands apart."""
    return f"{round(value):,}"


def rate(value: float) -> str:
    """Something a second."""
    return f"{_three(value)} /s" if value < _NEXT_UNIT else f"{count(value)} /s"


def share(value: float) -> str:
    """`0.986` as `98.6 %`."""
    return f"{value * 100:.3g} %" if abs(value) < 1 else f"{value * 100:.0f} %"


def clock(value_s: float) -> str:
    """Minutes and seconds, with hours where there are any."""
    minutes, seconds = divmod(round(value_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _three(value: float) -> str:
    texts = [f"{value:.{digits}f}" for digits in (2, 1, 0)]
    return next((text for text in texts if len(text) <= _THREE_AND_POINT), texts[-1])
