"""Looks at the stores that are far apart: a store may have gone and come back in between."""

from __future__ import annotations

import pytest

from proxy.plan.holes import StoreWatch, Trust, most_gap_ms
from tests.plan.stores import Looks, store

A = store("a")
GAP_MS = 15_000


def test_what_was_fetched_while_nobody_looked_for_long_is_asked_again() -> None:
    looks = Looks()
    looks.see(0, A)
    looks.see(1_000, A)
    looks.see(1_001 + GAP_MS, A, took=500)
    assert looks.trust(999) is Trust.CONFIRMED
    for fetched_ms in (1_000, 9_000, 1_501 + GAP_MS):
        assert looks.trust(fetched_ms) is Trust.LOST
    looks.see(3_000 + GAP_MS, A)
    assert looks.trust(9_000) is Trust.LOST
    assert looks.trust(1_502 + GAP_MS) is Trust.CONFIRMED
    assert looks.watch.away == []


def test_a_look_that_was_missed_or_two_are_no_reason_to_ask_again() -> None:
    looks = Looks()
    looks.see(1_000, A)
    version = looks.watch.version
    looks.see(1_000 + GAP_MS, A)
    assert looks.trust(9_000) is Trust.CONFIRMED
    assert looks.watch.version == version


def test_answers_that_were_put_together_meanwhile_are_forgotten_with_the_gap() -> None:
    looks = Looks()
    looks.see(1_000, A)
    version = looks.watch.version
    looks.see(1_001 + GAP_MS, A)
    assert looks.watch.version != version


@pytest.mark.parametrize(
    ("interval_ms", "most_ms"), [(2_000, 15_000), (5_000, 20_000), (60_000, 240_000)]
)
def test_the_gap_that_is_allowed_grows_with_the_interval_of_looks(
    interval_ms: int, most_ms: int
) -> None:
    assert most_gap_ms(interval_ms) == most_ms


def test_the_first_look_of_all_knows_of_nothing_before_it() -> None:
    looks = Looks()
    looks.see(10 * GAP_MS, A)
    assert looks.trust(GAP_MS) is Trust.CONFIRMED


def test_what_a_process_has_fetched_before_its_late_first_look_is_asked_again() -> None:
    looks = Looks(watch=StoreWatch(10**9, since_ms=10_000))
    looks.see(10_001 + GAP_MS, A)
    assert looks.trust(12_000) is Trust.LOST
    assert looks.trust(9_000) is Trust.CONFIRMED, "another process has watched over it"


def test_after_a_restart_it_counts_from_the_start_and_not_from_the_look_before_it() -> None:
    before = Looks()
    before.see(0, A)
    after = Looks(watch=StoreWatch(10**9, since_ms=10 * GAP_MS))
    after.watch.expect_as_before(before.watch.expected, at_ms=1_000)
    after.see(10 * GAP_MS + 1, A)
    assert after.trust(5_000) is Trust.CONFIRMED
    assert after.watch.away == []


def test_gaps_that_follow_one_another_are_one_outage_for_hours() -> None:
    looks = Looks()
    for number in range(1_000):
        looks.see(number * 2 * GAP_MS, A)
    assert len(looks.watch._outages) == 1
    assert looks.trust(3 * GAP_MS) is Trust.LOST
    for calm_ms in range(0, 4 * GAP_MS, GAP_MS):
        looks.see(2_000 * GAP_MS + calm_ms, A)
    looks.see(2_010 * GAP_MS, A)
    assert len(looks.watch._outages) == 2
    assert looks.trust(2_001 * GAP_MS + 1) is Trust.CONFIRMED
