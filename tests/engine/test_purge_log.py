"""Purges that all processes hear of."""

from __future__ import annotations

import asyncio

from proxy.engine.purge_log import PurgeLog
from proxy.plan.purge import Purge
from tests.engine.cached import HOUR_MS, ManualClock
from tests.engine.test_shared_extents import MemoryTier

UP, DOWN = Purge(metric="up"), Purge(metric="down")


async def heard(
    tier: MemoryTier, clock: ManualClock, *, before: list[Purge], later: list[Purge]
) -> list[Purge]:
    """What a process applies that is started after some purges and runs during others."""
    writer, reader = PurgeLog(tier, clock), PurgeLog(tier, clock)
    for wanted in before:
        await writer.write(wanted)
    applied: list[Purge] = []
    running = asyncio.create_task(reader.run(applied.append))
    await asyncio.sleep(0.05)
    for wanted in later:
        await writer.write(wanted)
    await asyncio.sleep(1.2)
    running.cancel()
    return applied


async def test_a_purge_is_applied_by_those_that_run_within_a_second_and_once() -> None:
    assert await heard(MemoryTier(), ManualClock(), before=[UP], later=[DOWN]) == [DOWN]


async def test_who_writes_does_not_hear_of_it() -> None:
    tier, clock = MemoryTier(), ManualClock()
    log = PurgeLog(tier, clock)
    await log.write(UP)
    assert await log._hear(log._next_names()) == []


async def test_two_that_write_at_the_same_time_are_both_heard() -> None:
    tier, clock = MemoryTier(), ManualClock()
    one, other, reader = (PurgeLog(tier, clock) for _ in range(3))
    await one.write(UP)
    await other.write(DOWN)
    assert await reader._hear(reader._next_names()) == [UP, DOWN]
    assert len(tier.values) == 2


async def test_the_last_number_of_an_hour_removes_everything() -> None:
    tier, clock = MemoryTier(), ManualClock()
    log = PurgeLog(tier, clock)
    for _ in range(40):
        await log.write(UP)
    assert len(tier.values) == 32
    reader = PurgeLog(tier, clock)
    hour = clock.wall // HOUR_MS
    wanted = await reader._hear([f"purge.{hour:08d}.{n:02d}" for n in range(32)])
    assert wanted.count(UP) == 31
    assert wanted[-1] == Purge()


async def test_what_is_older_than_a_day_is_forgotten() -> None:
    tier, clock = MemoryTier(), ManualClock()
    log = PurgeLog(tier, clock)
    await log.write(UP)
    clock.advance(26 * HOUR_MS)
    await log._hear(log._next_names())
    assert not log._known
