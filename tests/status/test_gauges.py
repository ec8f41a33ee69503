"""What is shown at /metrics of what was collected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.status.findings import FAULTS
from proxy.status.gauges import Gauges
from proxy.status.snapshot import CacheState, Finding, MemoryInFlight, Queue, TierState
from proxy.telemetry.registry import REGISTRY
from tests.status.snapshots import address

if TYPE_CHECKING:
    from proxy.status.collect import Parts


def parts(**some: Any) -> Parts:
    made: Parts = {
        "addresses": (),
        "queue": Queue(),
        "memory": MemoryInFlight(),
        "cache": CacheState(),
        "tiers": (),
        "stores": (),
        "files": (),
        "failing": (),
        "unfound_names": (),
        "stores_age_ms": None,
    }
    return {**made, **some}  # type: ignore[typeddict-item]


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"thanoxy_{name}", labels)


def test_an_address_is_shown_as_long_as_it_is_there() -> None:
    gauges = Gauges()
    one = address("gauged", "open", latency_ms=250.0, slowness=2.0, skew_ms=-3_000)
    gauges.show(parts(addresses=(one,)), ())
    states = [
        shown("upstream_address_state", url=one.url, state=state)
        for state in ("closed", "half_open", "open")
    ]
    assert states == [0, 0, 1]
    assert shown("upstream_address_latency_seconds", url=one.url) == 0.25
    assert shown("upstream_address_slowness", url=one.url) == 2
    assert shown("upstream_clock_skew_seconds", url=one.url) == -3
    gauges.show(parts(), ())
    assert shown("upstream_address_state", url=one.url, state="open") is None
    assert shown("upstream_address_latency_seconds", url=one.url) is None


def test_what_is_not_known_of_an_address_is_not_shown() -> None:
    gauges = Gauges()
    one = address("unknown")
    gauges.show(parts(addresses=(one,)), ())
    assert shown("upstream_address_state", url=one.url, state="closed") == 1
    assert shown("upstream_address_latency_seconds", url=one.url) is None
    assert shown("upstream_clock_skew_seconds", url=one.url) is None
    gauges.show(parts(), ())


def test_bounds_stand_beside_what_is_used() -> None:
    Gauges().show(
        parts(
            queue=Queue(running=3, most=8),
            memory=MemoryInFlight(1, 1_000),
            cache=CacheState(1, 2_000, 5),
            stores_age_ms=1_500,
        ),
        (),
    )
    assert (shown("upstream_queue_running"), shown("upstream_queue_max_running")) == (3, 8)
    assert shown("memory_in_flight_max_bytes") == 1_000
    assert (shown("cache_max_bytes"), shown("cache_extents")) == (2_000, 5)
    assert shown("upstream_stores_look_age_seconds") == 1.5


def test_a_tier_is_shown_as_left_alone_in_what_it_is() -> None:
    for state, reads, writes in (
        ("reads left alone", 1, 0),
        ("writes left alone", 0, 1),
        ("left alone", 1, 1),
        ("working", 0, 0),
    ):
        Gauges().show(parts(tiers=(TierState("redis", state),)), ())
        assert shown("tier_left_alone", tier="redis", what="reads") == reads
        assert shown("tier_left_alone", tier="redis", what="writes") == writes


def test_every_fault_is_one_or_zero() -> None:
    finding = Finding("clock_skew", 1, False, "", "", "", "")
    Gauges().show(parts(), (finding,))
    assert {fault: shown("findings", fault=fault) for fault in FAULTS} == {
        fault: float(fault == "clock_skew") for fault in FAULTS
    }
    Gauges().show(parts(), ())
    assert shown("findings", fault="clock_skew") == 0


def test_a_process_counts_itself_and_its_memory() -> None:
    Gauges().show(parts(), ())
    assert shown("workers") == 1
    assert (shown("own_memory_bytes") or 0) > 1 << 20
