from __future__ import annotations

import numpy as np
import pytest

from proxy.demo.vectors import ExecutionError, UnsupportedError, Vector, only, without

LABELS = ((("__name__", "a"), ("x", "1")), (("__name__", "b"), ("x", "1")))


def vector(*present: list[bool]) -> Vector:
    values = np.arange(1.0, 5.0).reshape(2, 2)
    return Vector(LABELS, values, np.array(present))


def test_rows_that_never_meet_become_one_series() -> None:
    one = vector([True, False], [False, True]).relabelled(without(()))
    assert one.labels == ((("x", "1"),),)
    assert one.values.tolist() == [[1.0, 4.0]]
    assert one.present.tolist() == [[True, True]]


def test_rows_that_meet_may_not_have_the_same_labels() -> None:
    with pytest.raises(ExecutionError, match="same labelset"):
        vector([True, True], [False, True]).relabelled(only(("x",)))


def test_a_refusal_names_the_thing_and_the_way_out() -> None:
    error = UnsupportedError("the function 'x'")
    assert "does not evaluate the function 'x'; point thanoxy at a real Thanos" in str(error)
    assert (error.status, error.error_type) == (422, "execution")
