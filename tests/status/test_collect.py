"""The parts are asked how they are."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from proxy.engine.admission import GateAndMemory
from proxy.engine.gate import Gate, GatePolicy
from proxy.engine.memory import MemoryBudget, MemoryPolicy
from proxy.errors import UpstreamRefusedError
from proxy.plan.breaker import BreakerPolicy
from proxy.plan.holes import StoreWatch
from proxy.status.collect import Collector, Sources
from proxy.status.snapshot import FileState, Snapshot
from proxy.store.memory import MemoryStore
from proxy.telemetry.metrics import MEMORY_REFUSED, QUEUE_REFUSED, QUEUE_WAITING
from proxy.upstream.addresses import Endpoint
from proxy.upstream.pool import Pool
from tests.engine.cached import ManualClock
from tests.plan.stores import store

NOW_MS = 1_700_000_000_000


@dataclass
class Files:
    failures: dict[str, str] = field(default_factory=dict)


@pytest.fixture
async def sources() -> Sources:
    pool = Pool(BreakerPolicy(failures=2))
    pool.set_endpoints([Endpoint("http://a.test"), Endpoint("http://b.test")])
    gate = Gate(GatePolicy(2, 2, 10, 5_000), QUEUE_WAITING)
    budget = MemoryBudget(MemoryPolicy(1_000, 5_000))
    return Sources(
        pool=pool,
        admission=GateAndMemory(gate, budget),
        memory=MemoryStore(10_000, 0.5),
        watch=StoreWatch(10**9),
        files=Files({"limits": "line 3", "http.config": ""}),
        clock=ManualClock(monotonic=5_000),
    )


async def test_addresses_are_as_the_pool_knows_them(sources: Sources) -> None:
    ill, well = sources.pool.candidates
    for _ in range(2):
        sources.pool.fail(ill, True, UpstreamRefusedError("nobody listens"))
    for _ in range(20):
        sources.pool.succeed(well, 4.0, 80.0)
    turn = sources.pool.begin(well)
    first, second = Collector(sources).collect(NOW_MS)["addresses"]
    turn.close()
    assert (first.url, first.state, first.failures) == ("http://a.test", "open", 2)
    assert (first.last_reason, first.last_error) == ("refused", "nobody listens")
    assert (second.state, second.in_flight, second.latency_ms) == ("closed", 1, 80)
    assert second.slowness == pytest.approx(4, rel=0.01)


async def test_the_queue_is_told_by_tenant(sources: Sources) -> None:
    collector, gate = Collector(sources), sources.admission.gate
    async with gate.enter("a"):
        queue = collector.collect(NOW_MS)["queue"]
        assert (queue.running, queue.most, queue.waiting) == (1, 2, 0)
        assert [(one.tenant, one.running, one.share) for one in queue.tenants] == [("a", 1, 1.0)]
    async with gate.enter("b"), gate.enter("b"):
        tenants = collector.collect(NOW_MS + 1_000)["queue"].tenants
    assert [(one.tenant, one.running) for one in tenants] == [("b", 2), ("a", 0)]
    assert sum(one.share for one in tenants) == pytest.approx(1)


async def test_what_is_counted_becomes_a_rate(sources: Sources) -> None:
    collector = Collector(sources)
    collector.collect(NOW_MS)
    QUEUE_REFUSED.labels("gave_way").inc(4)
    MEMORY_REFUSED.labels("ring").inc(6)
    parts = collector.collect(NOW_MS + 2_000)
    assert parts["queue"].refused_per_s == 2
    assert parts["memory"].refused_per_s == 3
    assert (parts["memory"].held_bytes, parts["memory"].most_bytes) == (0, 1_000)


async def test_files_stores_and_failing_queries_are_told(sources: Sources) -> None:
    collector = Collector(sources)
    sources.watch.look(1_000, 1_000, [store("s")])
    collector.failing.failed("sum(x)", "timeout", "", "", NOW_MS)
    parts = collector.collect(NOW_MS)
    assert parts["files"] == (FileState("limits", False, "line 3"), FileState("http.config", True, ""))
    assert [one.kind for one in parts["stores"]] == ["s"]
    assert parts["stores_age_ms"] == 4_000
    assert [one.expr for one in parts["failing"]] == ["sum(x)"]
    assert (parts["tiers"], parts["unfound_names"]) == ((), ())
    assert parts["cache"].most_bytes == 10_000


async def test_the_parts_are_fields_of_a_snapshot(sources: Sources) -> None:
    parts = Collector(sources).collect(NOW_MS)
    assert Snapshot(NOW_MS, 1, **parts).files == parts["files"]
