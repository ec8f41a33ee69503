"""A native histogram's words mean what they mean to Prometheus."""

from __future__ import annotations

import dataclasses

from proxy.codec._pb import types_pb2
from proxy.codec.histogram_decode import GAUGE, NO_RESET, RESET, UNKNOWN
from proxy.model.histogram import CUSTOM_BUCKETS_SCHEMA, HistogramSample, Span

SAMPLE = HistogramSample(
    time_ms=1,
    is_float=False,
    schema=3,
    zero_threshold=0.001,
    zero_count=2,
    count=7,
    sum=1.5,
    positive_spans=(Span(0, 2), Span(3, 1)),
    negative_spans=(),
    positive_buckets=(1, 3, 1),
    negative_buckets=(),
    custom_values=(),
    reset_hint=UNKNOWN,
)


def test_reset_hints_have_the_numbers_that_travel() -> None:
    hints = types_pb2.Histogram.ResetHint
    named = {name: hints.Value(name) for name in ("UNKNOWN", "YES", "NO", "GAUGE")}
    assert named == {"UNKNOWN": UNKNOWN, "YES": RESET, "NO": NO_RESET, "GAUGE": GAUGE}


def test_histograms_compare_by_what_they_hold() -> None:
    assert dataclasses.replace(SAMPLE) == SAMPLE
    assert len({SAMPLE, dataclasses.replace(SAMPLE), dataclasses.replace(SAMPLE, time_ms=2)}) == 2
    assert dataclasses.replace(SAMPLE, positive_spans=(Span(0, 3),)) != SAMPLE


def test_bounds_of_their_own_have_a_schema_that_no_resolution_has() -> None:
    finest, coarsest = 8, -4
    assert not coarsest <= CUSTOM_BUCKETS_SCHEMA <= finest
    assert CUSTOM_BUCKETS_SCHEMA == -53
