"""What a remote read asks for, where it is cut, and what its key is made of."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.read_query import Matcher, MatchType, Reader, ReadHints, ReadQuery
from proxy.plan.cache_key import vary_fields
from proxy.plan.partition import Run
from proxy.plan.read_plan import (
    COUNTER_FUNCTIONS,
    EARLIEST_MS,
    LATEST_MS,
    TWO_SAMPLE_FUNCTIONS,
    ReadPlan,
    ReadPolicy,
    plan_read,
)

DAY_MS = 86_400_000
MOST_MS, LEAST_MS = (1 << 63) - 1, -(1 << 63)
UP = Matcher(MatchType.EQUAL, "__name__", "up")
JOB = Matcher(MatchType.REGEX, "job", "a|b")
POLICY = ReadPolicy(
    source="grpc",
    window_ms=DAY_MS,
    most_windows=10,
    max_resolution_ms=0,
    partial_response=False,
    parallelism=4,
    memory_bytes=1 << 20,
)
NOBODY = Reader(())
TENANT = Reader((), tenant_label="tenant_id", tenant="a")


def plan(
    first_ms: int = 0,
    last_ms: int = 1000,
    *matchers: Matcher,
    hints: ReadHints | None = None,
    reader: Reader = NOBODY,
    **policy: Any,
) -> ReadPlan:
    query = ReadQuery(first_ms, last_ms, matchers or (UP, JOB), hints or ReadHints())
    return plan_read(query, dataclasses.replace(POLICY, **policy), reader)


def key(*matchers: Matcher, **others: Any) -> bytes:
    found = plan(0, 1000, *matchers, **others).key
    assert found is not None
    return found.full


def test_the_source_is_asked_for_what_the_client_asked() -> None:
    ask = plan(5, 9, hints=ReadHints("rate", 15_000, 300_000), partial_response=True).ask
    assert (ask.first_ms, ask.last_ms) == (5, 9)
    assert ask.matchers == (UP, JOB)
    assert ask.func == "rate"
    assert ask.max_resolution_ms == 0
    assert ask.partial_response


def test_both_ends_belong_to_the_span() -> None:
    span = plan(5, 9).span
    assert (span.start_ms, span.last_ms, span.step_ms, span.steps) == (5, 9, 1, 5)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ((LEAST_MS, MOST_MS), (EARLIEST_MS, LATEST_MS)),
        ((LEAST_MS, 0), (EARLIEST_MS, 0)),
        ((0, MOST_MS), (0, LATEST_MS)),
        ((LEAST_MS, LEAST_MS), (EARLIEST_MS, EARLIEST_MS)),
        ((LATEST_MS + 5, MOST_MS), (LATEST_MS + 5, LATEST_MS + 5)),
        ((7, 7), (7, 7)),
    ],
)
def test_times_beyond_all_clocks_are_cut_to_what_there_can_be(
    asked: tuple[int, int], meant: tuple[int, int]
) -> None:
    found = plan(*asked)
    assert (found.ask.first_ms, found.ask.last_ms) == meant
    assert (found.span.start_ms, found.span.last_ms) == meant


def test_the_earliest_time_is_the_year_one_and_the_latest_the_year_2200() -> None:
    unix_day = 719_163 - 1  # days from 0001-01-01 to 1970-01-01
    assert -unix_day * DAY_MS == EARLIEST_MS
    assert LATEST_MS == 84_006 * DAY_MS


def test_a_read_is_cut_at_multiples_of_the_window() -> None:
    found = plan(DAY_MS - 5, 3 * DAY_MS)
    span = Run(DAY_MS - 5, 3 * DAY_MS + 1)
    assert found.windows(span) == [
        Run(DAY_MS - 5, DAY_MS),
        Run(DAY_MS, 2 * DAY_MS),
        Run(2 * DAY_MS, 3 * DAY_MS),
        Run(3 * DAY_MS, 3 * DAY_MS + 1),
    ]


def test_what_is_no_longer_than_a_window_is_fetched_at_once() -> None:
    found = plan(5, DAY_MS + 4)
    span = Run(5, DAY_MS + 5)
    assert found.fetches(span) == [span]
    assert len(found.windows(span)) == 2
    longer = Run(5, DAY_MS + 6)
    assert found.fetches(longer) == found.windows(longer)


def test_a_whole_window_is_not_cut() -> None:
    assert plan().windows(Run(DAY_MS, 2 * DAY_MS)) == [Run(DAY_MS, 2 * DAY_MS)]


@given(first=st.integers(-500, 500), steps=st.integers(1, 900), window_ms=st.integers(1, 300))
def test_windows_make_up_their_run_and_none_crosses_a_multiple(
    first: int, steps: int, window_ms: int
) -> None:
    windows = plan(window_ms=window_ms).windows(Run(first, first + steps))
    assert windows[0].first == first
    assert windows[-1].end == first + steps
    assert all(one.end == two.first for one, two in itertools.pairwise(windows))
    assert all(run.first // window_ms == (run.end - 1) // window_ms for run in windows)


def test_a_part_is_asked_for_with_both_ends_inclusive() -> None:
    found = plan(0, 1000)
    assert found.ask_for(Run(10, 20)) == dataclasses.replace(found.ask, first_ms=10, last_ms=19)


def test_a_read_of_more_windows_than_are_cut_has_no_key() -> None:
    assert plan(0, 10 * DAY_MS - 1).key is not None
    assert plan(0, 10 * DAY_MS).key is None


@pytest.mark.parametrize(
    ("matchers", "names"),
    [
        ((UP, JOB), {"up"}),
        ((JOB,), None),
        ((Matcher(MatchType.REGEX, "__name__", "up"),), None),
        ((Matcher(MatchType.NOT_EQUAL, "__name__", "up"),), None),
        ((Matcher(MatchType.EQUAL, "job", "up"),), None),
    ],
)
def test_the_metrics_that_can_be_read_are_known_by_their_exact_name(
    matchers: tuple[Matcher, ...], names: set[str] | None
) -> None:
    assert plan(0, 1, *matchers).metric_names == names


def test_where_tenancy_is_enforced_the_tenants_matcher_is_added() -> None:
    wanted = Matcher(MatchType.EQUAL, "tenant_id", "a")
    assert plan(reader=TENANT).ask.matchers == (UP, JOB, wanted)


@pytest.mark.parametrize("kind", MatchType)
def test_a_matcher_of_the_tenant_label_gives_way_to_the_tenant(kind: MatchType) -> None:
    mine, theirs = (Matcher(MatchType.EQUAL, "tenant_id", tenant) for tenant in "ab")
    others = (Matcher(kind, "tenant_id", "b"), UP, theirs)
    assert plan(0, 1, *others, reader=TENANT).ask.matchers == (UP, mine)


def test_where_tenancy_is_not_enforced_matchers_stay_as_they_are() -> None:
    theirs = Matcher(MatchType.EQUAL, "tenant_id", "b")
    reader = dataclasses.replace(TENANT, tenant_label="")
    assert plan(0, 1, UP, theirs, reader=reader).ask.matchers == (UP, theirs)


@pytest.mark.parametrize(
    ("func", "range_ms", "resolution_ms"),
    [
        ("rate", 0, 300_000),
        ("rate", 900_000, 300_000),
        ("rate", 300_001, 150_000),
        ("holt_winters", 60_000, 30_000),
        ("double_exponential_smoothing", 60_000, 30_000),
        ("resets", 60_000, 300_000),
        ("max_over_time", 60_000, 300_000),
        ("", 60_000, 300_000),
    ],
)
def test_two_samples_of_downsampled_data_fit_into_a_range_that_needs_them(
    func: str, range_ms: int, resolution_ms: int
) -> None:
    hints = ReadHints(func, 15_000, range_ms)
    assert plan(hints=hints, max_resolution_ms=300_000).ask.max_resolution_ms == resolution_ms


def test_resets_levels_counters_and_needs_no_two_samples() -> None:
    assert "resets" in COUNTER_FUNCTIONS - TWO_SAMPLE_FUNCTIONS


def test_times_steps_and_the_order_of_matchers_do_not_change_the_key() -> None:
    assert key(UP, JOB) == key(JOB, UP)
    later = plan(5000, 9000).key
    assert later is not None
    assert later.full == key(UP, JOB)
    assert key(hints=ReadHints(step_ms=5, range_ms=7)) == key()


@pytest.mark.parametrize(
    "others",
    [
        {"source": "http"},
        {"partial_response": True},
        {"max_resolution_ms": 300_000},
        {"reader": Reader((), is_chain=True)},
        {"reader": Reader((), replica_labels=("replica",))},
        {"reader": Reader((), replica_labels=("job",))},
        {"reader": Reader((), tenant_label="tenant_id", tenant="a")},
        {"reader": Reader((), tenant_label="tenant_id", tenant="b")},
        {"reader": Reader(("x",))},
        {"hints": ReadHints("rate")},
    ],
    ids=str,
)
def test_all_that_changes_samples_changes_the_key(others: dict[str, Any]) -> None:
    assert key(**others) != key()


@pytest.mark.parametrize(
    "matchers",
    [
        (UP,),
        (UP, dataclasses.replace(JOB, kind=MatchType.NOT_REGEX)),
        (UP, dataclasses.replace(JOB, name="jo")),
        (UP, dataclasses.replace(JOB, value="a")),
        (UP, JOB, JOB),
    ],
    ids=str,
)
def test_other_matchers_have_another_key(matchers: tuple[Matcher, ...]) -> None:
    assert key(*matchers) != key(UP, JOB)


def test_functions_share_a_key_where_raw_samples_are_read_and_replicas_are_not_levelled() -> None:
    plain = {key(hints=ReadHints(func)) for func in ("", "max_over_time", "delta", "deriv")}
    levelled = {key(hints=ReadHints(func)) for func in COUNTER_FUNCTIONS}
    assert len(plain) == len(levelled) == 1
    assert plain != levelled


def test_functions_choose_among_downsampled_aggregates_so_each_has_its_own_key() -> None:
    functions = ("", "max_over_time", "min_over_time", "rate", "increase")
    keys = {key(hints=ReadHints(func), max_resolution_ms=300_000) for func in functions}
    assert len(keys) == len(functions)


def test_ranges_that_limit_the_resolution_have_keys_of_their_own() -> None:
    hints = [ReadHints("rate", range_ms=range_ms) for range_ms in (60_000, 120_000)]
    assert len({key(hints=one, max_resolution_ms=300_000) for one in hints}) == 2


def test_replica_labels_are_not_taken_for_matchers() -> None:
    texts = ("__name__", "0", "up")
    by_reader = key(JOB, reader=Reader((), replica_labels=texts))
    assert by_reader != key(UP, JOB)


def test_readers_that_only_deduplicate_otherwise_share_nothing() -> None:
    readers = [Reader((), replica_labels=labels) for labels in ((), ("a",), ("a", "b"), ("ab",))]
    assert len({key(reader=reader) for reader in readers}) == len(readers)


TEXTS = st.text(max_size=3)
MATCHERS = st.lists(st.builds(Matcher, st.sampled_from(MatchType), TEXTS, TEXTS), max_size=3)


@given(MATCHERS, MATCHERS, TEXTS, TEXTS)
def test_a_key_is_shared_by_those_who_ask_the_same_on_behalf_of_the_same(
    one: list[Matcher], other: list[Matcher], ann: str, bob: str
) -> None:
    readers = [Reader(vary_fields([("X-Team", name)], ("x-team",))) for name in (ann, bob)]
    keys = [
        key(UP, *matchers, reader=reader)
        for matchers, reader in zip((one, other), readers, strict=True)
    ]
    same = sorted(one, key=str) == sorted(other, key=str) and ann == bob
    assert (keys[0] == keys[1]) == same
