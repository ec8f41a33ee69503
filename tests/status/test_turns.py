"""Shares of the upstream's time, and turns that do not come."""

from __future__ import annotations

from proxy.status.turns import Stuck, TurnShares


def test_a_share_is_of_the_last_minute() -> None:
    shares = TurnShares()
    assert shares.look({}, 0) == {}
    assert shares.look({"a": 3, "b": 1}, 1_000) == {"a": 0.75, "b": 0.25}
    assert shares.look({"b": 4}, 2_000) == {"b": 0.625, "a": 0.375}
    assert shares.look({}, 61_500) == {"b": 1.0}
    assert shares.look({}, 70_000) == {}


def test_of_many_tenants_the_largest_are_known() -> None:
    shares = TurnShares()
    found = shares.look({f"t{number}": number for number in range(1, 100)}, 0)
    assert len(found) == 20
    assert "t99" in found
    assert "t1" not in found


def test_who_waits_and_is_not_let_in_is_stuck() -> None:
    stuck = Stuck()
    assert stuck.look(waiting=5, let_in=1, now_ms=0) == 0
    assert stuck.look(waiting=5, let_in=1, now_ms=4_000) == 4_000
    assert stuck.look(waiting=5, let_in=2, now_ms=5_000) == 0
    assert stuck.look(waiting=5, let_in=2, now_ms=6_000) == 1_000
    assert stuck.look(waiting=0, let_in=2, now_ms=7_000) == 0
