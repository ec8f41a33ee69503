"""Cuts in time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.model.grid import Grid
from proxy.plan.split import split_grid
from tests.bodies import GRIDS

HOUR_MS = 3_600_000


@given(GRIDS, st.integers(1, 200_000))
def test_splits_tile_the_grid_exactly(grid: Grid, interval_ms: int) -> None:
    splits = split_grid(grid, interval_ms)
    times = [s.start_ms + k * s.step_ms for s in splits for k in range(s.steps)]
    assert times == [grid.start_ms + k * grid.step_ms for k in range(grid.steps)]


@given(GRIDS, st.integers(1, 200_000))
def test_no_split_straddles_an_interval_boundary(grid: Grid, interval_ms: int) -> None:
    for split in split_grid(grid, interval_ms):
        assert split.start_ms // interval_ms == split.last_ms // interval_ms


def test_a_step_on_the_boundary_belongs_to_the_later_split() -> None:
    assert split_grid(Grid(HOUR_MS - 60_000, 60_000, 2), HOUR_MS) == (
        Grid(HOUR_MS - 60_000, 60_000, 1),
        Grid(HOUR_MS, 60_000, 1),
    )


def test_a_step_longer_than_the_interval_gives_one_step_each() -> None:
    assert [s.steps for s in split_grid(Grid(5, 2 * HOUR_MS, 3), HOUR_MS)] == [1, 1, 1]


def test_interval_zero_never_cuts() -> None:
    assert split_grid(Grid(0, 1, 10**6), 0) == (Grid(0, 1, 10**6),)
