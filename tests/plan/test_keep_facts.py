"""How long what is fetched would be kept."""

from __future__ import annotations

import dataclasses

from proxy.model.grid import Grid
from proxy.plan.explain import KeepFact
from proxy.plan.freshness import KeepPolicy
from proxy.plan.keep_facts import instant_fact, keep_facts
from proxy.promql.traits import Traits, analyse

MINUTE_MS = 60_000
POLICY = KeepPolicy(
    freshness_ms=MINUTE_MS,
    recent_ms=120 * MINUTE_MS,
    recent_life_ms=10 * MINUTE_MS,
    long_life_ms=1_440 * MINUTE_MS,
    empty_life_ms=2 * MINUTE_MS,
    short_life_ms=10_000,
    extent_steps=16,
)
NOW_MS = 1_000_000 * MINUTE_MS
GRID = Grid(NOW_MS - 130 * MINUTE_MS, MINUTE_MS, 131)
"""From ten minutes before the recent window to now."""


def traits(expr: str) -> Traits:
    found = analyse(expr)
    assert found is not None
    return found


def facts(*grids: Grid, expr: str = "a", is_watched: bool = True) -> dict[str, KeepFact]:
    found = keep_facts(grids, traits(expr), POLICY, NOW_MS, is_watched)
    return {fact.what: fact for fact in found}


def test_steps_are_counted_by_the_life_that_their_age_gives_them() -> None:
    assert keep_facts([GRID], traits("a"), POLICY, NOW_MS, is_watched=True) == (
        KeepFact("settled", 10, 1_440 * MINUTE_MS, "--cache.life"),
        KeepFact("may get late samples", 119, 10 * MINUTE_MS, "--cache.recent-life"),
        KeepFact("too young", 2, 0, "--query-range.response-cache-max-freshness"),
        KeepFact("at most, without series", None, 2 * MINUTE_MS, "--cache.empty-life"),
        KeepFact("until it is confirmed", None, 10_000, "--cache.unconfirmed-life"),
    )


def test_several_grids_count_together() -> None:
    parts = facts(GRID.sliced(0, 12), GRID.sliced(100, 131))
    whole = facts(GRID.sliced(0, 12))
    assert parts["settled"].steps == whole["settled"].steps == 10
    assert parts["may get late samples"].steps == 2 + 29
    assert parts["too young"].steps == 2


def test_what_reads_ahead_is_young_for_longer() -> None:
    assert facts(GRID, expr="a offset -5m")["too young"].steps == 7


def test_what_is_too_young_is_not_settled_whatever_counts_as_recent() -> None:
    policy = dataclasses.replace(POLICY, recent_ms=0)
    found = keep_facts([GRID], traits("a"), policy, NOW_MS, is_watched=False)
    assert [(fact.what, fact.steps) for fact in found[:2]] == [("settled", 129), ("too young", 2)]


def test_of_what_is_too_young_nothing_else_is_said() -> None:
    young = GRID.sliced(130, 131)
    assert list(facts(young)) == ["too young"]
    assert list(facts()) == []


def test_nobody_confirms_where_stores_are_not_watched() -> None:
    assert "until it is confirmed" not in facts(GRID, is_watched=False)


def test_an_instant_answer_lives_shorter_while_a_store_is_away() -> None:
    assert instant_fact(MINUTE_MS, POLICY, is_store_away=False).setting == "--cache.instant-life"
    away = instant_fact(MINUTE_MS, POLICY, is_store_away=True)
    assert (away.life_ms, away.setting) == (10_000, "--cache.unconfirmed-life")
    assert instant_fact(5_000, POLICY, is_store_away=True).life_ms == 5_000
