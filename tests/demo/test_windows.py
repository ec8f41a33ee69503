"""Each function against the same rule written as a loop over one window's samples."""

from __future__ import annotations

import math
import statistics
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.demo.selectors import Windows
from proxy.demo.windows import WINDOW_FUNCTIONS, quantile_over_time

if TYPE_CHECKING:
    from collections.abc import Callable

Samples = list[tuple[float, float]]
"""Seconds and value of each sample in one window."""

SAMPLE = st.none() | st.integers(0, 40).map(lambda n: n / 4)


def increase(samples: Samples, end_s: float, range_s: float) -> float:
    """Prometheus's extrapolatedRate for a counter, sample by sample."""
    (first_s, first), (last_s, last) = samples[0], samples[-1]
    grown = last - first
    for (_, before), (_, after) in pairwise(samples):
        grown += before if after < before else 0
    between = (last_s - first_s) / (len(samples) - 1)
    to_start, to_end = first_s - (end_s - range_s), end_s - last_s
    to_start = to_start if to_start < between * 1.1 else between / 2
    if grown > 0:
        to_start = min(to_start, (last_s - first_s) * first / grown)
    to_end = to_end if to_end < between * 1.1 else between / 2
    return grown * (last_s - first_s + to_start + to_end) / (last_s - first_s)


def irate(samples: Samples) -> float:
    (before_s, before), (last_s, last) = samples[-2:]
    return (last if last < before else last - before) / (last_s - before_s)


def of_values(reduce: Callable[[list[float]], float]) -> Callable[..., float]:
    return lambda samples, _end_s, _range_s: reduce([value for _, value in samples])


NAIVE: dict[str, tuple[int, Callable[..., float]]] = {
    "rate": (2, lambda s, end_s, range_s: increase(s, end_s, range_s) / range_s),
    "increase": (2, increase),
    "irate": (2, lambda s, _end_s, _range_s: irate(s)),
    "avg_over_time": (1, of_values(statistics.fmean)),
    "count_over_time": (1, of_values(len)),
    "last_over_time": (1, of_values(lambda v: v[-1])),
    "max_over_time": (1, of_values(max)),
    "min_over_time": (1, of_values(min)),
    "stddev_over_time": (1, of_values(statistics.pstdev)),
    "sum_over_time": (1, of_values(math.fsum)),
}


@pytest.mark.parametrize("name", NAIVE)
@given(
    row=st.lists(SAMPLE, min_size=8, max_size=8),
    end_s=st.lists(st.integers(0, 130), min_size=1, max_size=4).map(sorted),
    range_s=st.integers(1, 100),
)
def test_a_function_equals_its_rule_written_as_a_loop(
    name: str, row: list[float | None], end_s: list[int], range_s: int
) -> None:
    needed, naive = NAIVE[name]
    t_s = np.arange(8) * 15
    first = np.array([int(np.searchsorted(t_s, end - range_s, "right")) for end in end_s])
    stop = np.array([int(np.searchsorted(t_s, end, "right")) for end in end_s])
    values = np.array([[np.nan if v is None else v for v in row]])
    windows = Windows(values, t_s * 1000, first, stop, np.array(end_s) * 1000, range_s * 1000)
    with np.errstate(all="ignore"):
        got, present = WINDOW_FUNCTIONS[name](windows)
    for i, end in enumerate(end_s):
        seen = range(first[i], stop[i])
        samples = [(float(t_s[k]), v) for k in seen if (v := row[k]) is not None]
        assert present[0, i] == (len(samples) >= needed)
        if present[0, i]:
            assert got[0, i] == pytest.approx(naive(samples, end, range_s), abs=1e-9)


@pytest.mark.parametrize(
    ("q", "expected"), [(0.0, 1.0), (0.5, 2.5), (1.0, 4.0), (-1.0, -np.inf), (2.0, np.inf)]
)
def test_a_quantile_lies_between_its_neighbours(q: float, expected: float) -> None:
    column = np.array([0])
    values = np.array([[4.0, np.nan, 2.0, 3.0, 1.0]])
    windows = Windows(values, np.arange(5) * 15_000, column, column + 5, column + 60_000, 75_000)
    got, present = quantile_over_time(q)(windows)
    assert (got.tolist(), present.tolist()) == ([[expected]], [[True]])


def test_a_delta_does_not_take_a_fall_for_a_reset() -> None:
    column = np.array([0])
    windows = Windows(
        np.array([[9.0, 5.0]]),
        np.array([0, 15_000]),
        column,
        column + 2,
        column + 15_000,
        15_001,
    )
    got, _ = WINDOW_FUNCTIONS["delta"](windows)
    assert got[0, 0] == pytest.approx(-4.0, rel=1e-3)
