"""Grids: the arithmetic of steps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.grid import Grid
from tests.bodies import GRIDS


@given(st.integers(-(10**12), 10**12), st.integers(0, 10**6), st.integers(1, 10**5))
def test_a_grid_has_every_step_that_prometheus_evaluates(start: int, length: int, step: int) -> None:
    grid = Grid.between(start, start + length, step)
    assert grid.start_ms == start
    assert grid.last_ms <= start + length < grid.last_ms + step


@given(GRIDS, st.integers(-10_000, 10_000))
def test_steps_before_counts_strictly_earlier_steps(grid: Grid, offset: int) -> None:
    time_ms = grid.start_ms + offset
    times = [grid.start_ms + k * grid.step_ms for k in range(grid.steps)]
    assert grid.steps_before(time_ms) == sum(t < time_ms for t in times)


@given(GRIDS)
def test_phase_and_first_index_give_the_start_back(grid: Grid) -> None:
    assert grid.first_index * grid.step_ms + grid.phase_ms == grid.start_ms
    assert 0 <= grid.phase_ms < grid.step_ms


@pytest.mark.parametrize(("step", "steps"), [(0, 1), (-1, 1), (1, 0)])
def test_an_impossible_grid_cannot_be_made(step: int, steps: int) -> None:
    with pytest.raises(ValueError, match="positive step"):
        Grid(0, step, steps)
