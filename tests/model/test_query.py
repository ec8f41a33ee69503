"""What a client asks."""

from __future__ import annotations

import pytest

from proxy.model.grid import Grid
from proxy.model.query import Form, RangeQuery, first_value

FORM: Form = (("a", ""), ("b", "1"), ("b", "2"), ("a", "3"))


@pytest.mark.parametrize(("name", "value"), [("a", ""), ("b", "1"), ("c", ""), ("", "")])
def test_of_a_parameter_given_twice_the_first_counts(name: str, value: str) -> None:
    assert first_value(FORM, name) == value


@pytest.mark.parametrize(
    ("end_ms", "steps"), [(1000, 1), (1999, 1), (2000, 2), (2001, 2), (10_000, 10)]
)
def test_the_end_counts_only_when_a_step_falls_on_it(end_ms: int, steps: int) -> None:
    query = RangeQuery("a", 1000, end_ms, 1000, "", ())
    assert query.grid == Grid(1000, 1000, steps)
