"""Stores as people see them, those that are away first."""

from __future__ import annotations

from proxy.plan.holes import StoreWatch
from proxy.status.store_states import age_ms, store_states
from tests.plan.stores import Looks, broken, store

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000
A = store("a", "a:1", min_ms=NOW_MS - DAY_MS)
B = store("b", "b:1", min_ms=NOW_MS - DAY_MS, max_ms=NOW_MS - DAY_MS // 2)
OLD = store("old", "old:1", min_ms=-(1 << 62), max_ms=1 << 62)


def test_stores_that_are_there_leave_no_hole() -> None:
    looks = Looks()
    looks.see(100, A, OLD)
    found = {one.kind: one for one in store_states(looks.watch, 200, NOW_MS)}
    assert all(one.is_healthy and not one.hole for one in found.values())
    assert (found["a"].address, found["a"].min_ms) == ("a:1", NOW_MS - DAY_MS)
    assert (found["old"].min_ms, found["old"].max_ms) == (None, None)


def test_a_store_that_is_listed_with_an_error_says_what_it_leaves_in_doubt() -> None:
    looks = Looks()
    looks.see(1_000, A, B)
    looks.see(2_000, A, broken(B))
    first, second = store_states(looks.watch, 61_000, NOW_MS)
    assert (first.kind, first.is_healthy, second.kind) == ("b", False, "a")
    assert first.hole == (
        "away for 1 min, answers may lack its data from 2023-11-13 22:13 UTC to 2023-11-14 10:13 UTC"
    )


def test_a_store_that_is_not_listed_any_more_is_shown_as_it_was_expected() -> None:
    looks = Looks()
    looks.see(1_000, A, B)
    looks.see(2_000, B)
    first, second = store_states(looks.watch, 3_000, NOW_MS)
    assert (first.kind, first.address, first.is_healthy) == ("a", "a:1", False)
    assert first.hole.endswith("from 2023-11-13 22:13 UTC to now")
    assert first.last_error == "Thanos Query does not list it any more"
    assert second.is_healthy


def test_a_broken_store_that_nobody_expects_is_shown_without_a_hole() -> None:
    looks = Looks()
    looks.see(1_000, A, broken(B))
    states = {one.kind: one for one in store_states(looks.watch, 2_000, NOW_MS)}
    assert (states["b"].is_healthy, states["b"].hole) == (False, "")


def test_a_store_of_all_times_leaves_all_times_in_doubt() -> None:
    looks = Looks()
    looks.see(1_000, OLD)
    looks.see(2_000)
    (gone,) = store_states(looks.watch, 3_000, NOW_MS)
    assert gone.hole == "away for 2 s, answers may lack its data from the beginning to now"


def test_no_more_than_some_hundred_are_shown() -> None:
    looks = Looks()
    looks.see(1_000, *(store(f"s{number}") for number in range(500)))
    looks.see(2_000)
    assert len(store_states(looks.watch, 3_000, NOW_MS)) == 200


def test_the_age_of_a_look_is_known_once_there_was_one() -> None:
    watch = StoreWatch(10**9)
    assert age_ms(watch, 5_000) is None
    Looks(watch=watch).see(1_000, A)
    assert age_ms(watch, 5_000) == 4_000
    plain = StoreWatch(10**9)
    plain.no_such_endpoint()
    assert age_ms(plain, 5_000) is None
