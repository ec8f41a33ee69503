from __future__ import annotations

import numpy as np
import pytest

from proxy.demo.functions import MATH, bucket_quantile, histogram_quantile, to_scalar, to_vector
from proxy.demo.vectors import Vector

UPPER = np.array([0.1, 1.0, np.inf])
COUNTS = np.array([[10.0], [30.0], [40.0]])
THERE = np.ones((3, 1), dtype=np.bool_)


def quantile(q: float, upper: np.ndarray = UPPER, counts: np.ndarray = COUNTS) -> float:
    with np.errstate(all="ignore"):
        there = np.ones(counts.shape, dtype=np.bool_)
        return float(bucket_quantile(np.array([q]), upper, counts, there)[0])


@pytest.mark.parametrize(
    ("q", "expected"), [(0.125, 0.05), (0.25, 0.1), (0.5, 0.55), (0.75, 1.0), (0.9, 1.0)]
)
def test_a_quantile_is_linear_inside_its_bucket(q: float, expected: float) -> None:
    assert quantile(q) == pytest.approx(expected)


def test_a_histogram_without_infinity_or_observations_has_no_quantile() -> None:
    assert np.isnan(quantile(0.5, UPPER[:2], COUNTS[:2]))
    assert np.isnan(quantile(0.5, UPPER[2:], COUNTS[2:]))
    assert np.isnan(quantile(0.5, UPPER, COUNTS * 0))


def test_counts_that_fall_are_lifted_and_a_negative_first_bucket_is_its_bound() -> None:
    assert quantile(0.5, UPPER, np.array([[10.0], [5.0], [20.0]])) == pytest.approx(0.1)
    assert quantile(0.1, np.array([-1.0, 0.0, np.inf])) == -1.0


def test_series_that_differ_in_le_make_one_histogram() -> None:
    labels = tuple((("__name__", "b"), ("i", "1"), ("le", le)) for le in ("+Inf", "0.1", "1"))
    other = ((("i", "1"),), (("i", "1"), ("le", "x")))
    counts = np.array([[40.0], [10.0], [30.0], [1.0], [1.0]])
    vector = Vector(labels + other, counts, np.ones(counts.shape, dtype=np.bool_))
    found = histogram_quantile(np.array([0.5]), vector)
    assert found.labels == ((("i", "1"),),)
    assert found.values[0, 0] == pytest.approx(0.55)
    assert histogram_quantile(np.array([2.0]), vector).values.tolist() == [[np.inf]]


def test_rounding_goes_up_at_halves() -> None:
    x = np.array([[-1.5, -0.5, 0.5, 1.25]])
    assert MATH["round"](x).tolist() == [[-1.0, 0.0, 1.0, 1.0]]
    assert MATH["round"](x, np.full(4, 0.5)).tolist() == [[-1.5, -0.5, 0.5, 1.5]]


def test_only_a_single_series_makes_a_scalar() -> None:
    one = to_vector(np.array([1.0, 2.0]))
    two = Vector(one.labels * 2, np.ones((2, 2)), np.array([[True, True], [True, False]]))
    assert to_scalar(one).values.tolist() == [1.0, 2.0]
    np.testing.assert_array_equal(to_scalar(two).values, [np.nan, 1.0])
