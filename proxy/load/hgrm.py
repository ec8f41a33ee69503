"""A histogram as HdrHistogram's percentile text (`.hgrm`), which its plotting tools read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.load.histogram import PER_DOUBLING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.load.histogram import Histogram

_TICKS_A_HALVING = 5


def hgrm(histogram: Histogram) -> str:
    """The whole file; values keep their unit."""
    lines = [f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}", ""]
    steps = list(histogram.cumulative())
    position = 0
    for share in _shares(histogram.total):
        while steps[position][1] < share * histogram.total:
            position += 1
        value, count = steps[position]
        lines.append(f"{value:12.3f} {share:14.12f} {count:10d} {1 / (1 - share):14.2f}")
    if histogram.total:
        lines.append(f"{histogram.high:12.3f} {1:14.12f} {histogram.total:10d}")
    mean, deviation = histogram.mean, histogram.deviation
    lines += [
        f"#[Mean    = {mean:12.3f}, StdDeviation   = {deviation:12.3f}]",
        f"#[Max     = {histogram.high:12.3f}, Total count    = {histogram.total:12d}]",
        f"#[Buckets = {len(steps):12d}, SubBuckets     = {PER_DOUBLING:12d}]",
        "",
    ]
    return "\n".join(lines)


def _shares(total: int) -> Iterator[float]:
    """0, then closer and closer to 1, until one value is more than the rest."""
    halvings = 0
    while total >> halvings:
        for tick in range(_TICKS_A_HALVING):
            yield 1 - 0.5**halvings * (1 - tick / (2 * _TICKS_A_HALVING))
        halvings += 1
