from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from proxy.demo.operators import Operator, aggregate, combine, sort_by_value
from proxy.demo.vectors import ExecutionError, Scalar, UnsupportedError, Vector, only, without

if TYPE_CHECKING:
    from proxy.demo.series import Labels

NAN = np.nan


def labels(**pairs: str) -> Labels:
    return tuple(sorted(pairs.items()))


def vector(rows: dict[Labels, list[float | None]]) -> Vector:
    values = np.array([[NAN if v is None else v for v in row] for row in rows.values()])
    present = np.array([[v is not None for v in row] for row in rows.values()])
    return Vector(tuple(rows), values, present)


def shown(found: Vector) -> dict[Labels, list[float | None]]:
    rows = zip(found.labels, found.values.tolist(), found.present.tolist(), strict=True)
    return {
        one: [v if here else None for v, here in zip(row, present, strict=True)]
        for one, row, present in rows
        if any(present)
    }


A1, A2, B1 = labels(g="a", i="1"), labels(g="a", i="2"), labels(g="b", i="1")
ROWS = vector({A1: [1.0, None, 5.0], A2: [3.0, None, 2.0], B1: [2.0, 4.0, None]})
ONE = np.ones(3)


@pytest.mark.parametrize(
    ("op", "parameter", "expected"),
    [
        ("sum", 0, [4.0, None, 7.0]),
        ("avg", 0, [2.0, None, 3.5]),
        ("min", 0, [1.0, None, 2.0]),
        ("max", 0, [3.0, None, 5.0]),
        ("count", 0, [2.0, None, 2.0]),
        ("stddev", 0, [1.0, None, 1.5]),
        ("quantile", 0.25, [1.5, None, 2.75]),
        ("quantile", 7, [np.inf, None, np.inf]),
    ],
)
def test_a_group_has_a_value_where_any_member_has(
    op: str, parameter: float, expected: list[float | None]
) -> None:
    with np.errstate(all="ignore"):
        found = shown(aggregate(op, ROWS, only(("g",)), ONE * parameter))
    assert found[labels(g="a")] == expected


def test_without_keeps_the_other_labels() -> None:
    found = aggregate("sum", ROWS, without(("g",)), ONE)
    assert shown(found) == {labels(i="1"): [3.0, 4.0, 5.0], labels(i="2"): [3.0, None, 2.0]}


def test_topk_and_bottomk_choose_anew_at_each_step() -> None:
    top = aggregate("topk", ROWS, only(()), ONE)
    low = aggregate("bottomk", ROWS, only(("g",)), ONE * 1.9)
    assert shown(top) == {A1: [None, None, 5.0], A2: [3.0, None, None], B1: [None, 4.0, None]}
    assert shown(low) == {A1: [1.0, None, None], A2: [None, None, 2.0], B1: [2.0, 4.0, None]}


def test_an_instant_order_is_by_value_with_nan_last() -> None:
    rows = vector({A1: [1.0], A2: [NAN], B1: [2.0]})
    assert list(shown(sort_by_value(rows, largest=True))) == [B1, A1, A2]
    assert list(shown(sort_by_value(rows, largest=False))) == [A1, B1, A2]
    assert list(shown(aggregate("topk", rows, only(()), np.array([3.0])))) == [B1, A1, A2]
    assert sort_by_value(ROWS, largest=True) is ROWS


def test_a_sum_does_not_depend_on_the_number_of_steps() -> None:
    noise = np.random.default_rng(1).random((97, 40))
    rows = Vector(tuple(labels(i=str(i)) for i in range(97)), noise, noise >= 0)
    whole = aggregate("sum", rows, only(()), np.zeros(40)).values[0]
    for i in range(40):
        step = Vector(rows.labels, noise[:, i : i + 1], rows.present[:, i : i + 1])
        assert aggregate("sum", step, only(()), np.zeros(1)).values[0, 0] == whole[i]


def test_an_unknown_aggregation_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="count_values"):
        aggregate("count_values", ROWS, only(()), ONE)


NAMED = vector({labels(__name__="m", i="1"): [7.0], labels(__name__="m", i="2"): [-7.0]})
TWO = Scalar(np.array([2.0]))


@pytest.mark.parametrize(
    ("sign", "expected"),
    [("+", 9), ("-", 5), ("*", 14), ("/", 3.5), ("%", 1), ("^", 49), ("==", 0), (">=", 1)],
)
def test_new_values_lose_the_metric_name(sign: str, expected: float) -> None:
    found = combine(Operator(sign, returns_bool=True), NAMED, TWO)
    assert isinstance(found, Vector)
    assert shown(found)[labels(i="1")] == [expected]


def test_a_remainder_has_the_sign_of_the_dividend() -> None:
    found = combine(Operator("%"), NAMED, TWO)
    assert found.values[-1].tolist() == [-1.0]


def test_a_filter_keeps_the_vectors_values_and_name_on_either_side() -> None:
    for operands in ((NAMED, Operator(">"), TWO), (TWO, Operator("<"), NAMED)):
        left, operator, right = operands
        found = combine(operator, left, right)
        assert isinstance(found, Vector)
        assert shown(found) == {labels(__name__="m", i="1"): [7.0]}


def test_scalars_give_a_scalar() -> None:
    assert combine(Operator("^"), TWO, TWO).values.tolist() == [4.0]


def test_vectors_match_one_to_one_by_the_labels_that_count() -> None:
    right = vector({labels(i="1", z="9"): [2.0, None, 2.0], labels(i="3", z="9"): [1.0, 1.0, 1.0]})
    left = vector({labels(__name__="m", g="a", i="1"): [6.0, 6.0, 1.0]})
    on = combine(Operator("/", on=True, names=("i",)), left, right)
    ignoring = combine(Operator(">", names=("g", "z")), left, right)
    assert isinstance(on, Vector)
    assert isinstance(ignoring, Vector)
    assert shown(on) == {labels(i="1"): [3.0, None, 0.5]}
    assert shown(ignoring) == {labels(__name__="m", i="1"): [6.0, None, None]}
    assert shown(combine(Operator("+"), left, right)) == {}  # type: ignore[arg-type]


@pytest.mark.parametrize("swapped", [False, True])
def test_several_matches_at_the_same_step_are_an_error(swapped: bool) -> None:
    single = vector({labels(g="a"): [1.0, 1.0, 1.0]})
    left, right = (single, ROWS) if swapped else (ROWS, single)
    with pytest.raises(ExecutionError, match="duplicate series"):
        combine(Operator("+", on=True, names=("g",)), left, right)


def test_several_matches_at_different_steps_are_none() -> None:
    rows = vector({A1: [1.0, None], A2: [None, 2.0]})
    found = combine(Operator("+", on=True, names=("g",)), rows, rows)
    assert isinstance(found, Vector)
    assert shown(found) == {labels(g="a"): [2.0, 4.0]}
