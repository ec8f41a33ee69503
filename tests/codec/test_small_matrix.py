"""The scan of small answers finds what the scan in columns finds, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.matrix_json import scan_canonical
from proxy.codec.small_matrix import scan_small
from proxy.errors import BadUpstreamAnswerError
from tests.codec.test_matrix_json import bodies

if TYPE_CHECKING:
    from proxy.model.matrix import EncodedMatrix

ONE = (
    b'{"status":"success","data":{"resultType":"matrix","result":'
    b'[{"metric":{"a":"b"},"values":[[1,"2"],[3,"4"]]}],"analysis":{}}}'
)


def same(one: EncodedMatrix, other: EncodedMatrix) -> bool:
    lanes = (one.floats, other.floats), (one.histograms, other.histograms)
    return (
        (one.text, one.metrics, one.tail) == (other.text, other.metrics, other.tail)
        and all(np.array_equal(a.start, b.start) for a, b in lanes)
        and all(np.array_equal(a.end, b.end) for a, b in lanes)
    )


@given(bodies())
def test_it_finds_what_the_scan_in_columns_finds(body: bytes) -> None:
    small, columns = scan_small(body), scan_canonical(body)
    assert columns is not None
    has_histograms = bool(columns.histograms.lengths.any())
    if has_histograms or not columns.metrics:
        assert small is None
    else:
        assert small is not None
        assert same(small, columns)


@given(bodies(), st.data())
def test_a_damaged_body_is_never_read_otherwise(body: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(body) - 1))
    damaged = body[:at] + data.draw(st.binary(max_size=3)) + body[at + 1 :]
    try:
        small = scan_small(damaged)
    except BadUpstreamAnswerError:
        return
    if small is not None:
        columns = scan_canonical(damaged)
        assert columns is not None
        assert same(small, columns)


def test_a_body_of_one_series_is_read() -> None:
    matrix = scan_small(ONE)
    assert matrix is not None
    assert matrix.metrics == (b'{"a":"b"}',)
    (start,), (end,) = matrix.floats.start, matrix.floats.end
    assert ONE[start:end] == b'[1,"2"],[3,"4"]'
    assert matrix.tail.extras == {"analysis": b"{}"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"[3,", b"[ 3,"),
        (b'"values"', b'"histograms"'),
        (b'{"metric":{"a"', b'{ "metric":{"a"'),
        (b"]]}]", b"]]} ]"),
        (b'[3,"4"]]}', b'[3,"4"]],"histograms":[[5,{"count":"1"}]]}'),
    ],
)
def test_another_shape_is_left_to_others(old: bytes, new: bytes) -> None:
    assert old in ONE
    assert scan_small(ONE.replace(old, new)) is None


def test_many_series_are_left_to_the_scan_in_columns() -> None:
    series = b'{"metric":{"a":"b"},"values":[[1,"2"],[3,"4"]]}'
    assert scan_small(ONE.replace(series, b",".join([series] * 24))) is not None
    assert scan_small(ONE.replace(series, b",".join([series] * 25))) is None
