"""What is worst is named first."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from proxy.settings import Settings
from proxy.status.findings import FAULTS, find, in_order
from proxy.status.page import ANCHORS
from proxy.status.snapshot import (
    CacheState,
    FailingQuery,
    FileState,
    MemoryInFlight,
    Queue,
    Rates,
    Snapshot,
    StoreState,
    TenantLoad,
    TierState,
)
from tests.status.snapshots import NOW_MS, address, snapshot

LOST = StoreState("store", "s:1", 0, 1, is_healthy=False, hole="away")
TROUBLE: dict[str, dict[str, Any]] = {
    "all_upstreams_dead": {"addresses": (address("a", "open"),)},
    "upstream_dead": {"addresses": (address("a", "open"), address("b"))},
    "upstream_slow": {"addresses": (address("a", slowness=9.0), address("b"))},
    "clock_skew": {"addresses": (address("a", skew_ms=9_000), address("b"))},
    "dns_failing": {"addresses": (address("a"),), "unfound_names": ("q",)},
    "store_lost": {"stores": (LOST,)},
    "stores_unseen": {"stores_age_ms": 60_000},
    "hot_tenant": {"queue": Queue(8, 8, 9, tenants=(TenantLoad("a", 8, 8), TenantLoad("b", 0, 1)))},
    "queue_long": {"queue": Queue(8, 8, 9, tenants=(TenantLoad("a", 4, 4), TenantLoad("b", 4, 5)))},
    "queue_stuck": {"queue": Queue(2, 2, 1, stuck_ms=99_000)},
    "no_memory": {"memory": MemoryInFlight(9, 9, 1, 9)},
    "query_of_death": {"failing": (FailingQuery("q", 3, last_ms=NOW_MS),)},
    "loop_blocked": {"rates": Rates(loop_lag_ms=900)},
    "errors": {"rates": Rates(10, 5)},
    "slow": {"rates": Rates(p99_ms=20_000)},
    "tier_hung": {"tiers": (TierState("redis", "left alone"),)},
    "writes_dropped": {"tiers": (TierState("redis", "working", dropped_per_s=9),)},
    "cache_too_small": {"cache": CacheState(9, 9, 9, 9, 9, 9)},
    "bad_reload": {"files": (FileState("limits", False, "bad"),)},
}


def first(*names: str) -> str:
    """The worst of several troubles at once."""
    parts: dict[str, Any] = {}
    for name in names:
        parts |= TROUBLE[name]
    return find(snapshot(**parts))[0].fault


def test_nothing_is_wrong_with_what_is_well() -> None:
    assert find(Snapshot(0, 1)) == ()


def test_every_fault_has_a_rule_and_every_rule_a_fault() -> None:
    assert set(TROUBLE) == set(FAULTS)
    assert len(set(FAULTS)) == len(FAULTS)
    for fault, parts in TROUBLE.items():
        found = find(snapshot(**parts))
        assert [one.fault for one in found] == [fault]
        assert found[0].text
        assert found[0].advice
        assert found[0].anchor in ANCHORS


def test_what_keeps_people_from_their_answers_goes_first() -> None:
    assert first("bad_reload", "all_upstreams_dead", "store_lost") == "all_upstreams_dead"
    assert first("cache_too_small", "no_memory", "tier_hung") == "no_memory"
    assert first("clock_skew", "hot_tenant", "bad_reload") == "hot_tenant"


def test_a_symptom_stands_behind_its_cause_and_before_what_explains_nothing() -> None:
    assert first("errors", "upstream_slow") == "upstream_slow"
    assert first("slow", "query_of_death") == "query_of_death"
    assert first("errors", "bad_reload", "cache_too_small") == "errors"


def test_what_several_processes_found_is_told_once() -> None:
    found = find(snapshot(**TROUBLE["store_lost"]))
    assert in_order([*found, *found]) == found


def test_advice_names_settings_that_there_are() -> None:
    advice = " ".join(found.advice for parts in TROUBLE.values() for found in find(snapshot(**parts)))
    named = set(re.findall(r"--([a-z][a-z.-]*[a-z])", advice))
    flags = {field.metadata["flag"] for field in dataclasses.fields(Settings)}
    assert "limits.config-file" in named
    assert named - flags == set()
