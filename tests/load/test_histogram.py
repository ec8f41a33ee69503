"""The histogram: better than one percent, whatever is counted."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.load.histogram import LEAST, Histogram

VALUES = st.lists(st.floats(LEAST, 1e9), min_size=1, max_size=200)


def of(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


@given(VALUES, st.floats(0.01, 100))
def test_a_percentile_is_never_too_low_and_less_than_one_percent_too_high(
    values: list[float], percent: float
) -> None:
    rank = max(1, math.ceil(len(values) * percent / 100 - 1e-9))
    exact = sorted(values)[rank - 1]
    assert exact <= of(values).percentile(percent) <= exact * 1.008


@given(VALUES)
def test_the_largest_value_is_exact(values: list[float]) -> None:
    histogram = of(values)
    assert histogram.percentile(100) == histogram.high == max(values)
    assert histogram.low == min(values)


@given(VALUES, VALUES)
def test_merging_counts_what_counting_all_would_have(one: list[float], two: list[float]) -> None:
    merged, both = of(one), of(one + two)
    merged.merge(of(two))
    assert list(merged.cumulative()) == list(both.cumulative())
    assert (merged.total, merged.low, merged.high) == (both.total, both.low, both.high)
    assert merged.mean == pytest.approx(both.mean)


@given(st.lists(st.floats(0.01, 1e4), min_size=2, max_size=100))
def test_mean_and_deviation_are_those_of_the_values(values: list[float]) -> None:
    histogram = of(values)
    assert histogram.mean == pytest.approx(statistics.fmean(values))
    assert histogram.deviation == pytest.approx(statistics.pstdev(values), rel=1e-3, abs=0.05)


def test_an_empty_histogram_is_zero_everywhere() -> None:
    empty = Histogram()
    assert (empty.percentile(99), empty.mean, empty.deviation, empty.high) == (0, 0, 0, 0)


def test_zero_and_less_are_counted_as_the_least() -> None:
    histogram = of([0.0, -5.0])
    assert histogram.total == 2
    assert histogram.percentile(50) == LEAST


def test_values_from_microseconds_to_hours_take_few_buckets() -> None:
    histogram = of([1.05**n * 1e-3 for n in range(460)])
    assert len(list(histogram.cumulative())) <= 460
    assert histogram.percentile(99.9) == pytest.approx(1.05**459 * 1e-3, rel=0.008)
