"""Limits as facts: each with its setting, its value and what the query has."""

from __future__ import annotations

from proxy.model.query import RangeQuery
from proxy.plan.limit_facts import (
    COUNTED,
    FOR_RANGES,
    NO_LIMIT,
    NOT_KNOWN,
    OVER,
    WITHIN,
    LimitFact,
    limit_facts,
    sizes_of,
    text_bytes,
    window_sizes,
)
from proxy.plan.limits import FLAGS, Limits
from proxy.plan.range_plan import SplitPolicy

HOUR_MS = 3_600_000
QUERY = RangeQuery("up", 0, 3 * HOUR_MS, 600_000, "", ())
SIZES = sizes_of(QUERY, SplitPolicy(HOUR_MS, 1000), now_ms=10 * HOUR_MS)
ALL = Limits(*[1] * len(FLAGS))


def by_name(facts: tuple[LimitFact, ...]) -> dict[str, LimitFact]:
    return {fact.name: fact for fact in facts}


def test_every_limit_is_named_with_its_flag() -> None:
    facts = limit_facts(Limits(), SIZES)
    assert [fact.flag for fact in facts] == list(FLAGS.values())
    assert {fact.state for fact in facts} == {NO_LIMIT}


def test_a_query_is_within_a_limit_up_to_its_value() -> None:
    at_most = Limits(max_query_steps=19, max_query_splits=3, max_query_length_ms=3 * HOUR_MS)
    facts = by_name(limit_facts(at_most, SIZES))
    assert facts["max_query_steps"].state == WITHIN
    assert facts["max_query_length"].state == WITHIN
    assert facts["max_query_splits"] == LimitFact(
        "max_query_splits", "--limits.max-query-splits", 3, 4, OVER
    )


def test_times_are_told_from_numbers() -> None:
    facts = by_name(limit_facts(ALL, SIZES))
    assert {name for name, fact in facts.items() if fact.is_time} == {
        "max_query_length",
        "max_query_lookback",
    }
    assert facts["max_query_lookback"].of_query == 10 * HOUR_MS


def test_what_comes_back_is_counted_then_and_what_cannot_be_read_cannot_be_told() -> None:
    facts = by_name(limit_facts(ALL, {}))
    assert facts["max_query_samples"].state == COUNTED
    assert facts["max_concurrent_per_tenant"].state == COUNTED
    assert facts["max_query_steps"].state == NOT_KNOWN


def test_an_instant_query_has_no_steps() -> None:
    facts = by_name(limit_facts(ALL, window_sizes(5, 5, 6), is_range=False))
    assert facts["max_query_steps"].state == FOR_RANGES
    assert facts["max_query_samples"].state == FOR_RANGES
    assert facts["max_query_lookback"].state == WITHIN
    assert facts["max_query_response_bytes"].state == COUNTED


def test_the_longest_text_counts_in_bytes() -> None:
    assert text_bytes((("query", "ü"), ("match[]", "abc"), ("x", "longer"))) == len("abc")
    assert text_bytes((("query", "üü"),)) == len("üü".encode())
    assert text_bytes(()) == 0
    assert text_bytes(None) is None
