"""Plots as SVG files that stand by themselves: charts of `thanoxy-load` with style, title and key."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from proxy.load.svg import HEIGHT, LEFT, WIDTH, Axis, Line, Scale, line_chart

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.results import Curve

_HEAD = 46
_FOOT = 18
_COLOURS = 4
_STYLE = (
    "svg{font-family:system-ui,-apple-system,Segoe UI,Roboto,sans-serif;color-scheme:light dark}"
    ".paper{fill:#fff}.title{fill:#1b1f24;font-size:15px;font-weight:600}.key{fill:#59636e;font-size:12px}"
    ".grid{stroke:#e3e6e9}.axis{stroke:#59636e}.tick{fill:#59636e;font-size:12px}"
    ".line{fill:none;stroke-width:2;stroke-linejoin:round}"
    ".line.c0{stroke:#2563c9}.line.c1{stroke:#cf5c00}.line.c2{stroke:#0b7f74}.line.c3{stroke:#8446b8}"
    ".dot.c0{fill:#2563c9}.dot.c1{fill:#cf5c00}.dot.c2{fill:#0b7f74}.dot.c3{fill:#8446b8}"
    "@media (prefers-color-scheme:dark){.paper{fill:#1c2025}.title{fill:#e7e9eb}"
    ".key,.tick{fill:#9aa4ae}.grid{stroke:#2e343b}.axis{stroke:#9aa4ae}"
    ".line.c0{stroke:#74abff}.line.c1{stroke:#ffa657}.line.c2{stroke:#4fcbb9}.line.c3{stroke:#cb9ff5}"
    ".dot.c0{fill:#74abff}.dot.c1{fill:#ffa657}.dot.c2{fill:#4fcbb9}.dot.c3{fill:#cb9ff5}}"
)


@dataclass(frozen=True)
class Figure:
    """What a plot shows: both axes are logarithmic, and `y_text` writes a value of the vertical one."""

    title: str
    x_title: str
    y_text: Callable[[float], str]


def figure(shown: Figure, curves: Sequence[Curve]) -> str:
    """The file's text; at most four curves.

    Raises:
        ValueError: none, too many, or a value that has no logarithm.
    """
    xs = [x for curve in curves for x in curve.x]
    ys = [y for curve in curves for y in curve.y]
    if not 0 < len(curves) <= _COLOURS or min(xs + ys) <= 0:
        raise ValueError("a figure shows one to four curves of values above 0")
    x, y = _scale(xs), _scale(ys)
    lines = [
        Line(f"c{number}", [(a, b, f"{a:,.0f}: {shown.y_text(b)}") for a, b in _points(curve)])
        for number, curve in enumerate(curves)
    ]
    chart = line_chart(
        lines[::-1],
        Axis(x, [(value, count_text(value)) for value in x.ticks()]),
        Axis(y, [(value, shown.y_text(value)) for value in y.ticks()]),
        shown.title,
    )
    return _document(shown, [curve.name for curve in curves], chart)


def _points(curve: Curve) -> list[tuple[float, float]]:
    return list(zip(curve.x, curve.y, strict=True))


def _scale(values: Sequence[float]) -> Scale:
    """A little room on both sides; at least a factor of two, so that a constant is a line in it."""
    low, high = min(values) / 1.15, max(values) * 1.15
    middle = (low * high) ** 0.5
    return Scale(min(low, middle / 1.5), max(high, middle * 1.5), is_log=True)


def count_text(value: float) -> str:
    """`1,000`, and from a million on `1 M`."""
    return f"{value / 1e6:g} M" if value >= 1e6 else f"{value:,.0f}"


def _document(shown: Figure, names: Sequence[str], chart: str) -> str:
    height = _HEAD + HEIGHT + _FOOT
    keys, left = [], LEFT
    for number, name in enumerate(names):
        keys.append(
            f'<path class="line c{number}" d="M{left} 36h16"/>'
            f'<text class="key" x="{left + 22}" y="40">{escape(name)}</text>'
        )
        left += 40 + 7 * len(name)
    inner = chart.replace("<svg ", f'<svg y="{_HEAD}" width="{WIDTH}" height="{HEIGHT}" ', 1)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="{escape(shown.title)}">\n<style>{_STYLE}</style>\n'
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="6"/>'
        f'<text class="title" x="{LEFT}" y="20">{escape(shown.title)}</text>{"".join(keys)}\n'
        f"{inner}\n"
        f'<text class="key" x="{WIDTH / 2:g}" y="{height - 10}" text-anchor="middle">'
        f"{escape(shown.x_title)}</text>\n</svg>\n"
    )
