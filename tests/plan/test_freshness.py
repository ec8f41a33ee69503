"""Which steps are settled, how long answers live, and which times they have read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.grid import Grid
from proxy.plan.freshness import KeepPolicy, life_ms, reads_span, settled_steps
from proxy.promql.traits import Traits, analyse

POLICY = KeepPolicy(
    freshness_ms=60,
    recent_ms=7200,
    recent_life_ms=600,
    long_life_ms=86_400,
    empty_life_ms=120,
    short_life_ms=10,
    extent_steps=4,
)
GRID = Grid(0, 60_000, 100)
"""One hour and forty minutes, a step a minute."""
HOUR_MS = 3_600_000


def traits(expr: str) -> Traits:
    known = analyse(expr)
    assert known is not None
    return known


def settled(expr: str, younger_than_ms: int) -> int:
    return settled_steps(GRID, traits(expr), younger_than_ms)


@pytest.mark.parametrize(
    ("expr", "younger_than_s", "steps"),
    [
        ("a", 0, 0),
        ("a", 1, 1),
        ("a", 60, 1),
        ("a", 61, 2),
        ("a", 10_000, 100),
        ("rate(a[5m])", 601, 11),
        ("a offset 10m", 601, 11),
        ("a offset -5m", 601, 6),
        ("a offset -1h", 3600, 0),
        ("a offset -1h", 3601, 1),
        ("sum(a) + b offset -5m", 601, 6),
        ("max_over_time(a[1h:1m] offset -5m)", 601, 6),
        ("max_over_time(rate(a[5m] offset -2m)[1h:1m] offset -3m)", 601, 6),
        ("max_over_time(max_over_time(a[5m:1m] offset -5m)[1h:1m] offset 5m)", 601, 11),
        ("a @ 500", 601, 11),
        ("a @ 600", 601, 11),
        ("a @ 601", 601, 0),
        ("a @ 9999", 601, 0),
        ("a @ 900 offset 10m", 601, 0),
        ("max_over_time(a[5m:1m] @ 700)", 601, 0),
        ("max_over_time(a[5m:1m] @ 500)", 601, 11),
        ("a + b @ 601", 601, 0),
        ("vector(1)", 601, 11),
        ("time()", 601, 11),
    ],
)
def test_a_step_is_settled_when_all_that_it_can_read_is(
    expr: str, younger_than_s: int, steps: int
) -> None:
    assert settled(expr, younger_than_s * 1000) == steps


@given(
    st.builds(Grid, st.integers(-500, 500), st.integers(1, 50), st.integers(1, 30)),
    st.integers(-700, 2500),
)
def test_settled_steps_are_those_before_a_time(grid: Grid, younger_than_ms: int) -> None:
    times = [grid.start_ms + k * grid.step_ms for k in range(grid.steps)]
    expected = sum(time < younger_than_ms for time in times)
    assert settled_steps(grid, traits("a"), younger_than_ms) == expected


@pytest.mark.parametrize(
    ("is_recent", "is_empty", "life"),
    [(False, False, 86_400), (True, False, 600), (False, True, 120), (True, True, 120)],
)
def test_life_is_long_for_old_data_short_for_recent_and_for_nothing(
    is_recent: bool, is_empty: bool, life: int
) -> None:
    assert life_ms(POLICY, is_recent, is_empty) == life


def test_nothing_does_not_live_longer_than_something() -> None:
    lasting = KeepPolicy(0, 0, 50, 90, 10_000, 0, 1)
    assert life_ms(lasting, is_recent=True, is_empty=True) == 50
    assert life_ms(lasting, is_recent=False, is_empty=True) == 90


@pytest.mark.parametrize(
    ("expr", "first_ms", "last_ms"),
    [
        ("a", -HOUR_MS, GRID.last_ms),
        ("rate(a[1d])", -25 * HOUR_MS, GRID.last_ms),
        ("a offset 1d", -25 * HOUR_MS, GRID.last_ms),
        ("a offset -2h", -HOUR_MS, GRID.last_ms + 2 * HOUR_MS),
        ("a @ 100000", -HOUR_MS, 100_000_000),
        ("a @ -100000", -100_000_000 - HOUR_MS, GRID.last_ms),
        ("max_over_time(a[1d:1h] @ -100000)", -100_000_000 - 25 * HOUR_MS, GRID.last_ms),
    ],
)
def test_what_may_have_been_read_includes_ranges_offsets_and_lookback(
    expr: str, first_ms: int, last_ms: int
) -> None:
    first, last = reads_span(GRID, traits(expr))
    assert first <= first_ms
    assert last >= last_ms


def test_a_longer_lookback_of_the_query_is_read_too() -> None:
    first, _ = reads_span(GRID, traits("a"), lookback_ms=5 * HOUR_MS)
    assert first == -5 * HOUR_MS
    assert reads_span(GRID, traits("a"), lookback_ms=1000) == reads_span(GRID, traits("a"))
