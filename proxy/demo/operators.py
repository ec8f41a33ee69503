"""Operators on instant vectors: aggregation, arithmetic, comparison; all steps at once.

Sums run from the first series to the last whatever the number of steps, so that the last digit
does not depend on the range asked for (`np.sum` changes its order with the array's shape).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from proxy.demo.series import Flags, Labels, Times, Values
from proxy.demo.vectors import (
    ExecutionError,
    Key,
    Result,
    Scalar,
    UnsupportedError,
    Vector,
    grouped,
    most_at_once,
    only,
    without,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

# ── aggregation ──────────────────────────────────────────────────────────────────────────────

Reducer = Callable[[Values, Flags], Values]
"""Values and presence of one group, [series, steps], to one value for each step."""


def total(x: Values, present: Flags, axis: int) -> Values:
    """The sum along an axis of what is present, strictly one after the other."""
    summed: Values = np.cumsum(np.where(present, x, 0.0), axis=axis).take(-1, axis=axis)
    return summed


def mean_of(x: Values, present: Flags, axis: int) -> Values:
    mean: Values = total(x, present, axis) / present.sum(axis=axis)
    return mean


def stddev_of(x: Values, present: Flags, axis: int) -> Values:
    """Population standard deviation along an axis."""
    away = x - np.expand_dims(mean_of(x, present, axis), axis)
    return np.sqrt(mean_of(away * away, present, axis))


def outside(q: Values, inside: Values) -> Values:
    """What any quantile is where `q` is not in 0 to 1; `inside` elsewhere."""
    return np.where(np.isnan(q), np.nan, np.where(q < 0, -np.inf, np.where(q > 1, np.inf, inside)))


def quantile_of(q: Values, x: Values, present: Flags, axis: int) -> Values:
    """The q-quantile along an axis, linear between neighbours (promql/quantile.go, quantile).

    `q` is one number, or one for each position that remains.
    """
    ordered = np.sort(np.where(present, x, np.nan), axis=axis)
    top = np.maximum(present.sum(axis=axis) - 1, 0)
    rank = np.clip(np.nan_to_num(q), 0.0, 1.0) * top
    low = np.floor(rank).astype(np.int64)

    def at(index: Times) -> Values:
        return np.take_along_axis(ordered, np.expand_dims(index, axis), axis).squeeze(axis)

    weight = rank - low
    return outside(q, at(low) * (1 - weight) + at(np.minimum(top, low + 1)) * weight)


REDUCERS: dict[str, Reducer] = {
    "sum": partial(total, axis=0),
    "avg": partial(mean_of, axis=0),
    "min": lambda x, present: np.fmin.reduce(np.where(present, x, np.nan), axis=0),
    "max": lambda x, present: np.fmax.reduce(np.where(present, x, np.nan), axis=0),
    "count": lambda _, present: present.sum(axis=0).astype(np.float64),
    "stddev": partial(stddev_of, axis=0),
}


def aggregate(op: str, vector: Vector, key: Key, parameter: Values) -> Vector:
    """Aggregate the series of each key.

    `parameter` [steps] is the `k` of `topk` and `bottomk`, or the quantile.
    """
    groups = grouped(vector.labels, key)
    if op in {"topk", "bottomk"}:
        return ranked(vector, groups, np.trunc(parameter), largest=op == "topk")
    reducers = REDUCERS | {"quantile": lambda x, present: quantile_of(parameter, x, present, 0)}
    if op not in reducers:
        raise UnsupportedError(f"the aggregation '{op}'")
    values = np.zeros((len(groups), len(parameter)))
    present = np.zeros(values.shape, dtype=np.bool_)
    for i, rows in enumerate(groups.values()):
        present[i] = vector.present[rows].any(axis=0)
        values[i] = reducers[op](vector.values[rows], vector.present[rows])
    return Vector(tuple(groups), values, present)


def ranked(vector: Vector, groups: dict[Labels, list[int]], k: Values, *, largest: bool) -> Vector:
    """The k largest or smallest of each group at each step; at a single step in that order."""
    keep = np.zeros(vector.present.shape, dtype=np.bool_)
    order: list[int] = []
    for rows in groups.values():
        ordered = value_order(vector.taken(rows), largest=largest)
        keep[rows] = vector.present[rows] & (np.argsort(ordered, axis=0) < k)
        order += [rows[i] for i in ordered[:, 0]]
    found = Vector(vector.labels, vector.values, keep)
    return found.taken(order) if len(k) == 1 else found


def value_order(vector: Vector, *, largest: bool) -> NDArray[np.intp]:
    """Row numbers by value at each step, [series, steps]: numbers, then NaN, then absent."""
    keys = -vector.values if largest else vector.values
    keys = np.where(np.isnan(keys), np.finfo(np.float64).max, keys)
    return np.argsort(np.where(vector.present, keys, np.inf), axis=0, kind="stable")


def sort_by_value(vector: Vector, *, largest: bool) -> Vector:
    """`sort` and `sort_desc`: they order an instant answer; a range answer has its own."""
    if vector.values.shape[1] != 1:
        return vector
    return vector.taken(value_order(vector, largest=largest)[:, 0].tolist())


# ── arithmetic and comparison ────────────────────────────────────────────────────────────────

ARITHMETIC: dict[str, Callable[[Values, Values], Values]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
}
COMPARISON: dict[str, Callable[[Values, Values], Flags]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}


@dataclass(frozen=True, slots=True)
class Operator:
    """A binary operator with its modifiers: `bool`, and the labels of `on` or of `ignoring`."""

    sign: str
    returns_bool: bool = False
    on: bool = False
    names: Collection[str] = ()

    @property
    def filters(self) -> bool:
        """Does it keep or drop the left side's values, instead of making new ones?"""
        return self.sign in COMPARISON and not self.returns_bool

    @property
    def key(self) -> Key:
        """The labels that two series must share to be matched."""
        return only(self.names) if self.on else without(self.names)

    @property
    def result_labels(self) -> Key:
        """The labels of a match: a filter without `on` keeps the left side's metric name."""
        if self.on or not self.filters:
            return self.key
        return lambda labels: tuple(pair for pair in labels if pair[0] not in self.names)

    def values(self, left: Values, right: Values) -> Values:
        """New values: of arithmetic, or 0 and 1 of a comparison."""
        if self.sign in ARITHMETIC:
            return ARITHMETIC[self.sign](left, right)
        return COMPARISON[self.sign](left, right).astype(np.float64)


def combine(operator: Operator, left: Result, right: Result) -> Result:
    """Apply an operator to any two operands."""
    if isinstance(left, Vector) and isinstance(right, Vector):
        return match_vectors(operator, left, right)
    vector = left if isinstance(left, Vector) else right
    if isinstance(vector, Scalar):
        return Scalar(operator.values(left.values, right.values))
    if not operator.filters:
        return vector.with_values(operator.values(left.values, right.values))
    holds = COMPARISON[operator.sign](left.values, right.values)
    return Vector(vector.labels, vector.values, vector.present & holds)


def match_vectors(operator: Operator, left: Vector, right: Vector) -> Vector:
    """Each left series with the one right series of the same key, where both have a value.

    Raises:
        ExecutionError: a key has several series at the same step, on either side.
    """
    of_key = grouped(right.labels, operator.key)
    keys = [operator.key(labels) for labels in left.labels]
    pairs = [(i, j) for i, key in enumerate(keys) for j in of_key.get(key, ())]
    lhs, rhs = left.taken([i for i, _ in pairs]), right.taken([j for _, j in pairs])
    found = Vector(lhs.labels, lhs.values, lhs.present & rhs.present)
    many = most_at_once(right, of_key), most_at_once(found, grouped(lhs.labels, operator.key))
    if max(many) > 1:
        raise ExecutionError(
            "found duplicate series for a match group: many-to-many matching not allowed, "
            "matching labels must be unique on both sides"
        )
    if operator.filters:
        holds = COMPARISON[operator.sign](lhs.values, rhs.values)
        found = Vector(lhs.labels, lhs.values, found.present & holds)
    else:
        found = Vector(lhs.labels, operator.values(lhs.values, rhs.values), found.present)
    return found.relabelled(operator.result_labels)
