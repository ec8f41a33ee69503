"""Limits: what is refused, with which words, and that one unit less is not."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import LimitError, QueryError, TooLargeError
from proxy.model.query import RangeQuery
from proxy.plan.blocked import BlockedRule, Question
from proxy.plan.limits import (
    FLAGS,
    Limits,
    LimitsTable,
    check_query,
    check_question,
    check_response_bytes,
    check_samples,
    check_unread_times,
    check_upstream_bytes,
    check_window,
    member_of,
)
from proxy.plan.range_plan import SplitPolicy, count_splits
from proxy.settings import rows
from tests.bodies import GRIDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.model.grid import Grid
    from proxy.model.query import Form

HOUR_MS = 3_600_000
QUERY = RangeQuery("up", 0, HOUR_MS, 60_000, "", ())
POLICY = SplitPolicy(HOUR_MS // 4, 100)
NOTHING: dict[str, str] = {}


def ask(table: LimitsTable, *texts: str, tenant: str = "a") -> None:
    form: Form = tuple(("query", text) for text in texts)
    check_question(Question("query", tenant, form, NOTHING), table)


def of_query(limits: Limits) -> None:
    check_query(QUERY, POLICY, limits, 2 * HOUR_MS)


CHECKS: dict[str, tuple[int, Callable[[Limits], None]]] = {
    "max_query_bytes": (2, lambda limits: ask(LimitsTable(limits), "up")),
    "max_query_length_ms": (HOUR_MS, of_query),
    "max_query_lookback_ms": (2 * HOUR_MS, of_query),
    "max_query_steps": (61, of_query),
    "max_query_splits": (5, of_query),
    "max_query_upstream_bytes": (99, lambda limits: check_upstream_bytes(99, limits)),
    "max_query_samples": (99, lambda limits: check_samples(99, limits)),
    "max_query_response_bytes": (99, lambda limits: check_response_bytes(99, limits)),
}
"""A limit, what the check next to it finds, and that check."""

WORDS = {
    "max_query_bytes": "the query's text has 2 bytes, more than 1 (--limits.max-query-bytes,"
    " or max_query_bytes in --limits.config-file): send a shorter text",
    "max_query_length_ms": "the query's range is 3600s long, more than 3599.999s"
    " (--query-range.max-query-length, or max_query_length in --limits.config-file): ask for a"
    " shorter range",
    "max_query_lookback_ms": "the query begins 7200s before now, more than 7199.999s"
    " (--limits.max-query-lookback, or max_query_lookback in --limits.config-file): let it begin later",
    "max_query_steps": "the query has 61 steps, more than 60 (--limits.max-query-steps, or"
    " max_query_steps in --limits.config-file): ask with a longer step or a shorter range",
    "max_query_splits": "the query would be cut into 5 splits, more than 4"
    " (--limits.max-query-splits, or max_query_splits in --limits.config-file): ask for a shorter"
    " range",
    "max_query_upstream_bytes": "the query fetched 99 bytes from the upstream, more than 98"
    " (--limits.max-query-upstream-bytes, or max_query_upstream_bytes in --limits.config-file): ask for"
    " fewer series, a shorter range or a longer step",
    "max_query_samples": "the answer has 99 samples, more than 98 (--limits.max-query-samples, or"
    " max_query_samples in --limits.config-file): ask for fewer series, a shorter range or a longer"
    " step",
    "max_query_response_bytes": "the answer has 99 bytes, more than 98"
    " (--limits.max-query-response-bytes, or max_query_response_bytes in --limits.config-file): ask for"
    " fewer series, a shorter range or a longer step",
}


def limited(limit: str, value: int) -> Limits:
    return dataclasses.replace(Limits(), **{limit: value})


@pytest.mark.parametrize("limit", CHECKS)
def test_what_is_just_within_a_limit_passes_and_0_is_no_limit(limit: str) -> None:
    found, check = CHECKS[limit]
    check(limited(limit, found))
    check(limited(limit, 0))


@pytest.mark.parametrize("limit", CHECKS)
def test_what_is_just_beyond_a_limit_is_refused_with_its_settings_and_a_way_out(limit: str) -> None:
    found, check = CHECKS[limit]
    with pytest.raises(QueryError) as refused:
        check(limited(limit, found - 1))
    assert str(refused.value) == WORDS[limit]
    expected = TooLargeError if limit == "max_query_bytes" else LimitError
    assert type(refused.value) is expected


def test_every_limit_has_a_check_or_a_gate_and_the_flag_that_its_words_name() -> None:
    fields = [field.name for field in dataclasses.fields(Limits)]
    assert fields == [*CHECKS, "max_tenant_concurrent"] == list(FLAGS)
    flags = {row["name"]: f"--{row['flag']}" for row in rows()}
    assert {limit: flags[limit] for limit in fields} == FLAGS
    assert member_of("max_query_length_ms") == "max_query_length"


@given(st.text(max_size=30), st.integers(1, 130))
def test_a_text_is_measured_as_it_is_in_utf_8(text: str, most: int) -> None:
    table = LimitsTable(Limits(max_query_bytes=most))
    if len(text.encode("utf-8", "surrogatepass")) <= most:
        ask(table, text)
    else:
        with pytest.raises(TooLargeError):
            ask(table, text)


def test_each_text_of_a_request_is_measured_by_itself() -> None:
    table = LimitsTable(Limits(max_query_bytes=4))
    form: Form = (("match[]", "up"), ("match[]", "down"), ("start", "1700000000"))
    check_question(Question("series", "a", form, NOTHING), table)
    with pytest.raises(TooLargeError):
        check_question(Question("series", "a", (*form, ("match[]", "downs")), NOTHING), table)


@given(GRIDS, st.integers(1, 100_000), st.integers(1, 45), st.booleans())
def test_steps_and_splits_are_those_of_the_plan(
    grid: Grid, interval_ms: int, most: int, align: bool
) -> None:
    query = RangeQuery("up", grid.start_ms, grid.last_ms, grid.step_ms, "", ())
    policy = SplitPolicy(interval_ms, 1000, align=align)
    splits = count_splits(query, policy)
    for limits, found in (
        (Limits(max_query_steps=most), grid.steps),
        (Limits(max_query_splits=most), splits),
    ):
        if found <= most:
            check_query(query, policy, limits, 0)
        else:
            with pytest.raises(LimitError, match=rf" {found} (steps|splits), more than {most} "):
                check_query(query, policy, limits, 0)


def test_a_query_that_is_never_cut_has_one_split() -> None:
    check_query(QUERY, SplitPolicy(0, 100), Limits(max_query_splits=1), 0)


def test_the_same_query_passes_the_lookback_until_it_is_too_old() -> None:
    limits = Limits(max_query_lookback_ms=HOUR_MS)
    check_query(QUERY, POLICY, limits, HOUR_MS)
    with pytest.raises(LimitError, match=r"begins 3600\.001s before now"):
        check_query(QUERY, POLICY, limits, HOUR_MS + 1)


def test_times_that_are_not_given_are_not_judged() -> None:
    limits = Limits(max_query_lookback_ms=1, max_query_length_ms=1)
    check_window(None, None, limits, HOUR_MS)
    check_window(None, HOUR_MS, limits, HOUR_MS)
    check_window(HOUR_MS, None, limits, HOUR_MS)
    with pytest.raises(LimitError, match="lookback"):
        check_window(0, None, limits, HOUR_MS)


def test_a_start_in_the_future_lies_not_too_far_back() -> None:
    check_window(2 * HOUR_MS, 2 * HOUR_MS, Limits(max_query_lookback_ms=1), HOUR_MS)


@pytest.mark.parametrize(
    "limit",
    ["max_query_length_ms", "max_query_lookback_ms", "max_query_steps", "max_query_splits"],
)
def test_times_that_cannot_be_read_are_no_way_around_a_limit_on_times(limit: str) -> None:
    with pytest.raises(LimitError, match=rf"^{FLAGS[limit]} cannot be checked, .*: write them as"):
        check_unread_times(limited(limit, 5))


def test_where_no_limit_looks_at_times_thanos_may_read_them() -> None:
    check_unread_times(Limits(max_query_bytes=5, max_query_samples=5))


@pytest.mark.parametrize(
    ("limits", "flags"),
    [
        (Limits(max_query_bytes=5), "--limits.max-query-bytes"),
        (
            Limits(max_query_steps=5, max_query_length_ms=5),
            "--query-range.max-query-length, --limits.max-query-steps",
        ),
    ],
)
def test_parameters_that_cannot_be_read_are_no_way_around_a_limit(limits: Limits, flags: str) -> None:
    unread = Question("query", "a", None, NOTHING)
    with pytest.raises(LimitError, match=rf"so {flags} cannot be checked: send them to the plain path"):
        check_question(unread, LimitsTable(limits))
    check_question(unread, LimitsTable(Limits(max_query_samples=5)))


def test_a_tenant_has_its_own_limits_instead_of_the_default() -> None:
    table = LimitsTable(Limits(max_query_bytes=1), {"b": Limits(max_query_bytes=2)})
    ask(table, "up", tenant="b")
    with pytest.raises(TooLargeError):
        ask(table, "up", tenant="a")


def test_blocked_questions_are_refused_with_the_limits() -> None:
    table = LimitsTable(blocked=(BlockedRule(tenant="b", reason="moved"),))
    ask(table, "up", tenant="a")
    with pytest.raises(LimitError, match=re.escape("this request is blocked: moved (rule 1 of")):
        ask(table, "up", tenant="b")


@pytest.mark.parametrize(
    ("table", "judges"),
    [
        (LimitsTable(), False),
        (LimitsTable(Limits(max_query_samples=5, max_tenant_concurrent=5)), False),
        (LimitsTable(Limits(max_query_splits=5)), True),
        (LimitsTable(tenants={"b": Limits(max_query_bytes=5)}), True),
        (LimitsTable(blocked=(BlockedRule(tenant="b"),)), True),
    ],
)
def test_a_table_knows_whether_anybodys_question_can_be_refused(
    table: LimitsTable, judges: bool
) -> None:
    assert table.judges_questions is judges


def test_tables_of_the_same_limits_and_rules_are_equal() -> None:
    tables = [LimitsTable(blocked=(BlockedRule(pattern="a", reason=r),)) for r in ("x", "x", "y")]
    assert tables[0] == tables[1]
    assert tables[0] != tables[2]
