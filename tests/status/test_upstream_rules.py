"""What is found of the upstream, and what is not."""

from __future__ import annotations

from proxy.status.snapshot import StoreState
from proxy.status.upstream_rules import addresses, clocks, lookups, stores
from tests.status.snapshots import address, faults, only, snapshot

WELL = [address(name, latency_ms=20.0) for name in "abc"]


def test_addresses_that_work_are_no_trouble() -> None:
    assert faults(addresses) == []
    assert faults(addresses, addresses=tuple(WELL)) == []


def test_an_address_that_gets_no_work_is_named_with_its_error() -> None:
    dead = address("d", "open", last_reason="refused", last_error="connection refused")
    found = only(addresses, addresses=(*WELL, dead))
    assert (found.fault, found.subject, found.is_critical) == ("upstream_dead", "http://d", False)
    assert found.text == (
        "http://d gets no work, because it fails: connection refused; 3 of 4 addresses still work"
    )


def test_when_most_are_dead_that_is_critical_and_when_all_are_it_is_one_thing() -> None:
    dead = [address(name, "open", last_error="gone") for name in "de"]
    found = addresses_of(*dead, WELL[0])
    assert found == [("upstream_dead", True)] * 2
    assert addresses_of(*dead) == [("all_upstreams_dead", True)]
    assert addresses_of(dead[0]) == [("all_upstreams_dead", True)]
    assert addresses_of(dead[0], WELL[0]) == [("upstream_dead", False)]


def addresses_of(*which: object) -> list[tuple[str, bool]]:
    return [(one.fault, one.is_critical) for one in addresses(snapshot(addresses=which))]


def test_an_address_that_is_three_times_as_slow_is_named_with_both_times() -> None:
    slow = address("s", latency_ms=800.0, slowness=3.1)
    found = only(addresses, addresses=(*WELL, slow))
    assert (found.fault, found.subject) == ("upstream_slow", "http://s")
    assert (
        found.text
        == "http://s takes at least 3.1 times as long as usual (800 ms; the others answer in 20 ms)"
    )


def test_what_is_less_slow_or_as_slow_as_all_is_not_named() -> None:
    assert faults(addresses, addresses=(*WELL, address("s", slowness=2.9))) == []
    all_slow = tuple(address(name, slowness=4.0, latency_ms=100.0) for name in "abc")
    assert faults(addresses, addresses=all_slow) == []


def test_a_lone_address_is_compared_with_itself() -> None:
    assert faults(addresses, addresses=(address("s", slowness=5.0, latency_ms=600.0),)) == [
        "upstream_slow"
    ]
    assert faults(addresses, addresses=(address("s", slowness=5.0, latency_ms=400.0),)) == []
    assert faults(addresses, addresses=(address("s", slowness=4.9, latency_ms=600.0),)) == []
    assert faults(addresses, addresses=(address("s", slowness=9.0),)) == []


def test_an_address_that_others_overtook_until_it_got_no_work_is_slow_not_dead() -> None:
    late = address("s", "open", last_reason="overtaken", last_error="late")
    found = only(addresses, addresses=(*WELL, late))
    assert found.fault == "upstream_slow"
    assert found.text == ("http://s takes longer than others, and gets no work for a while")


def test_a_clock_that_is_two_seconds_off_is_named() -> None:
    found = only(clocks, addresses=(address("a", skew_ms=0), address("b", skew_ms=-2_000)))
    assert (found.fault, found.subject) == ("clock_skew", "http://b")
    assert "http://b is at least 2 s behind the one here" in found.text
    assert faults(clocks, addresses=(address("a", skew_ms=1_999), address("b"))) == []


def test_when_all_others_agree_it_is_the_clock_here() -> None:
    found = only(clocks, addresses=(address("a", skew_ms=5_000), address("b", skew_ms=4_600)))
    assert found.subject == "this host"
    assert "this host is at least 5 s behind those of all addresses" in found.text
    found = only(clocks, addresses=(address("a", skew_ms=-5_000), address("b", skew_ms=-9_600)))
    assert found.subject == "http://b"
    assert only(clocks, addresses=(address("a", skew_ms=5_000),)).subject == "http://a"


def test_a_name_that_cannot_be_looked_up_is_worse_where_nothing_is_known() -> None:
    assert faults(lookups) == []
    found = only(lookups, unfound_names=("http://q:80",), addresses=tuple(WELL))
    assert (found.fault, found.is_critical) == ("dns_failing", False)
    lost = only(lookups, unfound_names=("http://q:80",))
    assert (lost.is_critical, lost.weight) == (True, 100)
    assert lost.text == "http://q:80 cannot be looked up: and no address is known"


def test_a_lost_store_is_named_with_its_hole() -> None:
    well = StoreState("store {}", "s:1", 0, 1, is_healthy=True)
    gone = StoreState(
        "sidecar {a}", "p:1", 0, 1, is_healthy=False, last_error="rpc", hole="away for 3 s"
    )
    also = StoreState("rule", "r:1", 0, 1, is_healthy=False)
    assert faults(stores, stores=(well,)) == []
    found = only(stores, stores=(well, also, gone))
    assert (found.fault, found.subject) == ("store_lost", "p:1")
    assert found.text == (
        "Thanos Query has lost the store sidecar {a} at p:1 (rpc), and 1 more are away: away for 3 s"
    )


def test_stores_that_were_not_seen_for_long_are_named() -> None:
    assert faults(stores, stores_age_ms=29_999) == []
    assert faults(stores, stores_age_ms=30_000) == ["stores_unseen"]
