"""Hits and gaps: what is held, what is missing, and how many gaps there may be."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from proxy.plan.partition import MOST_GAPS, Run, coalesced, gaps_between, without

STEPS = 60


@st.composite
def runs(draw: st.DrawFn) -> list[Run]:
    """Sorted runs without overlap; some touch."""
    cuts = sorted(draw(st.sets(st.integers(0, STEPS), max_size=24)))
    return [Run(a, b) for a, b in itertools.pairwise(cuts) if draw(st.booleans())]


def steps_of(found: list[Run]) -> set[int]:
    return {step for run in found for step in range(run.first, run.end)}


def is_in_order(found: list[Run]) -> bool:
    in_turn = all(a.end <= b.first for a, b in itertools.pairwise(found))
    return in_turn and all(run.steps > 0 for run in found)


@given(runs())
def test_gaps_are_exactly_what_is_not_held(held: list[Run]) -> None:
    gaps = gaps_between(STEPS, held)
    assert is_in_order(gaps)
    assert steps_of(gaps) == set(range(STEPS)) - steps_of(held)


@given(runs(), runs())
def test_without_leaves_exactly_what_is_not_taken(wanted: list[Run], taken: list[Run]) -> None:
    left = without(wanted, taken)
    assert is_in_order(left)
    assert steps_of(left) == steps_of(wanted) - steps_of(taken)


@given(runs(), st.integers(1, 6))
def test_too_many_gaps_become_fewer_and_lose_no_step(held: list[Run], most: int) -> None:
    gaps = gaps_between(STEPS, held)
    fewer = coalesced(gaps, most)
    assert len(fewer) == min(len(gaps), most)
    assert steps_of(gaps) <= steps_of(fewer)
    assert is_in_order(fewer)


@given(runs())
def test_a_hit_lies_whole_inside_or_whole_outside_of_every_gap(held: list[Run]) -> None:
    for gap in coalesced(gaps_between(STEPS, held), 2):
        for hit in held:
            common = steps_of([hit]) & steps_of([gap])
            assert not common or common == steps_of([hit])


def test_the_nearest_gaps_are_united_first() -> None:
    gaps = [Run(0, 1), Run(10, 11), Run(12, 13), Run(30, 31)]
    assert coalesced(gaps, 3) == [Run(0, 1), Run(10, 13), Run(30, 31)]
    assert coalesced(gaps, 1) == [Run(0, 31)]


def test_islands_do_not_become_a_request_each() -> None:
    held = [Run(at, at + 1) for at in range(1, 200, 2)]
    assert len(coalesced(gaps_between(200, held))) == MOST_GAPS


def test_what_is_given_is_not_changed() -> None:
    gaps = [Run(at, at + 1) for at in range(0, 40, 2)]
    coalesced(gaps, 2)
    assert len(gaps) == 20
