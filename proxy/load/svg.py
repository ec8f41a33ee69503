"""Plots as SVG text: lines and stacked bars over two axes. Colours come from the page's classes.

Every text that is given is escaped here. Numbers are written with one decimal: plots are some 760
units wide, and a report should stay small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 760, 240
LEFT, RIGHT, TOP, BOTTOM = 66, 14, 12, 30
_TICKS = 5
_FEW_DECADES = 2.5
_WIDE_RATIO = 30
_LEAST_WITH_GAP = 4.0
_MOST_DOTS = 60
"""A line of more points is drawn without dots; they still show when pointed at."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Values → 0 to 1. A logarithmic scale needs `low` above 0."""

    low: float
    high: float
    is_log: bool = False

    def at(self, value: float) -> float:
        """Where a value lies; what is outside lies on the border."""
        low, high, value = self.low, self.high, max(self.low, value)
        if self.is_log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return min(1.0, (value - low) / (high - low)) if high > low else 0.0

    def ticks(self) -> list[float]:
        """Round values on the scale, about five."""
        return _log_ticks(self.low, self.high) if self.is_log else _ticks(self.low, self.high)


def _ticks(low: float, high: float) -> list[float]:
    if high <= low:
        return [low]
    size = 10 ** math.floor(math.log10((high - low) / _TICKS))
    step = next(size * m for m in (1, 2, 5, 10) if (high - low) / (size * m) <= _TICKS + 0.5)
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    factors = (1, 2, 5) if math.log10(high / low) < _FEW_DECADES else (1,)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [f * 10.0**d for d in decades for f in factors if low <= f * 10.0**d <= high]


def value_scale(values: Sequence[float]) -> Scale:
    """For positive values: from 0, or logarithmic where the largest would hide the others."""
    least, most = min(values, default=0.0), max(values, default=1.0)
    if least > 0 and most / least > _WIDE_RATIO:
        return Scale(least / 1.2, most * 1.2, is_log=True)
    return Scale(0.0, most * 1.08 or 1.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale with what is written beside it: values and their texts."""

    scale: Scale
    ticks: Sequence[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Line:
    """Points in order, each with its tooltip. `css` is a class of the page."""

    css: str
    points: Sequence[tuple[float, float, str]]


def line_chart(lines: Sequence[Line], x: Axis, y: Axis, label: str) -> str:
    """All lines over one another, the first at the back."""
    parts = _frame(x, y)
    for line in lines:
        places = [(f"{_x(x, left):.1f}", f"{_y(y, value):.1f}") for left, value, _ in line.points]
        steps = "L".join(f"{left} {top}" for left, top in places)
        parts.append(f'<path class="line {line.css}" d="M{steps}"/>' if steps else "")
        kind = "dot" if len(places) <= _MOST_DOTS else "spot"
        parts += [
            f'<circle class="{kind} {line.css}" cx="{left}" cy="{top}" r="3.5">'
            f"<title>{escape(point[2])}</title></circle>"
            for (left, top), point in zip(places, line.points, strict=True)
        ]
    return _svg(parts, label)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar from `start` to `end`; `parts` are stacked: class and height each."""

    start: float
    end: float
    parts: Sequence[tuple[str, float]]
    text: str


def bar_chart(bars: Sequence[Bar], x: Axis, y: Axis, label: str) -> str:
    """Stacked bars."""
    parts = _frame(x, y)
    for bar in bars:
        left, right = _x(x, bar.start), _x(x, bar.end)
        gap = 1.0 if right - left > _LEAST_WITH_GAP else 0.0
        base, drawn = 0.0, ""
        for css, height in bar.parts:
            bottom, top = _y(y, base), _y(y, base + height)
            base += height
            if height:
                drawn += (
                    f'<rect class="{css}" x="{left:.1f}" y="{top:.1f}"'
                    f' width="{max(0.5, right - left - gap):.1f}" height="{bottom - top:.1f}"/>'
                )
        parts.append(f"<g><title>{escape(bar.text)}</title>{drawn}</g>")
    return _svg(parts, label)


def _x(axis: Axis, value: float) -> float:
    return LEFT + axis.scale.at(value) * (WIDTH - LEFT - RIGHT)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.scale.at(value) * (HEIGHT - TOP - BOTTOM)


def _frame(x: Axis, y: Axis) -> list[str]:
    parts = []
    for value, text in y.ticks:
        place = _y(y, value)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place:.1f}" y2="{place:.1f}"/>'
            f'<text class="tick" x="{LEFT - 8}" y="{place + 4:.1f}" text-anchor="end">'
            f"{escape(text)}</text>"
        )
    for value, text in x.ticks:
        place = _x(x, value)
        parts.append(
            f'<text class="tick" x="{place:.1f}" y="{HEIGHT - 10}" text-anchor="middle">'
            f"{escape(text)}</text>"
        )
    bottom = HEIGHT - BOTTOM
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}"/>')
    return parts


def _svg(parts: Sequence[str], label: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        + "".join(parts)
        + "</svg>"
    )
