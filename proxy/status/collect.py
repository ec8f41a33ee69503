"""Asks the running parts how they are, once a second, and says it in the words of `snapshot`.

What the parts only count becomes a rate here: the difference between two looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypedDict

from proxy.status.failing import FailingQueries
from proxy.status.rates import Rates, total
from proxy.status.snapshot import (
    Address,
    CacheState,
    FailingQuery,
    FileState,
    MemoryInFlight,
    Queue,
    StoreState,
    TenantLoad,
    TierState,
)
from proxy.status.store_states import age_ms, store_states
from proxy.status.turns import Stuck, TurnShares
from proxy.telemetry import metrics, signals
from proxy.upstream.pool import now_ms as loop_ms

if TYPE_CHECKING:
    from proxy.engine.admission import GateAndMemory
    from proxy.engine.ports import Clock
    from proxy.plan.holes import StoreWatch
    from proxy.store.guarded import GuardedTier
    from proxy.store.memory import MemoryStore
    from proxy.upstream.balancer import Candidate
    from proxy.upstream.discovery import Discovery
    from proxy.upstream.pool import Pool

_MOST_TENANTS = 20
_MOST_ADDRESSES = 200


class Files(Protocol):
    """What is read again when it changes: `file_watch`."""

    @property
    def failures(self) -> dict[str, str]:
        """What went wrong with each file at its last reading; "" where nothing has."""
        ...


@dataclass(frozen=True, slots=True)
class Sources:
    """The parts that are asked. tier, discovery: None where there is none."""

    pool: Pool
    admission: GateAndMemory
    memory: MemoryStore
    watch: StoreWatch
    files: Files
    clock: Clock
    tier: GuardedTier | None = None
    discovery: Discovery | None = None


class Parts(TypedDict):
    """Some of `Snapshot`, by its fields' names: `Snapshot(at_ms, pid, **parts)`."""

    addresses: tuple[Address, ...]
    queue: Queue
    memory: MemoryInFlight
    cache: CacheState
    tiers: tuple[TierState, ...]
    stores: tuple[StoreState, ...]
    files: tuple[FileState, ...]
    failing: tuple[FailingQuery, ...]
    unfound_names: tuple[str, ...]
    stores_age_ms: int | None


class Collector:
    """Remembers the last looks. `failing`: to be told of every request that fails.

    scale: of the time that rates look back, for tests.
    """

    def __init__(self, sources: Sources, scale: float = 1.0) -> None:
        self._sources = sources
        self._rates = Rates(scale)
        self._shares = TurnShares()
        self._stuck = Stuck()
        self.failing = FailingQueries()

    def collect(self, now_ms: int) -> Parts:
        """How the parts are at `now_ms`, on the wall's clock."""
        sources = self._sources
        discovery = sources.discovery
        return Parts(
            addresses=tuple(_address(one) for one in sources.pool.candidates[:_MOST_ADDRESSES]),
            queue=self._queue(now_ms),
            memory=self._memory(now_ms),
            cache=self._cache(now_ms),
            tiers=(self._tier(sources.tier, now_ms),) if sources.tier else (),
            stores=store_states(sources.watch, sources.clock.monotonic_ms(), now_ms),
            files=tuple(FileState(name, not why, why) for name, why in sources.files.failures.items()),
            failing=self.failing.lately(now_ms),
            unfound_names=tuple(discovery.failing) if discovery else (),
            stores_age_ms=age_ms(sources.watch, sources.clock.monotonic_ms()),
        )

    def _queue(self, now_ms: int) -> Queue:
        gate = self._sources.admission.gate
        turns = gate.turns(_MOST_TENANTS)
        shares = self._shares.look({one.tenant: one.running for one in turns}, now_ms)
        present = {one.tenant for one in turns}
        loads = [
            TenantLoad(one.tenant, one.running, one.waiting, shares.get(one.tenant, 0.0))
            for one in turns
        ]
        loads += [
            TenantLoad(name, 0, 0, share) for name, share in shares.items() if name not in present
        ]
        return Queue(
            running=gate.running,
            most=gate.most,
            waiting=gate.waiting,
            refused_per_s=self._rates.per_s(total(metrics.QUEUE_REFUSED), now_ms, "queue refused"),
            tenants=tuple(loads[:_MOST_TENANTS]),
            stuck_ms=self._stuck.look(gate.waiting, gate.let_in, now_ms),
        )

    def _memory(self, now_ms: int) -> MemoryInFlight:
        memory = self._sources.admission.memory
        refused = self._rates.per_s(total(metrics.MEMORY_REFUSED), now_ms, "memory refused")
        return MemoryInFlight(memory.used_bytes, memory.total_bytes, memory.waiting, refused)

    def _cache(self, now_ms: int) -> CacheState:
        memory, per_s = self._sources.memory, self._rates.per_s
        return CacheState(
            held_bytes=memory.used_bytes,
            most_bytes=memory.max_bytes,
            extents=len(memory),
            evicted_per_s=per_s(total(metrics.CACHE_EVICTED), now_ms, "evicted"),
            missed_evicted_per_s=per_s(total(signals.CACHE_MISSED_EVICTED), now_ms, "missed"),
            lookups_per_s=per_s(memory.lookups, now_ms, "lookups"),
            refused_per_s=per_s(total(metrics.CACHE_REFUSED), now_ms, "too large"),
        )

    def _tier(self, tier: GuardedTier, now_ms: int) -> TierState:
        def gets(result: str) -> float:
            count = total(metrics.TIER_GETS, tier=tier.name, result=result)
            return self._rates.per_s(count, now_ms, "gets", tier.name, result)

        dropped = total(metrics.TIER_WRITES, tier=tier.name, result="dropped")
        return TierState(
            name=tier.name,
            state=_tier_state(*tier.left_alone()),
            hits_per_s=gets("hit"),
            failed_per_s=gets("failed"),
            skipped_per_s=gets("skipped"),
            dropped_per_s=self._rates.per_s(dropped, now_ms, "dropped", tier.name),
            queue_bytes=tier.queue_bytes,
        )


def _tier_state(no_reads: bool, no_writes: bool) -> str:
    if no_reads and no_writes:
        return "left alone"
    if no_reads:
        return "reads left alone"
    return "writes left alone" if no_writes else "working"


def _address(candidate: Candidate) -> Address:
    signs, now_ms = candidate.signs, loop_ms()
    return Address(
        url=candidate.endpoint.url,
        state=candidate.breaker.state.name.lower(),
        in_flight=candidate.in_flight,
        latency_ms=signs.latency_ms(now_ms),
        slowness=signs.slowness(now_ms),
        skew_ms=signs.skew.least_ms,
        failures=signs.failures.total(),
        last_error=signs.last_error,
        last_reason=signs.last_reason,
    )
