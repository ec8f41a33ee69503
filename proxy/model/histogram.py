"""A native histogram at one time, as Prometheus's TSDB and remote read know it."""

from __future__ import annotations

from dataclasses import dataclass

CUSTOM_BUCKETS_SCHEMA = -53
"""The schema of histograms with bounds of their own (`custom_values`)."""


@dataclass(frozen=True, slots=True)
class Span:
    """`length` neighbouring buckets, `offset` after the ones before."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class HistogramSample:
    """Absolute counts: of an integer histogram ints, of a float histogram floats.

    sum: a float; its bits matter (a stale marker is a NaN of a certain kind).
    reset_hint: 0 unknown, 1 yes, 2 no, 3 gauge (`prometheus.Histogram.ResetHint`).
    """

    time_ms: int
    is_float: bool
    schema: int
    zero_threshold: float
    zero_count: int | float
    count: int | float
    sum: float
    positive_spans: tuple[Span, ...]
    negative_spans: tuple[Span, ...]
    positive_buckets: tuple[int | float, ...]
    negative_buckets: tuple[int | float, ...]
    custom_values: tuple[float, ...]
    reset_hint: int
