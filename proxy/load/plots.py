"""The plots of a run: latency over time, percentile curve, requests and errors over time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from proxy.load.svg import Axis, Bar, Line, Scale, bar_chart, line_chart, value_scale
from proxy.load.units import clock, count, duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.load.histogram import Histogram
    from proxy.load.tally import Slice, Tally

COLOURS = ("c0", "c1", "c2", "c3")
_LATENCY_PERCENTILES = (50.0, 99.0)
_CURVE_PERCENTS = (0.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 99.999)
_CURVE_POINTS = 160
_TIME_TICKS = 8


def colour(number: int) -> str:
    """The class of a target's line; those beyond the colours are dashed."""
    dashed = " dashed" if number >= len(COLOURS) else ""
    return COLOURS[number % len(COLOURS)] + dashed


def latency_scale(tallies: Sequence[Tally]) -> Scale:
    """One scale for the latencies over time of all targets, so that they can be compared."""
    slices = [bucket.latency for tally in tallies for bucket in tally.buckets]
    values = [h.percentile(q) for h in slices if h.total for q in _LATENCY_PERCENTILES]
    return value_scale(values)


def latency_chart(tally: Tally, scale: Scale, ran_ms: float, label: str) -> str:
    """p50 and p99 of what was planned in each piece of time."""
    lines = []
    for percent, css in zip(_LATENCY_PERCENTILES, COLOURS, strict=False):
        known = [
            (_middle_s(tally, number), bucket.latency.percentile(percent))
            for number, bucket in enumerate(tally.buckets)
            if bucket.latency.total
        ]
        points = [(at, ms, f"{clock(at)}  p{percent:g} {duration(ms)}") for at, ms in known]
        lines.append(Line(css, points))
    return line_chart(lines[::-1], _time_axis(ran_ms), _latency_axis(scale), label)


def requests_chart(tally: Tally, ran_ms: float, label: str) -> str:
    """How many requests were planned in each piece of time, and how many of them failed."""
    most = max((bucket.requests for bucket in tally.buckets), default=1)
    scale = Scale(0.0, most * 1.08)
    ticks = [(value, count(value)) for value in scale.ticks() if value == round(value)]
    bars = [_bar(tally, number, bucket) for number, bucket in enumerate(tally.buckets)]
    return bar_chart(bars, _time_axis(ran_ms), Axis(scale, ticks), label)


def _bar(tally: Tally, number: int, bucket: Slice) -> Bar:
    start_s, width_s = number * tally.bucket_ms / 1000, tally.bucket_ms / 1000
    done = bucket.requests - bucket.failures
    text = f"{clock(start_s)}  {count(done)} answered, {count(bucket.failures)} failed"
    return Bar(start_s, start_s + width_s, (("bad", bucket.failures), ("done", done)), text)


def percentile_chart(histograms: Sequence[Histogram], label: str) -> str:
    """All latencies of each target, the slowest ones drawn out to the right."""
    known = [histogram for histogram in histograms if histogram.total]
    if not known:
        return ""
    deepest = math.log10(max(10, *(histogram.total for histogram in known)))
    x = Axis(
        Scale(0.0, deepest),
        [(place, f"{p:g} %") for p in _CURVE_PERCENTS if (place := _nines(p)) <= deepest],
    )
    curves = [_curve(histogram) for histogram in histograms]
    y = _latency_axis(value_scale([point[1] for curve in curves for point in curve]))
    lines = [
        Line(colour(number), [(place, ms, _curve_text(place, ms)) for place, ms in curve])
        for number, curve in enumerate(curves)
    ]
    return line_chart(lines[::-1], x, y, label)


def _curve(histogram: Histogram) -> list[tuple[float, float]]:
    """Evenly spaced in nines: 0 is the least, 1 is p90, 2 is p99, up to the largest value."""
    if not histogram.total:
        return []
    deepest = math.log10(max(10, histogram.total))
    places = [number * deepest / _CURVE_POINTS for number in range(_CURVE_POINTS)]
    curve = [(place, histogram.percentile(100 * (1 - 10**-place))) for place in places]
    return [*curve, (deepest, histogram.high)]


def _curve_text(place: float, value_ms: float) -> str:
    return f"p{100 * (1 - 10**-place):.4g}  {duration(value_ms)}"


def _nines(percent: float) -> float:
    return -math.log10(1 - percent / 100)


def _middle_s(tally: Tally, number: int) -> float:
    return (number + 0.5) * tally.bucket_ms / 1000


def _time_axis(ran_ms: float) -> Axis:
    scale = Scale(0.0, max(1.0, math.ceil(ran_ms / 1000)))
    return Axis(scale, [(value, clock(value)) for value in _time_ticks(scale.high)])


def _time_ticks(most_s: float) -> list[float]:
    """Steps that a clock has: 1, 2, 5, 10, 15, 30 seconds, minutes, hours."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 86_400)
    step = next((s for s in steps if most_s / s <= _TIME_TICKS), steps[-1])
    return [float(value) for value in range(0, int(most_s) + 1, step)]


def _latency_axis(scale: Scale) -> Axis:
    return Axis(scale, [(value, duration(value)) for value in scale.ticks()])
