"""How names are shared out over servers."""

from __future__ import annotations

from collections import Counter

import pytest

from proxy.store.ring import Ring

NAMES = [f"name-{number}" for number in range(20_000)]


def servers(count: int) -> list[str]:
    return [f"10.0.0.{number}:11211" for number in range(count)]


@pytest.mark.parametrize("count", [1, 3, 10])
def test_each_server_has_about_its_share(count: int) -> None:
    shares = Counter(map(Ring(servers(count)).server_of, NAMES))
    assert len(shares) == count
    for share in shares.values():
        assert 0.7 < share * count / len(NAMES) < 1.3


@pytest.mark.parametrize("count", [1, 3, 9])
def test_a_server_more_moves_only_the_share_that_it_gets(count: int) -> None:
    before, after = Ring(servers(count)), Ring(servers(count + 1))
    moved = [name for name in NAMES if before.server_of(name) != after.server_of(name)]
    assert 0.7 < len(moved) * (count + 1) / len(NAMES) < 1.3
    assert {after.server_of(name) for name in moved} == {servers(count + 1)[-1]}


def test_a_server_less_moves_only_what_it_held() -> None:
    before, after = Ring(servers(5)), Ring(servers(4))
    for name in NAMES:
        if before.server_of(name) != servers(5)[-1]:
            assert after.server_of(name) == before.server_of(name)


def test_the_order_in_which_servers_are_named_does_not_count() -> None:
    before, after = Ring(servers(4)), Ring([*reversed(servers(4)), servers(4)[0]])
    assert [before.server_of(name) for name in NAMES] == [after.server_of(name) for name in NAMES]


def test_names_are_given_out_by_server_in_their_order() -> None:
    ring = Ring(servers(3))
    shares = ring.shared_out(NAMES[:100])
    for server, names in shares.items():
        assert names == [name for name in NAMES[:100] if ring.server_of(name) == server]
    assert sum(map(len, shares.values())) == 100
