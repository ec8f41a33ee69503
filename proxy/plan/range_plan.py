"""The plan of a range query: what is sent upstream, or why it goes there whole.

`str(plan)` is what tests compare and what explains a query to its owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.model.query import RangeQuery, first_value
from proxy.plan.align import align_with_step
from proxy.plan.cache_key import CacheKey, range_key
from proxy.plan.expression import Expression, understand
from proxy.plan.split import split_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.model.grid import Grid

_WHOLE_ONLY = {
    "analyze": "analyze describes one evaluation",
    "limit": "limit counts the series of the whole answer",
}


@dataclass(frozen=True, slots=True)
class SplitPolicy:
    """Settings that decide how a range query is cut, and whether parts of it are kept."""

    interval_ms: int
    max_splits: int
    align: bool = False
    keep: bool = False


@dataclass(frozen=True, slots=True)
class RangePlan:
    """How a range query is answered: whole (for that reason), or from splits of `grid`.

    key: of what is kept of it; None when nothing may be.
    """

    query: RangeQuery
    grid: Grid
    whole: str = ""
    expression: Expression | None = None
    key: CacheKey | None = None
    interval_ms: int = 0

    @property
    def known(self) -> Expression:
        """The expression of a plan that is not whole."""
        if self.expression is None:
            raise ValueError("a query that is asked for whole is not looked into")
        return self.expression

    def splits(self) -> tuple[Grid, ...]:
        """The requests that a plan of which nothing is held sends upstream."""
        return split_grid(self.grid, self.interval_ms)

    def __str__(self) -> str:
        head = f"range query {self.grid}"
        if self.whole:
            return f"{head}\n  whole: {self.whole}"
        frozen = " (made constant)" if self.known.changed else ""
        kept = "kept" if self.key else "not kept"
        lines = [head, f"  expr: {self.known.text}{frozen}, {kept}"]
        return "\n".join(lines + [f"  split: {grid}" for grid in self.splits()])


def plan_range(query: RangeQuery, policy: SplitPolicy, caller: Sequence[str] = ()) -> RangePlan:
    """Decide how to ask. Every doubt ends in "whole". `caller`: see `cache_key.vary_fields`.

    A plan depends on neither the time nor limits: it may be remembered. See `plan.limits`.
    """
    asked, query = query, _aligned(query, policy)
    grid = query.grid
    splits = _splits_of(grid, policy.interval_ms)
    if splits > policy.max_splits:
        return RangePlan(asked, grid, f"{splits} splits are more than {policy.max_splits}")
    for name, reason in _WHOLE_ONLY.items():
        if first_value(query.form, name):
            return RangePlan(asked, grid, reason)
    keep = policy.keep and not first_value(query.form, "stats")
    if splits == 1 and query == asked and not keep:
        return RangePlan(asked, grid, "it lies within one split interval")
    expression = understand(query)
    if isinstance(expression, str):
        return RangePlan(asked, grid, expression)
    key = None
    if keep:
        key = range_key(caller, expression.normal, grid.step_ms, grid.phase_ms, query.form)
    return RangePlan(query, grid, "", expression, key, policy.interval_ms)


def count_splits(query: RangeQuery, policy: SplitPolicy) -> int:
    """Into how many splits the policy would cut a query that it may cut."""
    return _splits_of(_aligned(query, policy).grid, policy.interval_ms)


def _aligned(query: RangeQuery, policy: SplitPolicy) -> RangeQuery:
    return align_with_step(query) if policy.align else query


def _splits_of(grid: Grid, interval_ms: int) -> int:
    if interval_ms <= 0:
        return 1
    intervals = grid.last_ms // interval_ms - grid.start_ms // interval_ms + 1
    return min(intervals, grid.steps)
