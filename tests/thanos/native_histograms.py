"""Native histograms: integer, float, both signs, custom bounds, taking turns with floats."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tests.thanos.series import (
    METRIC_NAME,
    STALE_MARKER,
    Buckets,
    NativeHistogram,
    RawSeries,
    float_series,
    histogram_series,
)
from tests.thanos.timeline import HOUR_MS, Timeline, Times, gauge, inside, without

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CUSTOM_BUCKETS_SCHEMA = -53


def native_histogram_families(timeline: Timeline) -> Iterator[RawSeries]:
    """All families with native histograms."""
    yield from request_sizes(timeline)
    yield from temperature_changes(timeline)
    yield from custom_bounds(timeline)
    yield from short_life(timeline)
    yield from turning_native(timeline)


def request_sizes(timeline: Timeline) -> Iterator[RawSeries]:
    """Integer counters that restart, with a gap; the layout of the buckets changes midway."""
    for number, instance in enumerate(("10.0.0.1:9090", "10.0.0.2:9090")):
        times = without(timeline.scrapes(offset_ms=number * 900), [timeline.window(0.4, HOUR_MS)])
        counts = growing_counts(timeline, f"sizes {number}", times, buckets=5)
        restart = int(len(times) * (0.55 + number / 10))
        counts[restart:] -= counts[restart - 1]
        histograms = [
            NativeHistogram(
                time_ms,
                sum=float(row @ (1, 2, 4, 8, 16)),
                schema=1 if fraction < 0.75 else 0,
                positive=Buckets(((-1, 2), (3, 3)), tuple(row)),
                zero_count=float(row[0]),
            )
            for time_ms, row, fraction in rows(times, counts)
        ]
        labels = {METRIC_NAME: "native_request_bytes", "job": "api", "instance": instance}
        yield histogram_series(labels, histograms)


def temperature_changes(timeline: Timeline) -> Iterator[RawSeries]:
    """Float gauge histograms with negative buckets, a zero bucket and empty stretches."""
    times = timeline.scrapes(offset_ms=250)
    counts = timeline.chance("changes").random((len(times), 4)) * 10
    counts[len(times) // 3 : len(times) // 3 + 50] = 0.0
    histograms = [
        NativeHistogram(
            time_ms,
            sum=float(row[2] + row[3] - row[0] - row[1]),
            schema=0,
            positive=Buckets(((0, 2),), tuple(row[2:])),
            negative=Buckets(((0, 1), (2, 1)), tuple(row[:2])),
            zero_count=float(row[0]) / 3,
            zero_threshold=0.001,
            is_float=True,
            is_gauge=True,
        )
        for time_ms, row, _ in rows(times, counts)
    ]
    yield histogram_series({METRIC_NAME: "native_change"}, histograms)


def custom_bounds(timeline: Timeline) -> Iterator[RawSeries]:
    """A classic histogram carried as a native one (schema -53)."""
    times = timeline.scrapes(offset_ms=3_000)
    counts = growing_counts(timeline, "custom", times, buckets=4)
    histograms = [
        NativeHistogram(
            time_ms,
            sum=float(row.sum()) / 7,
            schema=CUSTOM_BUCKETS_SCHEMA,
            positive=Buckets(((0, 4),), tuple(row)),
            zero_threshold=0.0,
            custom_bounds=(0.05, 0.5, 5.0),
        )
        for time_ms, row, _ in rows(times, counts)
    ]
    yield histogram_series({METRIC_NAME: "native_custom"}, histograms)


def short_life(timeline: Timeline) -> Iterator[RawSeries]:
    """Appears, and ends with a stale marker, which in a histogram is its sum."""
    life = timeline.window(0.25, 20 * HOUR_MS)
    every = timeline.scrapes(offset_ms=45_000)
    histograms = simple_histograms(timeline, every[inside(every, [life])])
    last = dataclasses.replace(histograms[-1], sum=STALE_MARKER, positive=Buckets(), zero_count=0.0)
    yield histogram_series({METRIC_NAME: "native_short"}, [*histograms[:-1], last])


def turning_native(timeline: Timeline) -> Iterator[RawSeries]:
    """Floats that become histograms once, and floats and histograms that take turns."""
    once = [(timeline.moment(0.5), timeline.end_ms + 1)]
    by_turns = [timeline.window(n / 10 + 0.03, 3 * HOUR_MS) for n in range(10)]
    for case, windows in (("once", once), ("by turns", by_turns)):
        times = timeline.scrapes(offset_ms=8_000)
        native = inside(times, windows)
        floats = float_series(
            {METRIC_NAME: "turned_native", "case": case},
            times[~native],
            gauge(timeline.chance(f"turned {case}"), times[~native], 5.0, 2.0),
        )
        histograms = simple_histograms(timeline, times[native])
        yield dataclasses.replace(floats, histograms=tuple(histograms))


def simple_histograms(timeline: Timeline, times: Times) -> list[NativeHistogram]:
    """Integer counters with three buckets."""
    counts = growing_counts(timeline, "simple", times, buckets=3)
    return [
        NativeHistogram(
            time_ms,
            sum=float(row.sum()) / 3,
            schema=2,
            positive=Buckets(((-2, 3),), tuple(row)),
        )
        for time_ms, row, _ in rows(times, counts)
    ]


def growing_counts(
    timeline: Timeline, name: str, times: Times, *, buckets: int
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Counts by time and bucket, each bucket growing by itself."""
    grown = timeline.chance(name).poisson(2.0, (len(times), buckets))
    return np.cumsum(grown, axis=0).astype(np.float64)


def rows(
    times: Times, counts: np.ndarray[tuple[int, int], np.dtype[np.float64]]
) -> Sequence[tuple[int, np.ndarray[tuple[int], np.dtype[np.float64]], float]]:
    """Time, counts and fraction of the way, for each row."""
    fractions = np.arange(len(times)) / len(times)
    return list(zip(times.tolist(), counts, fractions.tolist(), strict=True))
