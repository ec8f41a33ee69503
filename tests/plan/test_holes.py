"""Lost, returned, moved and renamed stores, and what each means for answers."""

from __future__ import annotations

import pytest

from proxy.plan.holes import Store, Trust
from tests.plan.stores import Looks, broken, store

A, B, C = store("a"), store("b"), store("c")


def test_nothing_is_confirmed_before_the_first_look() -> None:
    assert Looks().trust(10) is Trust.PENDING


def test_a_look_confirms_what_was_fetched_before_it_began() -> None:
    looks = Looks()
    looks.see(100, A)
    assert looks.trust(50, 99) is Trust.CONFIRMED
    assert looks.trust(50, 100) is Trust.PENDING
    assert looks.trust(50, 101) is Trust.PENDING
    looks.see(200, A)
    assert looks.trust(50, 101) is Trust.CONFIRMED


def test_a_store_that_is_lost_casts_doubt_on_all_since_the_last_look_that_saw_it() -> None:
    looks = Looks()
    looks.see(100, A, B)
    looks.see(200, A)
    assert looks.trust(90, 99) is Trust.CONFIRMED
    assert looks.trust(90, 100) is Trust.IN_DOUBT
    assert looks.trust(150) is Trust.IN_DOUBT
    assert looks.trust(250) is Trust.IN_DOUBT
    looks.see(300, A)
    assert looks.trust(250) is Trust.IN_DOUBT


@pytest.mark.parametrize("then", [(A,), (A, broken(B))], ids=["gone from the list", "with an error"])
def test_a_store_with_an_error_is_as_lost_as_one_that_is_not_listed(then: tuple[Store, ...]) -> None:
    looks = Looks()
    looks.see(100, A, B)
    looks.see(200, *then)
    assert looks.trust(150) is Trust.IN_DOUBT
    assert looks.watch.away == ["b"]


def test_what_was_fetched_while_a_store_was_away_is_asked_again_when_it_is_back() -> None:
    looks = Looks()
    looks.see(100, A, B)
    looks.see(200, A)
    looks.see(300, A, B)
    assert looks.trust(50, 99) is Trust.CONFIRMED
    assert looks.trust(150) is Trust.LOST
    assert looks.trust(250) is Trust.LOST
    assert looks.trust(280, 320) is Trust.LOST
    assert looks.watch.away == []
    looks.see(400, A, B)
    assert looks.trust(250) is Trust.LOST
    assert looks.trust(301, 390) is Trust.CONFIRMED


def test_a_store_may_have_come_back_as_late_as_the_look_that_saw_it_ended() -> None:
    looks = Looks()
    looks.see(100, A, B)
    looks.see(200, A)
    looks.see(300, A, B, took=50)
    looks.see(500, A, B)
    assert looks.trust(320, 340) is Trust.LOST
    assert looks.trust(350, 360) is Trust.LOST
    assert looks.trust(351, 360) is Trust.CONFIRMED


def test_one_of_two_losses_that_is_over_is_enough_to_ask_again() -> None:
    looks = Looks()
    looks.see(100, A, B)
    looks.see(200)
    looks.see(300, A)
    assert looks.trust(150) is Trust.LOST
    assert looks.trust(350) is Trust.IN_DOUBT
    looks.see(400, B)
    looks.see(500, B, A)
    assert looks.trust(350) is Trust.LOST


def test_answers_that_read_no_time_of_the_lost_store_are_not_concerned() -> None:
    looks = Looks()
    bucket = store("bucket", min_ms=1000, max_ms=2000)
    looks.see(100, A, bucket)
    looks.see(200, A)
    assert looks.trust(150, reads=(2001, 9000)) is Trust.CONFIRMED
    assert looks.trust(150, reads=(0, 999)) is Trust.CONFIRMED
    for reads in ((0, 1000), (2000, 9000), (1500, 1600), (0, 9000)):
        assert looks.trust(150, reads=reads) is Trust.IN_DOUBT


def test_a_pod_that_is_there_again_at_another_address_is_the_same_store() -> None:
    looks = Looks()
    looks.see(100, A, store("b", "old"))
    looks.see(200, A, broken(store("b", "old")))
    looks.see(300, A, store("b", "new"), broken(store("b", "old")))
    assert looks.watch.away == []
    looks.see(400, A, store("b", "new"))
    assert looks.trust(250) is Trust.LOST
    assert looks.trust(320) is Trust.CONFIRMED
    assert looks.trust(50) is Trust.CONFIRMED


def test_a_store_that_moved_between_two_looks_was_away_in_between() -> None:
    looks = Looks()
    looks.see(100, A, store("b", "old"))
    looks.see(200, A, store("b", "new"))
    looks.see(300, A, store("b", "new"))
    assert looks.trust(50) is Trust.CONFIRMED
    assert looks.trust(150) is Trust.LOST
    assert looks.trust(250) is Trust.CONFIRMED


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_of_several_alike_one_less_is_a_loss(lost: int) -> None:
    alike = [store("a", f"a{n}") for n in range(3)]
    looks = Looks()
    looks.see(100, *alike)
    looks.see(200, *alike[lost:])
    assert looks.trust(150) is Trust.IN_DOUBT
    looks.see(300, *alike[1:])
    assert looks.trust(250) is Trust.IN_DOUBT
    looks.see(400, *alike)
    assert looks.trust(250) is Trust.LOST
    looks.see(500, *alike)
    assert looks.trust(450) is Trust.CONFIRMED


def test_alike_stores_cover_what_any_of_them_covers() -> None:
    looks = Looks()
    parts = [store("s", "1", 0, 100), store("s", "2", 100, 200), store("s", "3", 200, 300)]
    looks.see(100, *parts)
    looks.see(200, *parts[1:])
    looks.see(300, *parts[1:])
    assert looks.trust(250, reads=(0, 50)) is Trust.IN_DOUBT


def test_a_store_with_other_labels_at_its_old_address_is_not_missed() -> None:
    looks = Looks()
    looks.see(100, A, store("receive t1", "r"))
    looks.see(200, A, store("receive t1 t2", "r"))
    assert looks.watch.away == []
    looks.see(300, A, store("receive t1 t2", "r"))
    assert looks.trust(250) is Trust.CONFIRMED


def test_a_store_that_came_back_with_other_labels_ends_the_wait_for_the_old_ones() -> None:
    looks = Looks()
    looks.see(100, A, store("old labels", "r"))
    looks.see(200, A, broken(store("old labels", "r")))
    assert looks.trust(150) is Trust.IN_DOUBT
    looks.see(300, A, store("new labels", "r"))
    assert looks.watch.away == []
    assert looks.trust(250) is Trust.LOST


def test_what_is_away_and_what_was_listed_last_can_be_seen() -> None:
    looks = Looks()
    looks.see(100, A, B)
    assert (looks.watch.listed, looks.watch.open_outages) == ([A, B], [])
    looks.see(200, A)
    assert looks.watch.listed == [A]
    (outage,) = looks.watch.open_outages
    assert (outage.kind, outage.from_ms, outage.min_ms, outage.max_ms) == ("b", 100, B.min_ms, B.max_ms)
    looks.see(300, A, B)
    assert looks.watch.open_outages == []
