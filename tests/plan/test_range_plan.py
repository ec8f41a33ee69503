"""Plans, compared as text."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.model.grid import Grid
from proxy.model.query import RangeQuery
from proxy.plan.range_plan import SplitPolicy, count_splits, plan_range
from tests.bodies import GRIDS

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
POLICY = SplitPolicy(HOUR_MS, 100)


def query(expr: str = "up", end_ms: int = 2 * HOUR_MS, **form: str) -> RangeQuery:
    return RangeQuery(expr, 30 * MINUTE_MS, end_ms, 15 * MINUTE_MS, "", tuple(form.items()))


def text(*lines: str) -> str:
    return "\n".join(lines)


def test_a_plan_lists_its_splits() -> None:
    assert str(plan_range(query(), POLICY)) == text(
        "range query 1800000+7x900000ms",
        "  expr: up, not kept",
        "  split: 1800000+2x900000ms",
        "  split: 3600000+4x900000ms",
        "  split: 7200000+1x900000ms",
    )


def test_range_dependent_times_become_constants_of_the_whole_range() -> None:
    assert str(plan_range(query("up @ end()"), POLICY)) == text(
        "range query 1800000+7x900000ms",
        "  expr: up @ 7200.000 (made constant), not kept",
        "  split: 1800000+2x900000ms",
        "  split: 3600000+4x900000ms",
        "  split: 7200000+1x900000ms",
    )


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (query(end_ms=HOUR_MS - 1), "it lies within one split interval"),
        (query(analyze="true"), "analyze describes one evaluation"),
        (query(limit="5"), "limit counts the series of the whole answer"),
    ],
)
def test_what_only_one_evaluation_can_answer_is_not_cut(asked: RangeQuery, reason: str) -> None:
    plan = plan_range(asked, POLICY)
    assert str(plan) == text(f"range query {asked.grid}", f"  whole: {reason}")


@pytest.mark.parametrize("expr", ["", "sum(", "up[5m:1m", "$__rate(up)", "up @ start(", "new_fn(up)"])
def test_what_is_not_understood_is_asked_for_whole_in_the_clients_words(expr: str) -> None:
    plan = plan_range(query(expr), POLICY)
    assert plan.whole
    assert plan.query.expr == expr


def test_an_empty_parameter_is_as_good_as_none() -> None:
    assert not plan_range(query(analyze="", limit=""), POLICY).whole


def test_more_splits_than_allowed_are_not_made() -> None:
    assert plan_range(query(), SplitPolicy(HOUR_MS, 2)).whole == "3 splits are more than 2"
    assert not plan_range(query(), SplitPolicy(HOUR_MS, 3)).whole


def test_without_an_interval_nothing_is_cut() -> None:
    assert plan_range(query(), SplitPolicy(0, 100)).whole == "it lies within one split interval"


def test_the_clients_grid_is_moved_only_when_asked_to() -> None:
    asked = RangeQuery("up", 100, 2 * HOUR_MS + 7, MINUTE_MS, "", ())
    assert plan_range(asked, POLICY).query == asked
    aligned = plan_range(asked, SplitPolicy(HOUR_MS, 100, align=True))
    assert aligned.query.grid == Grid(0, MINUTE_MS, 121)
    assert aligned.splits()[0].start_ms == 0


def test_a_query_that_is_not_cut_is_sent_as_it_came() -> None:
    asked = RangeQuery("sum(", 100, 2 * HOUR_MS + 7, MINUTE_MS, "", ())
    assert plan_range(asked, SplitPolicy(HOUR_MS, 100, align=True)).query == asked


def test_what_may_be_kept_has_a_key_and_is_never_too_short_to_be_looked_into() -> None:
    policy = SplitPolicy(HOUR_MS, 100, keep=True)
    short = plan_range(query(end_ms=HOUR_MS - 1), policy)
    assert not short.whole
    assert short.key == plan_range(query(), policy).key
    assert short.key is not None
    assert str(short).splitlines()[1] == "  expr: up, kept"
    assert plan_range(query(stats="all"), policy).key is None


def test_a_plan_without_splits_has_no_expression_to_look_at() -> None:
    with pytest.raises(ValueError, match="not looked into"):
        _ = plan_range(query(limit="5"), POLICY).known


def test_a_short_query_is_aligned_too() -> None:
    asked = RangeQuery("up", 100, 5 * MINUTE_MS, MINUTE_MS, "", ())
    plan = plan_range(asked, SplitPolicy(HOUR_MS, 100, align=True))
    assert not plan.whole
    assert plan.splits() == (Grid(0, MINUTE_MS, 6),)


def test_frozen_times_are_those_of_the_aligned_range() -> None:
    asked = RangeQuery("up @ start()", 100, 2 * HOUR_MS, MINUTE_MS, "", ())
    assert plan_range(asked, SplitPolicy(HOUR_MS, 100, align=True)).known.text == "up @ 0.000"


@given(GRIDS, st.integers(1, 100_000), st.integers(1, 50))
def test_every_step_is_asked_for_once(grid: Grid, interval_ms: int, max_splits: int) -> None:
    asked = RangeQuery("up", grid.start_ms, grid.last_ms, grid.step_ms, "", ())
    plan = plan_range(asked, SplitPolicy(interval_ms, max_splits))
    assume(not plan.whole)
    times = [s.start_ms + k * s.step_ms for s in plan.splits() for k in range(s.steps)]
    assert times == [grid.start_ms + k * grid.step_ms for k in range(grid.steps)]


@given(GRIDS, st.integers(0, 100_000), st.booleans())
def test_splits_are_counted_as_the_plan_cuts(grid: Grid, interval_ms: int, align: bool) -> None:
    asked = RangeQuery("up", grid.start_ms, grid.last_ms, grid.step_ms, "", ())
    policy = SplitPolicy(interval_ms, 1000, align=align, keep=True)
    assert count_splits(asked, policy) == len(plan_range(asked, policy).splits())
