"""A joined matrix as the body of an answer: exact text, exact length, in chunks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.labels_json import sort_key
from proxy.codec.matrix_json import scan_matrix
from proxy.codec.matrix_text import body_chunks, body_length
from proxy.codec.tail_json import merge_stats
from proxy.merge.matrices import JoinedMatrix, join_matrices
from proxy.model.grid import Grid
from tests.bodies import GRIDS, SeriesPoints, body_of, matrices

FLOAT = ("1.5", False)
HISTOGRAM = ('{"count":"1","sum":"2"}', True)


def joined(*bodies: bytes) -> JoinedMatrix:
    return join_matrices([scan_matrix(body) for body in bodies], sort_key, merge_stats)


def text(matrix: JoinedMatrix, chunk_bytes: int = 1 << 16) -> bytes:
    return b"".join(body_chunks(matrix, chunk_bytes))


def at(step: int, series: SeriesPoints) -> bytes:
    """The answer to a split of one step."""
    return body_of(series, Grid(step * 1000, 1000, 1))


@given(GRIDS, st.sampled_from([1, 17, 100, 1 << 20]), st.data())
def test_the_length_is_known_before_the_text_is_written(
    grid: Grid, chunk_bytes: int, data: st.DataObject
) -> None:
    body = body_of(data.draw(matrices(grid)), grid, ("a <warning>",))
    matrix = joined(body)
    assert text(matrix, chunk_bytes) == body
    assert body_length(matrix) == len(body)


@given(GRIDS, st.integers(1, 400), st.data())
def test_chunks_are_as_large_as_asked_but_for_one_fragment_and_the_last(
    grid: Grid, chunk_bytes: int, data: st.DataObject
) -> None:
    body = body_of(data.draw(matrices(grid)), grid)
    chunks = list(body_chunks(joined(body), chunk_bytes))
    assert all(len(chunk) >= chunk_bytes for chunk in chunks[:-1])
    assert b"".join(chunks) == body


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
            [{"{}": {0: FLOAT}}, {"{}": {0: HISTOGRAM}}],
            {"{}": {0: FLOAT, 1: HISTOGRAM}},
            id="a series that turns into histograms",
        ),
        pytest.param(
            [{"{}": {0: HISTOGRAM}}, {"{}": {0: FLOAT}}, {"{}": {0: HISTOGRAM}}],
            {"{}": {0: HISTOGRAM, 1: FLOAT, 2: HISTOGRAM}},
            id="and back",
        ),
        pytest.param(
            [{'{"a":"2"}': {0: FLOAT}}, {'{"a":"1"}': {0: HISTOGRAM}, '{"a":"3"}': {0: FLOAT}}],
            {'{"a":"1"}': {1: HISTOGRAM}, '{"a":"2"}': {0: FLOAT}, '{"a":"3"}': {1: FLOAT}},
            id="series that are strangers to each other",
        ),
    ],
)
def test_splits_read_as_if_asked_at_once(splits: list[SeriesPoints], whole: SeriesPoints) -> None:
    matrix = joined(*(at(step, series) for step, series in enumerate(splits)))
    expected = body_of(whole, Grid(0, 1000, len(splits)))
    assert text(matrix) == expected
    assert body_length(matrix) == len(expected)
