"""Grafana's arithmetic; the expected values are those of its own rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.load.intervals import (
    SAFE_STEPS,
    Intervals,
    MinStep,
    View,
    align_ms,
    auto_interval_ms,
    go_duration_text,
    grafana_duration_ms,
    interval_text,
    intervals,
)

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("range_ms", "points", "min_step", "step_ms"),
    [
        (48 * HOUR, 761, MinStep(10 * MINUTE), 10 * MINUTE),
        (48 * HOUR, 761, MinStep(2 * MINUTE), 5 * MINUTE),
        (48 * HOUR, 175, MinStep(2 * MINUTE), 15 * MINUTE),
        (12 * HOUR, 1500, MinStep(), 30 * SECOND),
        (HOUR, 1500, MinStep(), 15 * SECOND),
        (HOUR, 10, MinStep(), 5 * MINUTE),
        (48 * HOUR, 1500, MinStep(factor=10), 20 * MINUTE),
        (30 * DAY, 1500, MinStep(), 30 * MINUTE),
        (48 * HOUR, 1500, MinStep(is_interval=True), 2 * MINUTE),
    ],
)
def test_the_step_is_the_one_that_grafana_computes(
    range_ms: int, points: int, min_step: MinStep, step_ms: int
) -> None:
    assert intervals(View(range_ms, points, 15 * SECOND), min_step).step_ms == step_ms


def test_browser_and_server_round_differently_at_a_limit() -> None:
    view = View(360 * 90 * SECOND, 360, 15 * SECOND)
    assert intervals(view, MinStep()).step_ms == 2 * MINUTE
    assert intervals(view, MinStep(15 * SECOND)).step_ms == MINUTE


def test_the_min_step_is_compared_before_rounding() -> None:
    view = View(40 * 100 * SECOND, 100, 15 * SECOND)
    assert intervals(view, MinStep(35 * SECOND)).step_ms == 30 * SECOND


def test_the_rate_interval_is_at_least_four_scrapes() -> None:
    assert intervals(View(HOUR, 1500, 15 * SECOND), MinStep()).rate_interval_ms == MINUTE
    assert intervals(View(48 * HOUR, 1500, 30 * SECOND), MinStep()).rate_interval_ms == 150 * SECOND


def test_a_min_step_stands_for_the_scrape_interval_in_the_rate_interval() -> None:
    found = intervals(View(HOUR, 1500, 15 * SECOND), MinStep(MINUTE))
    assert found == Intervals(MINUTE, 4 * MINUTE)


def test_a_min_step_of_the_rate_interval_is_the_step_itself() -> None:
    view = View(48 * HOUR, 1500, 30 * SECOND, min_interval_ms=100 * SECOND)
    found = intervals(view, MinStep(is_rate_interval=True))
    assert found == Intervals(150 * SECOND, 150 * SECOND)


@given(st.integers(1, 5 * 365 * DAY), st.integers(1, 100_000), st.integers(SECOND, DAY))
def test_no_view_asks_for_more_than_twice_the_safe_number_of_steps(
    range_ms: int, points: int, scrape_ms: int
) -> None:
    step_ms = intervals(View(range_ms, points, scrape_ms), MinStep()).step_ms
    assert range_ms / step_ms <= SAFE_STEPS * 2


@given(st.integers(-(10**12), 10**13), st.integers(1, 10**7), st.integers(0, 10**7))
def test_aligned_times_stay_on_their_phase_and_move_back_by_less_than_a_step(
    time_ms: int, step_ms: int, phase_ms: int
) -> None:
    aligned = align_ms(time_ms, step_ms, phase_ms)
    assert (aligned - phase_ms) % step_ms == 0
    assert 0 <= time_ms - aligned < step_ms


def test_the_auto_option_of_an_interval_variable_has_a_least_value() -> None:
    assert auto_interval_ms(30 * HOUR, 30, 10 * SECOND) == HOUR
    assert auto_interval_ms(MINUTE, 30, 10 * SECOND) == 10 * SECOND
    assert auto_interval_ms(MINUTE, 0, 10 * SECOND) == MINUTE


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("30s", 30 * SECOND),
        (">10s", 10 * SECOND),
        ("15", 15 * SECOND),
        ("1h30m", 90 * MINUTE),
        ("2M", 60 * DAY),
        ("", None),
        ("0s", None),
        ("-5s", None),
        ("$interval", None),
    ],
)
def test_durations_are_read_as_grafana_writes_them(text: str, milliseconds: int | None) -> None:
    assert grafana_duration_ms(text) == milliseconds


def test_an_interval_is_written_with_its_largest_unit_alone() -> None:
    texts = [interval_text(ms) for ms in (15 * SECOND, 90 * SECOND, HOUR, DAY, 400 * DAY, 20, 0)]
    assert texts == ["15s", "1m", "1h", "1d", "1y", "20ms", "1ms"]


def test_a_rate_interval_is_written_as_go_does() -> None:
    texts = [go_duration_text(ms) for ms in (MINUTE, 75 * SECOND, HOUR, 1_500, 250, 0)]
    assert texts == ["1m0s", "1m15s", "1h0m0s", "1.5s", "250ms", "0s"]
