"""Percentiles are values that were measured."""

from __future__ import annotations

import math

import pytest

from benchmarks.quantiles import median, percentile, three_digits


def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed() -> None:
    values = [float(number) for number in range(200, 0, -1)]
    assert percentile(values, 99) == 198
    assert percentile(values, 100) == 200
    assert percentile(values, 0) == 1


def test_of_few_values_the_p99_is_the_largest() -> None:
    assert percentile([3, 1, 2], 99) == 3


def test_the_median_of_an_odd_number_is_the_middle_one() -> None:
    assert median([9, 1, 5]) == 5


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.500"),
        (0.99951, "1.00"),
        (5.123, "5.12"),
        (9.996, "10.0"),
        (51.23, "51.2"),
        (99.96, "100"),
        (1234.5, "1,234"),
        (-3.21, "-3.21"),
        (math.nan, ""),
    ],
)
def test_a_number_is_written_with_three_digits(value: float, text: str) -> None:
    assert three_digits(value) == text
