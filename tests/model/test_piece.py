"""Kept pieces: their sizes are what they hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.grid import Grid
from proxy.model.piece import SeriesList
from tests.bodies import GRIDS, SeriesPoints, matrices
from tests.pieces import FEWER, no_fragments, piece_of

GRID = Grid(0, 1000, 3)
HISTOGRAM = ('{"count":"0","sum":"0"}', True)


@FEWER
@given(GRIDS, st.data())
def test_the_text_of_a_lane_is_its_points_with_a_comma_before_each_series(
    grid: Grid, data: st.DataObject
) -> None:
    piece = piece_of(data.draw(matrices(grid)), grid)
    raw = piece.floats.raw_bytes.tolist()
    assert piece.floats.text_bytes == sum(raw) + sum(length > 0 for length in raw)
    assert piece.floats.is_empty == (not any(raw))


def test_a_piece_without_series_is_empty_and_still_weighs_something() -> None:
    piece = piece_of({}, GRID)
    assert piece.is_empty
    assert piece.metrics == ()
    assert piece.floats.is_empty
    assert piece.size_bytes > 0
    assert no_fragments().text_bytes == 0


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ({"{}": {0: ("1", False)}}, {"{}": {0: ("1", False), 1: ("1", False)}}),
        ({"{}": {0: ("1", False)}}, {"{}": {0: ("1", False), 1: HISTOGRAM}}),
        ({"{}": {0: ("1", False)}}, {"{}": {0: ("1", False)}, '{"a":"1"}': {0: ("1", False)}}),
    ],
)
def test_more_points_weigh_more(smaller: SeriesPoints, larger: SeriesPoints) -> None:
    assert piece_of(smaller, GRID).size_bytes < piece_of(larger, GRID).size_bytes


def test_warnings_weigh_something_too() -> None:
    plain = piece_of({}, GRID).size_bytes
    assert piece_of({}, GRID, ("w" * 1000,)).size_bytes >= plain + 1000


def test_labels_are_weighed_with_their_list_and_not_with_the_piece() -> None:
    short: SeriesPoints = {'{"a":"1"}': {0: ("1", False)}}
    long: SeriesPoints = {f'{{"a":"{"1" * 999}"}}': {0: ("1", False)}}
    assert piece_of(short, GRID).size_bytes == piece_of(long, GRID).size_bytes
    assert piece_of(long, GRID).series.size_bytes >= piece_of(short, GRID).series.size_bytes + 998


def test_lists_of_series_are_told_apart_by_what_they_are_and_not_by_what_they_say() -> None:
    one, other = SeriesList((b"{}",)), SeriesList((b"{}",))
    assert one != other
    assert one.metrics == other.metrics
