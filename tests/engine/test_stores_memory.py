"""Which stores are expected, remembered beyond a process."""

from __future__ import annotations

from proxy.engine.stores_memory import StoresMemory
from proxy.plan.holes import StoreWatch, Trust
from tests.engine.cached import HOUR_MS, ManualClock
from tests.engine.test_shared_extents import MemoryTier
from tests.plan.stores import ALL, store

A, B = store("a"), store("b")


def memory(tier: MemoryTier, clock: ManualClock) -> StoresMemory:
    return StoresMemory(tier, clock, "stores", 3_600)


def one_that_has_seen_both(tier: MemoryTier, clock: ManualClock) -> None:
    watch = StoreWatch(HOUR_MS)
    watch.look(clock.monotonic, clock.monotonic, [A, B])
    memory(tier, clock).note(watch)


async def test_a_process_that_is_started_while_a_store_is_away_misses_it() -> None:
    tier = MemoryTier()
    one_that_has_seen_both(tier, ManualClock())
    clock, watch = ManualClock(monotonic=0), StoreWatch(HOUR_MS)
    clock.wall += 60_000
    await memory(tier, clock).recall(watch)
    watch.look(10, 11, [A])
    assert watch.away == [B.kind]
    assert watch.trust(12, 13, ALL) is Trust.IN_DOUBT
    before_ms = -60_000 - 10
    assert watch.trust(before_ms, before_ms, ALL) is Trust.CONFIRMED, "then it was there"


async def test_without_a_memory_what_is_there_is_all_there_is() -> None:
    watch = StoreWatch(HOUR_MS)
    await memory(MemoryTier(), ManualClock()).recall(watch)
    watch.look(10, 11, [A])
    assert watch.away == []


async def test_what_cannot_be_read_is_no_memory() -> None:
    tier = MemoryTier()
    tier.values["stores"] = b"noise"
    watch = StoreWatch(HOUR_MS)
    await memory(tier, ManualClock()).recall(watch)
    assert watch.expected == {}


async def test_a_watch_that_has_looked_keeps_its_own_opinion() -> None:
    tier, clock = MemoryTier(), ManualClock()
    one_that_has_seen_both(tier, clock)
    watch = StoreWatch(HOUR_MS)
    watch.look(10, 11, [A])
    await memory(tier, clock).recall(watch)
    assert set(watch.expected) == {A.kind}


def test_it_is_written_every_few_seconds_only() -> None:
    tier, clock, watch = MemoryTier(), ManualClock(), StoreWatch(HOUR_MS)
    kept = memory(tier, clock)
    kept.note(watch)
    assert tier.values == {}, "nothing is known yet"
    watch.look(1, 1, [A])
    kept.note(watch)
    first = tier.values["stores"]
    watch.look(2, 2, [A, B])
    kept.note(watch)
    assert tier.values["stores"] == first
    clock.advance(10_000)
    kept.note(watch)
    assert tier.values["stores"] != first
