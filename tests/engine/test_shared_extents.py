"""What one process has kept serves another: through a tier, when it is sure, and not after a purge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.codec.extent_wire import encode_extent
from proxy.engine.purge_log import PurgeLog
from proxy.engine.range_query import FetchPolicy, RangeQueries
from proxy.engine.read_back import ReadBack
from proxy.engine.results_cache import ResultsCache
from proxy.engine.shared_extents import SharedExtents
from proxy.plan.purge import Purge
from proxy.plan.range_plan import SplitPolicy
from proxy.store.tiered import TieredStore
from tests.engine.cached import DAY_MS, HOUR_MS, KEEP, MINUTE_MS, Cached, window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.model.extent import AnyPiece, Extent

OLD = window(57 * HOUR_MS, 40)


class MemoryTier:
    """`engine.ports.Tier` that always works."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.asked: list[str] = []

    async def get_many(self, names: Sequence[str]) -> dict[str, bytes | memoryview]:
        self.asked += names
        return {name: self.values[name] for name in names if name in self.values}

    def put(self, name: str, value: bytes, life_s: int) -> bool:
        assert life_s > 0
        self.values[name] = value
        return True

    async def add(self, name: str, value: bytes, life_s: int) -> bool:
        return self.values.setdefault(name, value) is value


class Process(Cached):
    """A process that shares what it keeps."""

    def __init__(self, tier: MemoryTier) -> None:
        super().__init__(is_watched=True)
        self.tier = tier
        self.purges = PurgeLog(tier, self.clock)
        read_back = ReadBack(tier, self.threads, 1)
        self.shared = SharedExtents(tier, self.watch, self.clock, self.threads, self.purges, read_back)
        self.tiered = TieredStore(self.store, self.shared)
        self.cache = ResultsCache(
            self.tiered, self.watch, self.clock, self.threads, KEEP, self.background
        )
        self.queries = RangeQueries(
            self.upstream,
            self.threads,
            self.clock,
            self.cache,
            SplitPolicy(DAY_MS, 1000, keep=True),
            FetchPolicy(14),
        )

    async def look(self) -> None:
        """A look that begins after whatever was fetched before."""
        self.clock.advance(1)
        await super().look()

    async def write(self) -> None:
        await self.shared.write(self.tiered)


async def kept_by_one(tier: MemoryTier) -> Process:
    """A process that has asked for `OLD`, is sure of it, and has written it."""
    one = Process(tier)
    await one.look()
    await one.ask(OLD)
    await one.look()
    await one.write()
    return one


async def test_another_process_serves_what_one_has_kept_and_asks_nothing() -> None:
    tier = MemoryTier()
    await kept_by_one(tier)
    tier.asked.clear()
    other = Process(tier)
    await other.look()
    assert await other.fetched_by(OLD) == []
    assert await other.fetched_by(OLD) == []
    assert len(tier.asked) == len(set(tier.asked)), "what is in memory is not asked for again"


async def test_a_process_that_was_started_anew_is_warm_although_its_clock_begins_at_zero() -> None:
    tier = MemoryTier()
    await kept_by_one(tier)
    other = Process(tier)
    other.clock.monotonic = 7
    await other.look()
    assert await other.fetched_by(OLD) == []


async def test_what_is_not_confirmed_is_not_written() -> None:
    tier = MemoryTier()
    one = Process(tier)
    await one.look()
    await one.ask(OLD)
    await one.write()
    assert tier.values == {}
    await one.look()
    await one.write()
    assert tier.values


async def test_what_a_lost_store_left_out_never_reaches_the_others() -> None:
    tier = MemoryTier()
    one = Process(tier)
    await one.look()
    one.world.is_lost = True
    await one.ask(OLD)
    await one.look()
    await one.write()
    assert tier.values == {}
    one.world.is_lost = False
    await one.look()
    await one.write()
    assert tier.values == {}, "it is asked for again first"
    await one.ask(OLD)
    await one.look()
    await one.write()
    other = Process(tier)
    await other.look()
    assert await other.fetched_by(OLD) == []


async def test_a_piece_lives_as_long_in_another_process_as_in_the_one_that_fetched_it() -> None:
    tier = MemoryTier()
    one = await kept_by_one(tier)
    other = Process(tier)
    other.clock.wall = one.clock.wall + DAY_MS - MINUTE_MS
    await other.look()
    assert await other.fetched_by(OLD) == []
    late = Process(tier)
    late.clock.wall = one.clock.wall + DAY_MS + MINUTE_MS
    await late.look()
    assert await late.fetched_by(OLD) != []


async def test_a_longer_window_asks_only_for_what_nobody_has() -> None:
    tier = MemoryTier()
    await kept_by_one(tier)
    other = Process(tier)
    await other.look()
    longer = window(57 * HOUR_MS + 10 * MINUTE_MS, 50)
    (asked,) = await other.fetched_by(longer)
    assert asked.steps == 10


async def test_what_is_loaded_is_not_written_again() -> None:
    tier = MemoryTier()
    await kept_by_one(tier)
    other = Process(tier)
    await other.look()
    await other.ask(OLD)
    written = dict(tier.values)
    tier.values.clear()
    await other.write()
    assert tier.values == {}
    assert written


@pytest.mark.parametrize("damage", [b"", b"noise", None])
async def test_a_damaged_value_is_a_miss(damage: bytes | None) -> None:
    tier = MemoryTier()
    await kept_by_one(tier)
    for name, value in tier.values.items():
        tier.values[name] = value[:-9] + b"X" + value[-8:] if damage is None else damage
    other = Process(tier)
    await other.look()
    assert await other.fetched_by(OLD) != []


async def test_the_name_of_another_question_is_a_miss_and_not_its_answer() -> None:
    tier = MemoryTier()
    one = await kept_by_one(tier)
    extents = [one.store.peek(extent_id) for extent_id in one.store._extents]
    wrong = next(extent for extent in extents if extent is not None)
    offset_ms = one.clock.wall_ms() - one.clock.monotonic_ms()
    other = Process(tier)
    await other.look()
    await other.ask(OLD, "a offset 1h")
    await other.look()
    await other.write()
    for name in tier.values:
        tier.values[name] = encode_extent(wrong, offset_ms)
    third = Process(tier)
    await third.look()
    assert await third.fetched_by(OLD, "a offset 1h") != []


async def test_who_has_written_holds_what_the_tier_has_from_the_next_time_on() -> None:
    tier = MemoryTier()
    one = await kept_by_one(tier)
    assert not any(lies_in_a_tier(extent) for extent in one.store.extents())
    written = dict(tier.values)
    await one.write()
    assert one.store.extents()
    assert all(lies_in_a_tier(extent) for extent in one.store.extents())
    assert await one.fetched_by(OLD) == []
    await one.look()
    await one.write()
    assert tier.values == written, "it is not written again for that"


async def test_what_is_written_without_its_unsure_pieces_is_not_read_back() -> None:
    tier = MemoryTier()
    one = Process(tier)
    await one.look()
    await one.ask(OLD)
    await one.look()
    await one.ask(window(57 * HOUR_MS, 50))
    await one.write()
    (both,) = [extent for extent in one.store.extents() if len(extent.kept) == 2]
    assert tier.values
    tier.asked.clear()
    await one.write()
    assert both in one.store.extents()
    assert not lies_in_a_tier(both)


def lies_in_a_tier(extent: Extent[AnyPiece]) -> bool:
    return all(isinstance(one.piece.floats.blob, memoryview) for one in extent.kept)  # type: ignore[attr-defined]


async def test_a_purge_reaches_processes_that_are_started_later() -> None:
    tier = MemoryTier()
    one = await kept_by_one(tier)
    one.clock.advance(1_000)
    await one.purges.write(Purge(metric="a"))
    other = Process(tier)
    other.clock.wall = one.clock.wall + 1_000
    await other.purges._hear([f"purge.{other.clock.wall // HOUR_MS:08d}.{n:02d}" for n in range(32)])
    await other.look()
    assert await other.fetched_by(OLD) != []
    await other.look()
    await other.write()
    third = Process(tier)
    third.clock.wall = other.clock.wall + 1_000
    await third.purges._hear([f"purge.{third.clock.wall // HOUR_MS:08d}.{n:02d}" for n in range(32)])
    await third.look()
    assert await third.fetched_by(OLD) == [], "what was fetched after the purge serves"
