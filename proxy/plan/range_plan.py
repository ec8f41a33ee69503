"""The plan of a range query: what is sent upstream, or why it goes there whole.

`str(plan)` is what tests compare and what explains a query to its owner.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.model.grid import Grid
from proxy.model.query import RangeQuery, first_value
from proxy.plan.align import align_with_step
from proxy.plan.split import split_grid
from proxy.promql.freeze import Frozen, freeze
from proxy.promql.traits import Traits, analyse

_WHOLE_ONLY = {
    "analyze": "analyze describes one evaluation",
    "limit": "limit counts the series of the whole answer",
}


@dataclass(frozen=True, slots=True)
class SplitPolicy:
    """Settings that decide how a range query is cut."""

    interval_ms: int
    max_splits: int
    align: bool = False


@dataclass(frozen=True, slots=True)
class RangePlan:
    """`expr` is sent for each of `splits`; with `whole` set, the client's request is sent as it is."""

    query: RangeQuery
    expr: str
    frozen: bool
    splits: tuple[Grid, ...]
    traits: Traits | None
    whole: str

    def __str__(self) -> str:
        head = f"range query {self.query.grid}"
        if self.whole:
            return f"{head}\n  whole: {self.whole}"
        lines = [head, f"  expr: {self.expr}{' (frozen)' if self.frozen else ''}"]
        return "\n".join(lines + [f"  split: {grid}" for grid in self.splits])


def plan_range(query: RangeQuery, policy: SplitPolicy) -> RangePlan:
    """Decide how to ask. Every doubt ends in "whole"."""
    asked, query = query, align_with_step(query) if policy.align else query
    splits = split_grid(query.grid, policy.interval_ms)
    if len(splits) == 1 and query == asked:
        return _whole(query, "it lies within one split interval")
    if len(splits) > policy.max_splits:
        return _whole(query, f"{len(splits)} splits are more than {policy.max_splits}")
    for name, reason in _WHOLE_ONLY.items():
        if first_value(query.form, name):
            return _whole(query, reason)
    frozen = freeze(query.expr, query.start_ms, query.end_ms, query.step_ms)
    if not isinstance(frozen, Frozen):
        return _whole(query, frozen.reason)
    traits = analyse(frozen.text)
    if traits is None or traits.has_range_dependent:
        return _whole(query, "the expression is not understood here")
    return RangePlan(query, frozen.text, frozen.changed, splits, traits, "")


def _whole(query: RangeQuery, reason: str) -> RangePlan:
    return RangePlan(query, query.expr, False, (query.grid,), None, reason)
