from __future__ import annotations

import numpy as np
import pytest

from proxy.demo.answers import float_text, instant_data, range_data, success
from proxy.demo.vectors import Scalar, Vector


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-12.5, "-12.5"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e-7, "1e-07"),
        (1.5e-9, "1.5e-09"),
        (1e-6, "0.000001"),
        (-1.25e-5, "-0.0000125"),
        (123456789012345678.0, "123456789012345680"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-2.5e300, "-2.5e+300"),
        (np.nan, "NaN"),
        (np.inf, "+Inf"),
        (-np.inf, "-Inf"),
    ],
)
def test_floats_read_as_prometheus_writes_them(value: float, text: str) -> None:
    assert float_text(value) == text


VECTOR = Vector(
    ((("b", 'q"<'),), (("a", "1"), ("b", "2")), (("c", ""),)),
    np.array([[1.0, 2.0], [3.0, 4.5], [5.0, 6.0]]),
    np.array([[True, True], [False, True], [False, False]]),
)


def test_a_matrix_is_sorted_and_leaves_out_what_is_missing() -> None:
    assert range_data(np.array([1_000, 2_500]), VECTOR) == (
        '{"resultType":"matrix","result":['
        '{"metric":{"a":"1","b":"2"},"values":[[2.500,"4.5"]]},'
        '{"metric":{"b":"q\\"<"},"values":[[1,"1"],[2.500,"2"]]}],"analysis":{}}'
    )


def test_a_vector_keeps_its_order() -> None:
    assert instant_data(-1_500, VECTOR) == (
        '{"resultType":"vector","result":[{"metric":{"b":"q\\"<"},"value":[-1.500,"1"]}],"analysis":{}}'
    )


def test_a_scalar_is_one_series_of_a_range_and_a_pair_at_an_instant() -> None:
    scalar = Scalar(np.array([1e21, np.nan]))
    assert '[{"metric":{},"values":[[0,"1e+21"],[1,"NaN"]]}]' in range_data(np.array([0, 1000]), scalar)
    assert '"result":[2.5,"1000000000000000000000"]' in instant_data(2_500, scalar)


def test_warnings_stand_after_the_data_and_are_safe_in_html() -> None:
    assert success("[]") == '{"status":"success","data":[]}'
    assert success("[]", ["a<b"]) == ('{"status":"success","data":[],"warnings":["a\\u003cb"]}')
