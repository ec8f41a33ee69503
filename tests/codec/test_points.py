"""Which step each point lies on: read in columns, compared with reading one by one."""

from __future__ import annotations

import bisect

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.durations import format_time
from proxy.codec.matrix_json import scan_matrix
from proxy.codec.points import PointIndex, index_points, read_times_ms
from proxy.errors import NotSplittableError
from proxy.model.grid import Grid
from proxy.model.matrix import EncodedMatrix, Lane
from tests.bodies import GRIDS, HISTOGRAMS, SeriesPoints, body_of, matrices
from tests.pieces import FEWER


def index_of(matrix: EncodedMatrix, grid: Grid, histograms: bool) -> PointIndex:
    lane = matrix.histograms if histograms else matrix.floats
    return index_points(matrix.text, lane, grid, histograms)


def steps_one_by_one(matrix: EncodedMatrix, lane: Lane, grid: Grid) -> list[list[int]]:
    """The steps of each row's points, read with a JSON parser."""
    rows = []
    for start, end in zip(lane.start.tolist(), lane.end.tolist(), strict=True):
        points = orjson.loads(b"[" + matrix.text[start:end] + b"]")
        times_ms = [round(time * 1000) for time, _ in points]
        rows.append([(time - grid.start_ms) // grid.step_ms for time in times_ms])
    return rows


def floats(text: str) -> Lane:
    """The lane of a single row."""
    return Lane(np.array([0]), np.array([len(text)]))


def read(text: str, grid: Grid) -> PointIndex:
    return index_points(text.encode(), floats(text), grid, histograms=False)


@given(GRIDS, st.booleans(), st.data())
def test_columns_say_what_reading_one_by_one_says(
    grid: Grid, histograms: bool, data: st.DataObject
) -> None:
    matrix = scan_matrix(body_of(data.draw(matrices(grid)), grid))
    index = index_of(matrix, grid, histograms)
    rows = steps_one_by_one(matrix, matrix.histograms if histograms else matrix.floats, grid)
    assert index.counts.tolist() == [len(row) for row in rows]
    assert index.first.tolist() == [row[0] if row else 0 for row in rows]
    assert index.last.tolist() == [row[-1] if row else -1 for row in rows]
    if index.steps is not None:
        assert index.steps.tolist() == [step for row in rows for step in row]
    assert all(matrix.text[at : at + 1] == b"[" for at in index.starts.tolist())


@FEWER
@given(GRIDS, st.integers(-3, 45), st.data())
def test_points_before_a_step_are_found_by_their_number(
    grid: Grid, step: int, data: st.DataObject
) -> None:
    matrix = scan_matrix(body_of(data.draw(matrices(grid)), grid))
    index = index_of(matrix, grid, histograms=False)
    rows = steps_one_by_one(matrix, matrix.floats, grid)
    expected = [
        int(begin) + bisect.bisect_left(row, step) for begin, row in zip(index.rows, rows, strict=False)
    ]
    assert index.points_before(step).tolist() == expected


def test_a_series_without_gaps_needs_no_look_at_its_inner_timestamps() -> None:
    text = '[0,"1"],[x,"2"],[2,"3"]'
    assert read(text, Grid(0, 1000, 3)).steps is None


@pytest.mark.parametrize(
    ("text", "grid"),
    [
        ('[0,"1"],[1.5,"2"]', Grid(0, 1000, 3)),
        ('[0,"1"],[3,"2"]', Grid(0, 1000, 3)),
        ('[-1,"1"],[0,"2"]', Grid(0, 1000, 3)),
        ('[2,"1"],[1,"2"],[0,"3"]', Grid(0, 1000, 3)),
        ('[0,"1"],[2,"2"],[1,"3"],[4,"4"]', Grid(0, 1000, 5)),
        ('[0,"1"],[2,"2"],[2,"3"],[4,"4"]', Grid(0, 1000, 5)),
        ('[0.5,"1"]', Grid(0, 500, 9)),
        ('[0.50,"1"]', Grid(0, 5, 90)),
        ('[1e0,"1"]', Grid(0, 1000, 3)),
        ('["0","1"]', Grid(0, 1000, 3)),
        ('[01234567890123456789,"1"]', Grid(0, 1000, 3)),
        ('[ 0,"1"]', Grid(0, 1000, 3)),
    ],
    ids=[
        "between two steps",
        "behind the last step",
        "before the first step",
        "backwards",
        "out of order",
        "twice",
        "one digit behind the point",
        "two digits behind the point",
        "exponent",
        "quoted",
        "too long",
        "blank",
    ],
)
def test_from_timestamps_that_were_not_asked_for_nothing_is_cut(text: str, grid: Grid) -> None:
    with pytest.raises(NotSplittableError):
        read(text, grid)


@given(st.lists(st.integers(-(10**13), 10**13), min_size=1, max_size=20))
def test_any_time_that_thanos_writes_is_read_to_the_millisecond(times_ms: list[int]) -> None:
    texts = [f"[{format_time(time)},".encode() for time in times_ms]
    text = b"".join(texts)
    at = np.cumsum([0, *map(len, texts[:-1])]) + 1
    assert read_times_ms(np.frombuffer(text, np.uint8), at).tolist() == times_ms


@given(st.lists(HISTOGRAMS, min_size=1, max_size=6))
def test_brackets_inside_of_histograms_open_no_point(histograms: list[str]) -> None:
    series: SeriesPoints = {"{}": {k: (text, True) for k, text in enumerate(histograms)}}
    grid = Grid(0, 1000, len(histograms))
    index = index_of(scan_matrix(body_of(series, grid)), grid, histograms=True)
    assert index.counts.tolist() == [len(histograms)]


def test_brackets_inside_of_labels_open_no_point() -> None:
    series: SeriesPoints = {'{"a":"[[1,["}': {0: ("1", False)}, '{"b":"]],["}': {1: ("2", False)}}
    grid = Grid(0, 1000, 2)
    index = index_of(scan_matrix(body_of(series, grid)), grid, histograms=False)
    assert index.counts.tolist() == [1, 1]
    assert index.first.tolist() == [0, 1]
