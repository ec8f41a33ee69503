"""Empty steps are found wherever they are, and cut off unless that makes too many pieces."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.empty_steps import Part, Steps, cut_at_empty, steps_with_points
from proxy.model.grid import Grid
from proxy.plan.partition import Run
from tests.bodies import GRIDS, SeriesPoints, matrices
from tests.pieces import FEWER, indexed


def there(marks: str) -> Steps:
    return np.array([mark != "." for mark in marks], np.bool_)


@st.composite
def answers(draw: st.DrawFn) -> tuple[SeriesPoints, Grid]:
    grid = draw(GRIDS)
    return draw(matrices(grid)), grid


@given(answers())
def test_a_step_has_points_when_any_series_has_one_there(asked: tuple[SeriesPoints, Grid]) -> None:
    series, grid = asked
    found = steps_with_points(indexed(series, grid))
    expected = {step for points in series.values() for step in points}
    assert set(np.flatnonzero(found).tolist()) == expected
    assert len(found) == grid.steps


def test_rows_without_gaps_leave_steps_before_between_and_after_them() -> None:
    grid = Grid(0, 1000, 9)
    rows = {"a": range(1, 4), "b": range(2, 3), "c": range(5, 8)}
    series: SeriesPoints = {f'{{"x":"{x}"}}': dict.fromkeys(at, ("1", False)) for x, at in rows.items()}
    assert steps_with_points(indexed(series, grid)).tolist() == there(".xxx.xxx.").tolist()


@pytest.mark.parametrize(
    ("marks", "parts"),
    [
        ("xxxx", ["xxxx"]),
        ("....", ["...."]),
        (".xxx", [".", "xxx"]),
        ("xx.x", ["xx", ".", "x"]),
        (".x.x.x", [".", "x", ".", "x", ".", "x"]),
        ("x.x.x.x", ["x", ".", "x", ".", "x", ".", "x"]),
        (".x.x.x.", [".x.x.x."]),
        ("x.x.x.x.", ["x.x.x.x."]),
    ],
)
def test_three_runs_of_empty_steps_are_cut_off_and_four_are_not(marks: str, parts: list[str]) -> None:
    found = cut_at_empty(Run(2, 2 + len(marks)), there(f"x.{marks}.x"))
    edges = np.cumsum([2, *map(len, parts)]).tolist()
    assert found == [
        Part(Run(first, end), "." in part)
        for (first, end), part in zip(pairwise(edges), parts, strict=True)
    ]


@FEWER
@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 9))
def test_parts_are_the_run_and_none_is_half_empty_unless_it_is_all_of_it(
    marks: list[bool], most: int
) -> None:
    whole, steps = Run(0, len(marks)), np.array(marks)
    parts = cut_at_empty(whole, steps, most)
    assert [step for part in parts for step in range(*part.run)] == list(range(len(marks)))
    assert sum(part.has_empty for part in parts) <= max(most, 1)
    for part in parts:
        found = steps[part.run.first : part.run.end]
        assert part.has_empty != found.all()
        assert part.run == whole or found.all() or not found.any()
