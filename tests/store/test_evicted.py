"""Names of what had to go."""

from __future__ import annotations

from proxy.model.extent import ExtentId
from proxy.store.evicted import Evicted

A, B, C = (ExtentId(b"key", number) for number in range(3))


def test_what_had_to_go_is_told_once() -> None:
    evicted = Evicted()
    evicted.add(A)
    assert not evicted.take(B)
    assert evicted.take(A)
    assert not evicted.take(A)


def test_what_is_kept_again_or_purged_is_not_told() -> None:
    evicted = Evicted()
    evicted.add(A)
    evicted.add(B)
    evicted.forget(A)
    evicted.forget(C)
    assert not evicted.take(A)
    evicted.clear()
    assert not evicted.take(B)


def test_of_too_many_the_first_are_forgotten() -> None:
    evicted = Evicted(most=2)
    for one in (A, B, C):
        evicted.add(one)
    assert len(evicted) == 2
    assert [evicted.take(one) for one in (A, B, C)] == [False, True, True]
