"""The scan of matrix answers: fast path against slow path, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.labels_json import sort_key
from proxy.codec.matrix_json import scan_canonical, scan_matrix
from proxy.codec.matrix_text import body_text
from proxy.codec.tail_json import merge_stats
from proxy.errors import BadUpstreamAnswerError
from proxy.merge.matrices import join_matrices
from proxy.model.grid import Grid
from tests.bodies import GRIDS, SeriesPoints, body_of, matrices, with_white_space

if TYPE_CHECKING:
    from proxy.model.matrix import EncodedMatrix


def written(matrix: EncodedMatrix) -> bytes:
    return body_text(join_matrices([matrix], sort_key, merge_stats))


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    grid = draw(GRIDS)
    warnings = draw(st.lists(st.sampled_from(["PromQL info: <x>", 'a "b"', "w"]), unique=True))
    return body_of(draw(matrices(grid)), grid, tuple(warnings))


@given(bodies())
def test_what_is_scanned_is_written_again_byte_for_byte(body: bytes) -> None:
    matrix = scan_canonical(body)
    assert matrix is not None
    assert written(matrix) == body


@given(bodies())
def test_the_slow_path_gives_the_same_series_as_the_fast_path(body: bytes) -> None:
    odd = with_white_space(body)
    assert scan_canonical(odd) is None
    assert orjson.loads(written(scan_matrix(odd))) == orjson.loads(body)
    assert written(scan_matrix(odd)) == body


@given(bodies(), st.data())
def test_a_truncated_body_is_refused_and_never_half_read(body: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(BadUpstreamAnswerError):
        scan_matrix(body[:cut])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>502 Bad Gateway</body></html>",
        b'{"status":"success","data":{"resultType":"vector","result":[]}}',
        b'{"status":"error","errorType":"internal","error":"x"}',
        b'{"status":"success","data":{"resultType":"matrix","result":null}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{}}]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[],"analysis":{}}}x',
        b'{"status":"success","data":{"resultType":"matrix","result":[]},"surprise":1}',
        b"[]",
        b"null",
    ],
)
def test_an_answer_that_is_no_matrix_is_refused(body: bytes) -> None:
    with pytest.raises(BadUpstreamAnswerError):
        scan_matrix(body)


def test_white_space_between_points_is_not_taken_for_points() -> None:
    body = body_of({'{"a":"b c"}': {0: ("1", False), 1: ("2", False)}}, Grid(0, 1000, 2))
    spaced = body.replace(b'],[1,"2"]', b'], [1,"2"]')
    assert scan_canonical(body) is not None
    assert scan_canonical(spaced) is None
    assert written(scan_matrix(spaced)) == body


def test_a_plain_prometheus_answer_without_analysis_is_read() -> None:
    body = b'{"status":"success","data":{"resultType":"matrix","result":[]},"infos":["i"]}'
    assert written(scan_matrix(body)) == body


def test_a_series_of_both_kinds_has_two_lanes() -> None:
    series: SeriesPoints = {"{}": {0: ("1", False), 1: ('{"count":"0","sum":"0"}', True)}}
    matrix = scan_canonical(body_of(series, Grid(0, 1000, 2)))
    assert matrix is not None
    text = matrix.text
    assert text[matrix.floats.start[0] : matrix.floats.end[0]] == b'[0,"1"]'
    assert text[matrix.histograms.start[0] : matrix.histograms.end[0]] == b'[1,{"count":"0","sum":"0"}]'
