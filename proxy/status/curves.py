"""Small curves of the last five minutes, as SVG without a style of its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from proxy.status.html import Markup, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SPAN_MS = 300_000
_WIDTH = 160.0
_HEIGHT = 36.0
_MARGIN = 3.0
_GAP_MS = 10_000
"""A longer silence is a hole in the curve and not a straight line."""
_MOST_POINTS = 400

Point = tuple[int, float | None]


def curve(points: Sequence[Point], now_ms: int, most: float | None, label: str) -> Markup:
    """most: the value at the top; None: the largest there is. The label tells it in words."""
    runs = list(_runs(points[-_MOST_POINTS:], now_ms))
    top = most or max((value for run in runs for _, value in run), default=0.0) or 1.0
    drawn = [[(x, _y(value, top)) for x, value in run] for run in runs]
    floor = tag("path", class_="floor", d=f"M0 {_HEIGHT - _MARGIN:g}H{_WIDTH:g}")
    areas = [tag("path", class_="area", d=_area(run)) for run in drawn if len(run) > 1]
    lines = [tag("path", class_="line", d=_line(run)) for run in drawn]
    last = [tag("path", class_="last", d=f"{_line(drawn[-1][-1:])}h0")] if drawn else []
    return tag(
        "svg",
        floor,
        *areas,
        *lines,
        *last,
        class_="curve",
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )


def _runs(points: Iterable[Point], now_ms: int) -> Iterable[list[tuple[float, float]]]:
    """Points that belong together, placed in time."""
    run: list[tuple[float, float]] = []
    before_ms = 0
    for at_ms, value in points:
        is_hole = value is None or not math.isfinite(value)
        if run and (is_hole or at_ms - before_ms > _GAP_MS):
            yield run
            run = []
        x = _WIDTH * (1 - (now_ms - at_ms) / SPAN_MS)
        if value is not None and not is_hole and 0 <= x <= _WIDTH:
            run.append((x, value))
        before_ms = at_ms
    if run:
        yield run


def _y(value: float, top: float) -> float:
    filled = min(max(value / top, 0.0), 1.0)
    return _HEIGHT - _MARGIN - filled * (_HEIGHT - 2 * _MARGIN)


def _line(run: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in run)


def _area(run: Sequence[tuple[float, float]]) -> str:
    floor = _HEIGHT - _MARGIN
    return f"{_line(run)}L{run[-1][0]:.1f} {floor:g}L{run[0][0]:.1f} {floor:g}Z"
