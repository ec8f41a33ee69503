"""What an expression is worth, at all steps at once: vectors, scalars; and the errors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from proxy.demo.series import Flags, Labels, Values
from proxy.errors import QueryError

Key = Callable[[Labels], Labels]


class ExecutionError(QueryError):
    """The expression is PromQL, but has no answer."""

    error_type = "execution"
    status = 422


class UnsupportedError(ExecutionError):
    """The expression is PromQL that the demo leaves to a real Thanos."""

    def __init__(self, thing: str) -> None:
        super().__init__(
            f"the demo upstream does not evaluate {thing}; "
            "point thanoxy at a real Thanos with UPSTREAM=http://..."
        )


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A number at every step: `values` has the shape [steps]."""

    values: Values


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """An instant vector at every step: `values` and `present` have shape [series, steps]."""

    labels: tuple[Labels, ...]
    values: Values
    present: Flags

    def taken(self, rows: Sequence[int]) -> Vector:
        """The given rows in the given order."""
        index = np.array(rows, dtype=np.int64)
        return Vector(tuple(self.labels[i] for i in rows), self.values[index], self.present[index])

    def with_values(self, values: Values) -> Vector:
        """Other values of the same shape, and no metric name: they are another quantity."""
        return Vector(self.labels, values, self.present).relabelled(without(()))

    def relabelled(self, change: Key) -> Vector:
        """Change every label set; rows that then have the same one are laid over each other.

        Raises:
            ExecutionError: two of them have a value at the same step.
        """
        groups = grouped(self.labels, change)
        if len(groups) == len(self.labels):
            return Vector(tuple(groups), self.values, self.present)
        if most_at_once(self, groups) > 1:
            raise ExecutionError("vector cannot contain metrics with the same labelset")
        held = np.where(self.present, self.values, 0.0)
        values = np.array([held[rows].sum(axis=0) for rows in groups.values()])
        present = np.array([self.present[rows].any(axis=0) for rows in groups.values()])
        return Vector(tuple(groups), values, present)


Result = Vector | Scalar


def grouped(labels: Sequence[Labels], key: Key) -> dict[Labels, list[int]]:
    """Row numbers by key, in the order of each key's first row."""
    groups: dict[Labels, list[int]] = {}
    for row, one in enumerate(labels):
        groups.setdefault(key(one), []).append(row)
    return groups


def most_at_once(vector: Vector, groups: dict[Labels, list[int]]) -> int:
    """The largest number of a group's series that have a value at the same step."""
    together = (vector.present[rows].sum(axis=0).max() for rows in groups.values())
    return int(max(together, default=0))


def only(names: Collection[str]) -> Key:
    """Keeps the named labels: `by` and `on`."""
    return lambda labels: tuple(pair for pair in labels if pair[0] in names)


def without(names: Collection[str]) -> Key:
    """Drops the named labels and the metric name: `without` and `ignoring`."""
    return lambda labels: tuple(p for p in labels if p[0] not in names and p[0] != "__name__")
