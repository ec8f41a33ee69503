"""A gzip body put together from fragments inflates to the text that the upstream would have sent."""

from __future__ import annotations

import gzip
import itertools
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.gzip_body import gzip_body
from proxy.codec.labels_json import sort_key
from proxy.codec.matrix_json import scan_matrix
from proxy.codec.matrix_text import body_length, body_text
from proxy.codec.pieces import clip, clip_piece, index_matrix, make_piece
from proxy.codec.tail_json import merge_stats
from proxy.errors import NotSplittableError
from proxy.merge.matrices import JoinedMatrix, Part, join_matrices
from proxy.model.grid import Grid
from proxy.model.piece import Piece, SeriesList
from tests.bodies import GRIDS, SeriesPoints, body_of, matrices
from tests.pieces import FEWER, indexed, piece_of

Kind = Literal["piece", "raw", "edge"]
KINDS = st.sampled_from(["piece", "piece", "raw", "edge"])
FLOAT = ("1.5", False)
HISTOGRAM = ('{"count":"1","sum":"2","buckets":[[0,"0.5","1","2"]]}', True)


def part_of(series: SeriesPoints, grid: Grid, kind: str, first: int, end: int) -> Part:
    """The steps `first` to `end` as a kept piece, as fresh text, or as the edge of a larger piece."""
    whole = indexed(series, grid)
    if kind == "raw":
        return clip(whole, first, end)
    if kind == "edge":
        return clip_piece(piece_of(series, grid), first, end)
    return make_piece(whole, first, end)


def inflated(joined: JoinedMatrix, series: SeriesList | None = None) -> bytes:
    buffers = gzip_body(joined, series or SeriesList(joined.metrics))
    return gzip.decompress(b"".join(buffers))


def joined_of(*parts: Part) -> JoinedMatrix:
    return join_matrices(parts, sort_key, merge_stats)


@given(GRIDS, st.data())
def test_any_parts_give_the_text_body_and_that_is_the_unsplit_one(
    grid: Grid, data: st.DataObject
) -> None:
    series = data.draw(matrices(grid))
    cuts = sorted({0, grid.steps, *data.draw(st.sets(st.integers(0, grid.steps), max_size=4))})
    parts = [
        part_of(series, grid, data.draw(KINDS), first, end) for first, end in itertools.pairwise(cuts)
    ]
    joined = joined_of(*parts)
    expected = body_of(series, grid)
    assert inflated(joined) == expected
    assert body_text(joined) == expected
    assert body_length(joined) == len(expected)


@FEWER
@given(GRIDS, st.sampled_from(["piece", "raw", "edge"]), st.integers(1, 3), st.data())
def test_series_without_gaps_in_every_part_are_woven_together(
    grid: Grid, kind: str, parts: int, data: st.DataObject
) -> None:
    drawn = data.draw(matrices(grid))
    series: SeriesPoints = {m: {k: (str(k), False) for k in range(grid.steps)} for m in drawn}
    cuts = [grid.steps * n // parts for n in range(parts + 1)]
    joined = joined_of(
        *(part_of(series, grid, kind, a, b) for a, b in itertools.pairwise(cuts) if a < b)
    )
    assert inflated(joined) == body_of(series, grid)


@pytest.mark.parametrize("kind", ["piece", "raw"])
@pytest.mark.parametrize(
    ("splits", "whole"),
    [
        pytest.param([{}, {}], {}, id="no series at all"),
        pytest.param([{}, {"{}": {0: FLOAT}}], {"{}": {1: FLOAT}}, id="only in the second"),
        pytest.param([{"{}": {0: FLOAT}}, {}], {"{}": {0: FLOAT}}, id="only in the first"),
        pytest.param(
            [{"{}": {0: HISTOGRAM}}, {"{}": {0: HISTOGRAM}}],
            {"{}": {0: HISTOGRAM, 1: HISTOGRAM}},
            id="histograms side by side",
        ),
        pytest.param(
            [{"{}": {0: FLOAT}}, {"{}": {0: HISTOGRAM}}, {"{}": {0: FLOAT}}],
            {"{}": {0: FLOAT, 1: HISTOGRAM, 2: FLOAT}},
            id="a series that turns into histograms and back",
        ),
        pytest.param(
            [
                {'{"a":"1"}': {0: FLOAT}, '{"a":"2"}': {0: HISTOGRAM}},
                {'{"a":"1"}': {0: FLOAT}, '{"a":"2"}': {0: FLOAT}},
            ],
            {'{"a":"1"}': {0: FLOAT, 1: FLOAT}, '{"a":"2"}': {0: HISTOGRAM, 1: FLOAT}},
            id="the same list with another lane",
        ),
        pytest.param(
            [{'{"a":"2"}': {0: FLOAT}}, {'{"a":"1"}': {0: HISTOGRAM}, '{"a":"3"}': {0: FLOAT}}],
            {'{"a":"1"}': {1: HISTOGRAM}, '{"a":"2"}': {0: FLOAT}, '{"a":"3"}': {1: FLOAT}},
            id="series that are strangers to each other",
        ),
    ],
)
def test_series_that_come_and_go(kind: Kind, splits: list[SeriesPoints], whole: SeriesPoints) -> None:
    parts = [
        part_of(series, Grid(step * 1000, 1000, 1), kind, 0, 1) for step, series in enumerate(splits)
    ]
    assert inflated(joined_of(*parts)) == body_of(whole, Grid(0, 1000, len(splits)))


def test_points_longer_than_one_stored_block_are_not_lost() -> None:
    grid = Grid(0, 1000, 6000)
    series: SeriesPoints = {"{}": {k: (f"{k}.12345678901234567", False) for k in range(6000)}}
    parts = [part_of(series, grid, "raw", 0, 5000), part_of(series, grid, "piece", 5000, 6000)]
    assert inflated(joined_of(*parts)) == body_of(series, grid)


def test_warnings_stand_behind_the_series() -> None:
    grid = Grid(0, 1000, 1)
    piece = piece_of({"{}": {0: FLOAT}}, grid, ('a "<warning>"',))
    assert inflated(joined_of(piece)) == body_of({"{}": {0: FLOAT}}, grid, ('a "<warning>"',))


def test_a_list_of_series_is_opened_once_and_serves_every_answer() -> None:
    grid = Grid(0, 1000, 2)
    series: SeriesPoints = {f'{{"a":"{n}"}}': {0: FLOAT, 1: FLOAT} for n in range(3)}
    piece = piece_of(series, grid)
    joined = joined_of(piece)
    first = inflated(joined, piece.series)
    openings = piece.series.openings
    assert openings is not None
    assert inflated(joined, piece.series) == first == body_of(series, grid)
    assert piece.series.openings is openings


def test_kept_fragments_are_copied_and_not_made_again() -> None:
    grid = Grid(0, 1000, 100)
    piece = piece_of({"{}": dict.fromkeys(range(100), FLOAT)}, grid)
    assert isinstance(piece, Piece)
    body = b"".join(gzip_body(joined_of(piece), piece.series))
    comma_bytes = 6
    assert piece.floats.blob[comma_bytes:] in body


def twice(value: str) -> bytes:
    """Two series with the same labels: PromQL forbids it, so nothing is known of their order."""
    series = ",".join(f'{{"metric":{{}},"values":[[0,"{value}{n}"]]}}' for n in range(2))
    result = f'"resultType":"matrix","result":[{series}],"analysis":{{}}'
    return f'{{"status":"success","data":{{{result}}}}}'.encode()


def test_series_with_the_same_labels_are_given_as_they_came_and_not_joined_with_others() -> None:
    grid = Grid(0, 1000, 1)
    double = make_piece(index_matrix(scan_matrix(twice("1")), grid), 0, 1)
    assert inflated(joined_of(double)) == twice("1")
    other = piece_of({'{"a":"1"}': {0: FLOAT}}, Grid(1000, 1000, 1))
    with pytest.raises(NotSplittableError):
        joined_of(double, other)
