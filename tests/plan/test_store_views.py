"""What several Thanos Queries say of their stores."""

from __future__ import annotations

from proxy.plan.holes import StoreWatch, Trust
from proxy.plan.store_views import least_view
from tests.plan.stores import ALL, broken, store

A, B = store("a"), store("b")


def kinds(views: list[list[object]]) -> list[tuple[str, bool]]:
    return [(one.kind, one.is_healthy) for one in least_view(views)]  # type: ignore[arg-type]


def test_one_view_is_the_view() -> None:
    assert least_view([[A, broken(B)]]) == [A, broken(B)]


def test_a_store_that_one_address_does_not_know_is_not_there() -> None:
    assert least_view([[A, B], [A], [A, B]]) == [A]


def test_a_store_that_is_ill_for_one_address_is_ill() -> None:
    assert least_view([[A, B], [A, broken(B)]]) == [A, broken(B)]


def test_of_several_alike_the_smaller_number_counts() -> None:
    other = store("a", address="elsewhere")
    assert least_view([[A, other], [other]]) == [other]


def test_an_address_that_has_just_started_puts_everything_in_doubt_until_it_knows_its_stores() -> None:
    watch = StoreWatch(10**9)
    watch.look(0, 1, least_view([[A], [A]]))
    watch.look(10, 11, least_view([[A], []]))
    assert watch.trust(5, 6, ALL) is Trust.IN_DOUBT
    watch.look(20, 21, least_view([[A], [A]]))
    assert watch.trust(5, 6, ALL) is Trust.LOST
    assert watch.trust(22, 23, ALL) is Trust.PENDING


def test_what_was_answered_since_the_last_look_is_asked_again_when_an_address_has_gone() -> None:
    watch = StoreWatch(10**9)
    watch.look(0, 1, [A])
    watch.look(10, 11, [A])
    watch.look(20, 21, [A], has_lost_sight=True)
    assert watch.trust(12, 13, ALL) is Trust.LOST
    assert watch.trust(2, 3, ALL) is Trust.CONFIRMED
