"""Requests as they are read for explaining, and what they would send."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from proxy.codec.params import parse_range_query
from proxy.engine import explainable
from proxy.engine.explainable import Explainable, asked_grids, asks_of
from proxy.model.grid import Grid
from proxy.model.query import Caller, RangeQuery
from proxy.plan.blocked import Question
from proxy.plan.explain import Ask, Reading
from proxy.plan.partition import Run
from proxy.plan.range_plan import RangePlan, SplitPolicy, plan_range

if TYPE_CHECKING:
    import pytest

HOUR_MS = 3_600_000
FORM = (
    ("query", "a b"),
    ("start", "0"),
    ("end", "60"),
    ("step", "30"),
    ("timeout", "9s"),
    ("dedup", "false"),
)
RANGE = Explainable(
    Question("query_range", "team", FORM, {}),
    "POST",
    Caller((), "team"),
    (9.0, "the parameter timeout"),
)


def plan(expr: str = "up @ end()", timeout: str = "") -> RangePlan:
    query = RangeQuery(expr, 0, 3 * HOUR_MS, 600_000, timeout, (("x", "1"),))
    return plan_range(query, SplitPolicy(HOUR_MS, 1000, keep=True))


def test_a_range_query_is_read_with_all_its_parameters() -> None:
    assert RANGE.reading(parse_range_query(FORM)) == Reading(
        "query_range",
        "a b",
        "team",
        9_000,
        "the parameter timeout",
        start_ms=0,
        end_ms=60_000,
        step_ms=30_000,
        parameters=(("dedup", "false"),),
    )


def test_of_times_that_only_thanos_can_read_nothing_is_said() -> None:
    reading = RANGE.reading()
    assert (reading.start_ms, reading.end_ms, reading.step_ms) == (None, None, None)
    assert reading.parameters == (("dedup", "false"),)


def test_an_instant_query_is_read_with_its_time() -> None:
    form = (("query", "up"), ("time", "5"), ("dedup", "true"))
    one = dataclasses.replace(RANGE, question=Question("query", "team", form, {}), says="no-cache")
    reading = one.reading()
    assert (reading.start_ms, reading.parameters) == (5_000, (("dedup", "true"),))
    assert one.is_refresh
    assert one.whole() == Ask(None, None, 0, "POST", "/api/v1/query", "query=up&time=5&dedup=true")


def test_a_whole_request_is_sent_as_it_came() -> None:
    text = "query=a+b&start=0&end=60&step=30&timeout=9s&dedup=false"
    assert RANGE.whole() == Ask(None, None, 0, "POST", "/api/v1/query_range", text)
    unread = dataclasses.replace(RANGE, question=Question("query_range", "team", None, {}))
    assert unread.whole().form == "(as it came)"
    assert unread.form == ()


def test_gaps_are_cut_at_the_split_interval() -> None:
    assert asked_grids(plan(), [Run(0, 2), Run(4, 13)]) == [
        Grid(0, 600_000, 2),
        Grid(2_400_000, 600_000, 2),
        Grid(HOUR_MS, 600_000, 6),
        Grid(2 * HOUR_MS, 600_000, 1),
    ]


def test_a_request_has_the_constant_text_the_times_and_how_long_it_is_waited_for() -> None:
    one = plan(timeout="9s")
    (ask,) = asks_of(one, [Grid(HOUR_MS, 600_000, 6)], 9.0)
    form = "query=up+%40+10800.000&start=3600&end=6600&step=600&timeout=9.000&x=1"
    assert ask == Ask(HOUR_MS, HOUR_MS + 3_000_000, 6, "POST", "/api/v1/query_range", form)


def test_too_many_and_too_long_requests_are_not_all_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    many = list(asks_of(plan("up"), [Grid(0, 1, 1)] * 500, 1.0))
    assert len(many) == explainable._MOST_ASKS
    assert all(ask.form for ask in many)
    monkeypatch.setattr(explainable, "_MOST_FORM_BYTES", 2 * len(many[0].form))
    cut = list(asks_of(plan("up"), [Grid(0, 1, 1)] * 3, 1.0))
    assert [bool(ask.form) for ask in cut] == [True, True, False]
    assert RANGE.whole().form
    monkeypatch.setattr(explainable, "_MOST_FORM_BYTES", 50)
    assert not RANGE.whole().form
