"""Answers to pieces and back: what is cut, deflated and inflated is the answer to that window."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.labels_json import sort_key
from proxy.codec.matrix_text import body_text
from proxy.codec.pieces import clip, clip_piece, index_matrix, make_piece, open_piece
from proxy.codec.tail_json import merge_stats
from proxy.merge.matrices import Part, join_matrices
from proxy.model.grid import Grid
from tests.bodies import GRIDS, SeriesPoints, body_of, matrices, shifted
from tests.pieces import FEWER, indexed, piece_of

WARNINGS = ("PromQL info: <x>",)


@st.composite
def windows(draw: st.DrawFn) -> tuple[SeriesPoints, Grid, int, int]:
    """An answer and a window of its steps."""
    grid = draw(GRIDS)
    first = draw(st.integers(0, grid.steps - 1))
    end = draw(st.integers(first + 1, grid.steps))
    return draw(matrices(grid)), grid, first, end


def written(*parts: Part) -> bytes:
    return body_text(join_matrices(parts, sort_key, merge_stats))


def expected(series: SeriesPoints, grid: Grid, first: int, end: int) -> bytes:
    """What the upstream answers to the window alone."""
    return body_of(shifted(series, first), grid.sliced(first, end), WARNINGS)


@given(windows())
def test_a_clipped_answer_is_the_answer_to_the_window(
    asked: tuple[SeriesPoints, Grid, int, int],
) -> None:
    series, grid, first, end = asked
    part = clip(indexed(series, grid, WARNINGS), first, end)
    assert written(part) == expected(*asked)


@FEWER
@given(windows())
def test_clipping_copies_no_text(asked: tuple[SeriesPoints, Grid, int, int]) -> None:
    series, grid, first, end = asked
    whole = indexed(series, grid)
    assert clip(whole, first, end).text is whole.matrix.text


@given(windows())
def test_a_piece_inflates_to_the_answer_to_its_window(
    asked: tuple[SeriesPoints, Grid, int, int],
) -> None:
    series, grid, first, end = asked
    piece = make_piece(indexed(series, grid, WARNINGS), first, end)
    assert piece.grid == grid.sliced(first, end)
    assert written(piece) == expected(*asked)
    assert written(open_piece(piece)) == expected(*asked)


@FEWER
@given(windows())
def test_the_edge_of_a_piece_is_the_answer_to_that_edge(
    asked: tuple[SeriesPoints, Grid, int, int],
) -> None:
    series, grid, first, end = asked
    assert written(clip_piece(piece_of(series, grid, WARNINGS), first, end)) == expected(*asked)


@FEWER
@given(windows())
def test_a_piece_of_a_piece_is_the_piece(asked: tuple[SeriesPoints, Grid, int, int]) -> None:
    series, grid, first, end = asked
    direct = make_piece(indexed(series, grid), first, end)
    opened = index_matrix(open_piece(piece_of(series, grid)), grid)
    again = make_piece(opened, first, end)
    assert again.metrics == direct.metrics
    assert again.floats.blob == direct.floats.blob
    assert (again.histograms is None) == (direct.histograms is None)


@FEWER
@given(windows())
def test_a_piece_has_only_series_with_points_in_it(
    asked: tuple[SeriesPoints, Grid, int, int],
) -> None:
    series, grid, first, end = asked
    piece = make_piece(indexed(series, grid), first, end)
    assert piece.metrics == tuple(
        metric.encode()
        for metric, points in series.items()
        if any(first <= step < end for step in points)
    )
    assert piece.is_empty == (not piece.metrics)


@FEWER
@given(windows())
def test_lengths_are_known_without_inflating(asked: tuple[SeriesPoints, Grid, int, int]) -> None:
    series, grid, _, _ = asked
    piece = piece_of(series, grid)
    opened = open_piece(piece)
    assert piece.floats.raw_bytes.tolist() == opened.floats.lengths.tolist()
    histograms = piece.histograms.text_bytes if piece.histograms else 0
    assert len(opened.text) == piece.floats.text_bytes + histograms


def test_histograms_have_a_lane_only_where_there_are_some() -> None:
    grid = Grid(0, 1000, 2)
    series: SeriesPoints = {"{}": {0: ("1", False), 1: ('{"count":"0","sum":"0"}', True)}}
    whole = indexed(series, grid)
    assert make_piece(whole, 0, 1).histograms is None
    turned = make_piece(whole, 1, 2)
    assert turned.histograms is not None
    assert turned.floats.is_empty


def test_a_damaged_piece_is_noticed_and_not_shown() -> None:
    grid = Grid(0, 1000, 50)
    piece = piece_of({"{}": {k: (str(k), False) for k in range(50)}}, grid)
    blob = bytearray(piece.floats.blob)
    for broken in (bytes(blob[:-9]), bytes(blob[:9]) + b"\xff" * 9 + bytes(blob[18:])):
        floats = dataclasses.replace(piece.floats, blob=broken)
        with pytest.raises(ValueError, match="kept piece"):
            open_piece(dataclasses.replace(piece, floats=floats))
