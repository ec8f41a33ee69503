"""New and forgotten stores, looks that fail, and what is remembered of all losses."""

from __future__ import annotations

import pytest

from proxy.plan.holes import Store, StoreWatch, Trust
from tests.plan.stores import ALL, EARLIER, Looks, broken, store

A, B, C = store("a"), store("b"), store("c")


@pytest.mark.parametrize(
    "new",
    [
        pytest.param((store("b"),), id="another kind"),
        pytest.param((store("a", "a2"),), id="one more of a kind"),
        pytest.param((store("receive t1 t2", "r"),), id="new labels"),
    ],
)
def test_what_was_fetched_before_a_store_appeared_is_asked_again(new: tuple[Store, ...]) -> None:
    looks = Looks()
    looks.see(100, A)
    assert looks.trust(50) is Trust.CONFIRMED
    looks.see(200, A, *new)
    looks.see(300, A, *new)
    assert looks.trust(50) is Trust.LOST
    assert looks.trust(150) is Trust.LOST
    assert looks.trust(250) is Trust.CONFIRMED


def test_a_store_that_reaches_further_back_has_times_that_were_empty_asked_again() -> None:
    looks = Looks()
    looks.see(100, store("s", "1", 5000, 9000))
    looks.see(200, store("s", "1", 1000, 9000))
    looks.see(300, store("s", "1", 1000, 9000))
    assert looks.trust(50, reads=(2000, 3000)) is Trust.LOST
    assert looks.trust(250, reads=(2000, 3000)) is Trust.CONFIRMED
    assert looks.trust(50, reads=(0, 500)) is Trust.CONFIRMED


def test_retention_and_new_blocks_are_no_events() -> None:
    looks = Looks()
    looks.see(100, store("s", "1", 1000, 9000))
    version = looks.watch.version
    looks.see(200, store("s", "1", 2000, 9500))
    looks.see(300, store("s", "1", 3000, 9900))
    assert looks.watch.version == version
    assert looks.trust(150) is Trust.CONFIRMED


def test_what_the_first_look_finds_is_nothing_new() -> None:
    looks = Looks()
    looks.see(100, A, B)
    assert looks.trust(50) is Trust.CONFIRMED


def test_a_store_that_was_ill_at_the_first_look_is_new_when_it_is_well() -> None:
    looks = Looks()
    looks.see(100, A, broken(B))
    assert looks.trust(50) is Trust.CONFIRMED
    looks.see(200, A, B)
    looks.see(300, A, B)
    assert looks.trust(50) is Trust.LOST
    assert looks.trust(250) is Trust.CONFIRMED


def test_a_query_that_starts_without_stores_poisons_nothing() -> None:
    looks = Looks()
    looks.see(100)
    assert looks.trust(50) is Trust.CONFIRMED
    looks.see(200, A)
    looks.see(300, A)
    assert looks.trust(50) is Trust.LOST
    assert looks.trust(150) is Trust.LOST
    assert looks.trust(250) is Trust.CONFIRMED


def test_a_query_that_restarts_with_no_stores_has_lost_them_all() -> None:
    looks = Looks()
    looks.see(100, A, B)
    looks.see(200)
    assert looks.watch.away == ["a", "b"]
    assert looks.trust(150) is Trust.IN_DOUBT
    looks.see(300, A)
    assert looks.trust(350) is Trust.IN_DOUBT
    looks.see(400, A, B)
    looks.see(500, A, B)
    assert looks.trust(350) is Trust.LOST
    assert looks.trust(450) is Trust.CONFIRMED
    assert looks.trust(50) is Trust.CONFIRMED


def test_looks_that_fail_confirm_nothing_and_a_loss_begins_with_the_last_good_one() -> None:
    looks = Looks()
    looks.see(100, A, B)
    assert looks.trust(5000) is Trust.PENDING
    looks.see(9000, A)
    assert looks.trust(101) is Trust.IN_DOUBT
    assert looks.trust(99) is Trust.CONFIRMED


def test_an_upstream_without_stores_is_always_whole() -> None:
    looks = Looks()
    looks.watch.no_such_endpoint()
    assert looks.trust(10**9) is Trust.CONFIRMED


def test_an_upstream_that_learns_to_list_stores_is_watched_from_then_on() -> None:
    looks = Looks()
    looks.watch.no_such_endpoint()
    looks.see(100, A)
    assert looks.trust(150) is Trust.PENDING


def test_a_not_found_of_an_upstream_that_has_stores_confirms_nothing() -> None:
    looks = Looks()
    looks.see(100, A)
    looks.watch.no_such_endpoint()
    assert looks.trust(150) is Trust.PENDING
    looks.see(200)
    looks.watch.no_such_endpoint()
    assert looks.trust(150) is Trust.IN_DOUBT


def test_a_store_that_is_away_for_long_is_expected_no_longer() -> None:
    looks = Looks(forget_ms=1000)
    looks.see(100, A, B)
    looks.see(200, A)
    looks.see(1100, A)
    assert looks.watch.away == ["b"]
    looks.see(1101, A)
    assert looks.watch.away == []
    looks.see(1300, A)
    assert looks.trust(50) is Trust.CONFIRMED
    assert looks.trust(600) is Trust.LOST
    assert looks.trust(1200) is Trust.CONFIRMED


def test_a_forgotten_store_that_returns_is_new() -> None:
    looks = Looks(forget_ms=1000)
    looks.see(100, A, B)
    looks.see(200, A)
    looks.see(1200, A)
    looks.see(2000, A, B)
    looks.see(2100, A, B)
    assert looks.trust(1500) is Trust.LOST
    assert looks.trust(2050) is Trust.CONFIRMED


def test_of_several_alike_the_rest_is_expected_on_when_one_is_forgotten() -> None:
    looks = Looks(forget_ms=1000)
    one, two, three = (store("a", f"a{n}") for n in range(3))
    looks.see(100, one, two, three)
    looks.see(200, one, two)
    looks.see(1200, one, two)
    looks.see(1300, one, two)
    assert looks.trust(50) is Trust.CONFIRMED
    assert looks.trust(1250) is Trust.CONFIRMED
    looks.see(1400, one)
    assert looks.trust(1350) is Trust.IN_DOUBT


def test_the_version_changes_whenever_a_verdict_may_have_become_worse() -> None:
    looks = Looks()
    looks.see(100, A, B)
    calm = looks.watch.version
    looks.see(200, A, B)
    assert looks.watch.version == calm
    looks.see(300, A)
    lost = looks.watch.version
    assert lost != calm
    looks.see(400, A)
    assert looks.watch.version == lost
    looks.see(500, A, B)
    back = looks.watch.version
    assert back != lost
    looks.see(600, A, B, C)
    assert looks.watch.version != back


def test_losses_without_number_are_remembered_in_bounded_space_and_none_is_missed() -> None:
    looks = Looks()
    doubtful = []
    for round_ in range(1000):
        at = 1000 * (round_ + 1)
        looks.see(at, A, B)
        looks.see(at + 300, A)
        doubtful.append(at + 400)
    looks.see(2_000_000, A, B)
    assert len(looks.watch._outages) <= looks.watch.most_outages
    assert all(looks.trust(began) is Trust.LOST for began in doubtful)
    looks.see(2_000_100, A, B)
    assert looks.trust(2_000_050) is Trust.CONFIRMED
    assert looks.trust(EARLIER) is Trust.CONFIRMED


def test_losses_of_now_are_never_merged_away() -> None:
    watch = StoreWatch(forget_ms=10**9, most_outages=5)
    looks = Looks(watch=watch)
    many = [store(f"k{n}", min_ms=n * 10, max_ms=n * 10 + 5) for n in range(20)]
    looks.see(100, *many)
    looks.see(200)
    assert len(watch.away) == 20
    for n in range(20):
        assert looks.trust(150, reads=(n * 10, n * 10)) is Trust.IN_DOUBT
    looks.see(300, *many)
    looks.see(400)
    looks.see(500, *many)
    assert looks.trust(350, reads=ALL) is Trust.LOST
