from __future__ import annotations

import numpy as np
import promql_parser as promql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.demo import selectors
from proxy.demo.series import CATALOGUE
from proxy.demo.vectors import ExecutionError, UnsupportedError
from proxy.demo.windows import sum_over_time
from tests.demo.asking import NOON_S


def count(selector: str) -> int:
    expr = promql.parse(selector)
    assert isinstance(expr, promql.VectorSelector)
    return len(selectors.select(expr))


@pytest.mark.parametrize(
    ("selector", "series"),
    [
        ("up", 12),
        ('{__name__="up"}', 12),
        ('up{service="cart"}', 3),
        ('up{service!="cart"}', 9),
        ('up{service=~"cart|search"}', 6),
        ('up{service=~"car"}', 0),
        ('up{service!~"c.*"}', 6),
        ('up{service=~"(?i)CART"}', 3),
        ('up{nope=""}', 12),
        ('up{nope!=""}', 0),
        ('up{nope=~".*",service="cart",instance=~".*-0:.*"}', 1),
        ("nope", 0),
    ],
)
def test_matchers_select_as_in_prometheus(selector: str, series: int) -> None:
    assert count(selector) == series


@pytest.mark.parametrize("selector", [r'up{service=~"\\pL+"}', '{job="demo" or job="x"}'])
def test_matchers_that_python_cannot_judge_are_refused(selector: str) -> None:
    with pytest.raises(UnsupportedError):
        count(selector)


def test_a_window_is_open_at_its_start_and_closed_at_its_end() -> None:
    first, stop = selectors.window_ticks(np.array([30_000, 30_001, 44_999]), 15_000)
    assert list(zip(first, stop, strict=True)) == [(2, 3), (2, 3), (2, 3)]


@given(
    start_ms=st.integers(-(10**6), 10**13),
    step_ms=st.integers(1, 200_000),
    steps=st.integers(1, 30),
    range_ms=st.integers(1, 200_000),
)
def test_every_window_finds_exactly_its_ticks(
    start_ms: int, step_ms: int, steps: int, range_ms: int
) -> None:
    times_ms = start_ms + step_ms * np.arange(steps)
    first, stop = selectors.window_ticks(times_ms, range_ms)
    ticks, low, high = selectors.gather(first, stop)
    assert len(ticks) >= 1
    for i in range(steps):
        assert ticks[low[i] : high[i]].tolist() == list(range(first[i], stop[i]))


@pytest.mark.parametrize("range_ms", [60_000, 3_600_000])
def test_working_in_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch, range_ms: int) -> None:
    times_ms = NOON_S * 1000 + 300_500 * np.arange(9)
    whole = selectors.over_windows(CATALOGUE, times_ms, range_ms, sum_over_time)
    monkeypatch.setattr(selectors, "BLOCK_SAMPLES", 5_000)
    blocks = selectors.over_windows(CATALOGUE, times_ms, range_ms, sum_over_time)
    np.testing.assert_array_equal(whole, blocks)


def test_work_of_minutes_is_refused() -> None:
    times_ms = NOON_S * 1000 + 60_000 * np.arange(1000)
    with pytest.raises(ExecutionError, match="too many samples"):
        selectors.over_windows(CATALOGUE, times_ms, 30 * 86_400_000, sum_over_time)
