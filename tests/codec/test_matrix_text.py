"""A joined matrix as the body of an answer: exact text, exact length, in chunks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.labels_json import sort_key
from proxy.codec.matrix_json import scan_matrix
from proxy.codec.matrix_text import body_length, body_text, group_text, series_groups
from proxy.codec.tail_json import merge_stats
from proxy.merge.matrices import JoinedMatrix, join_matrices
from proxy.model.grid import Grid
from tests.bodies import GRIDS, SeriesPoints, body_of, matrices

FLOAT = ("1.5", False)
HISTOGRAM = ('{"count":"1","sum":"2"}', True)


def joined(*bodies: bytes) -> JoinedMatrix:
    return join_matrices([scan_matrix(body) for body in bodies], sort_key, merge_stats)


def text(matrix: JoinedMatrix, group_bytes: int) -> bytes:
    return b"".join(group_text(matrix, group) for group in series_groups(matrix, group_bytes))


def at(step: int, series: SeriesPoints) -> bytes:
    """The answer to a split of one step."""
    return body_of(series, Grid(step * 1000, 1000, 1))


@given(GRIDS, st.sampled_from([1, 17, 100, 1 << 20]), st.data())
def test_the_length_is_known_before_the_text_is_written(
    grid: Grid, group_bytes: int, data: st.DataObject
) -> None:
    body = body_of(data.draw(matrices(grid)), grid, ("a <warning>",))
    matrix = joined(body)
    assert text(matrix, group_bytes) == body
    assert body_length(matrix) == len(body)


@given(GRIDS, st.integers(1, 2000), st.data())
def test_groups_are_all_series_in_order_and_none_is_larger_than_need_be(
    grid: Grid, group_bytes: int, data: st.DataObject
) -> None:
    matrix = joined(body_of(data.draw(matrices(grid)), grid))
    groups = series_groups(matrix, group_bytes)
    assert [series for group in groups for series in group] == list(range(len(matrix.metrics)))
    assert groups
    for group in groups:
        points = len(group_text(matrix, group)) - len(group_text(matrix, group[:-1]))
        assert len(group) <= 1 or points < group_bytes + 10_000


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
    assert body_text(matrix) == expected
    assert text(matrix, 1) == expected
    assert body_length(matrix) == len(expected)
