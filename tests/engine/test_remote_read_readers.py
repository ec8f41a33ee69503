"""What is kept for one reader never answers another whose samples may differ; holes do not stay."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.engine.query_flags import QueryFlags
from proxy.model.read_query import Matcher, MatchType
from proxy.plan.purge import Purge
from tests.engine.reading import KEEP, Reading, SlowThreads, equal, ticks
from tests.pieces import FEWER

SPAN = 0, 999
ANN: dict[str, Any] = {"headers": (("X-Team", "ann"),)}
BOB: dict[str, Any] = {"headers": (("X-Team", "bob"),)}
ENFORCED = QueryFlags(tenant_label="x", default_tenant="1")


async def test_readers_with_other_values_of_a_header_share_nothing() -> None:
    reading = Reading()
    readers: list[dict[str, Any]] = [ANN, BOB, {}, {"headers": (("X-Team", ""),)}]
    for reader in readers:
        assert await reading.asked_by(*SPAN, **reader) == [SPAN]
        assert await reading.asked_by(*SPAN, **reader) == []


async def test_readers_with_other_values_of_a_header_wait_for_fetches_of_their_own() -> None:
    reading = Reading(threads=SlowThreads())
    reading.source.pauses = 5
    await asyncio.gather(*(reading.read(*SPAN, **reader) for reader in (ANN, BOB, ANN)))
    assert reading.source.spans == [SPAN, SPAN]


async def test_other_headers_do_not_keep_readers_apart() -> None:
    reading = Reading()
    await reading.read(*SPAN, headers=(("User-Agent", "a"),))
    assert await reading.asked_by(*SPAN, headers=(("User-Agent", "b"),)) == []


async def test_headers_travel_to_the_source() -> None:
    reading = Reading()
    await reading.read(*SPAN, **ANN)
    assert [caller.pairs for caller in reading.source.callers] == [(("X-Team", "ann"),)]


async def test_where_tenancy_is_enforced_each_reads_only_the_own_series() -> None:
    reading = Reading(known=ENFORCED)
    for tenant in ("1", "2", "nobody", "1", "2"):
        found = await reading.read(*SPAN, headers=(("X-Team", tenant),))
        assert found == reading.truth(*SPAN, equal("x", tenant))
    assert await reading.read(*SPAN) == reading.truth(*SPAN, equal("x", "1")), "the default tenant"


@pytest.mark.parametrize("kind", MatchType)
async def test_a_tenant_cannot_ask_for_another_ones_series(kind: MatchType) -> None:
    reading = Reading(known=ENFORCED)
    others = Matcher(kind, "x", "2"), Matcher(MatchType.REGEX, "x", ".*")
    metric = equal("__name__", "a")
    found = await reading.read(*SPAN, metric, *others, headers=(("X-Team", "1"),))
    assert found == reading.truth(*SPAN, metric, equal("x", "1"))
    assert found.keys() == {"a x=1"}


async def test_what_is_deduplicated_otherwise_is_kept_apart() -> None:
    """As when Thanos Query comes back with other flags."""
    reading = Reading()
    told = [QueryFlags(("r",)), QueryFlags(("r", "s")), QueryFlags(("r",), True), QueryFlags()]
    for flags in told:
        reading.reads = reading.reads_of(flags)
        assert await reading.asked_by(*SPAN) == [SPAN]
        ask = reading.source.asked[-1]
        assert (ask.replica_labels, ask.is_chain) == (flags.replica_labels, flags.is_chain)
    for flags in told:
        reading.reads = reading.reads_of(flags)
        assert await reading.asked_by(*SPAN) == []


async def test_functions_that_level_counters_are_kept_apart_from_the_others() -> None:
    reading = Reading()
    await reading.read(*SPAN, func="max_over_time")
    assert await reading.asked_by(*SPAN, func="") == []
    assert await reading.asked_by(*SPAN, func="rate") == [SPAN]
    assert await reading.asked_by(*SPAN, func="increase") == []


async def test_with_downsampled_data_every_function_is_kept_apart() -> None:
    reading = Reading(max_resolution_ms=300_000)
    for func in ("", "max_over_time", "min_over_time"):
        assert await reading.asked_by(*SPAN, func=func) == [SPAN]
    assert [ask.func for ask in reading.source.asked] == ["", "max_over_time", "min_over_time"]


async def test_a_purge_by_tenant_lets_the_other_tenants_samples_stand() -> None:
    reading = Reading()
    for reader in (ANN, BOB):
        await reading.read(*SPAN, **reader)
    assert reading.cache.purge(Purge(("x-team",), tenant=("x-team", "ann"))) == 1
    reading.clock.advance(1)
    assert await reading.asked_by(*SPAN, **ANN) == [SPAN]
    assert await reading.asked_by(*SPAN, **BOB) == []


async def watched() -> Reading:
    """A cache whose upstream has been looked at once, all stores being there."""
    reading = Reading(is_watched=True)
    reading.look()
    return reading


async def test_samples_of_all_stores_are_confirmed_by_the_next_look() -> None:
    reading = await watched()
    await reading.read(*SPAN)
    reading.clock.advance(1)
    reading.look()
    reading.clock.advance(KEEP.long_life_ms - 10)
    assert await reading.asked_by(*SPAN) == []


async def test_without_a_look_samples_serve_only_for_their_short_life() -> None:
    reading = await watched()
    await reading.read(*SPAN)
    reading.clock.advance(KEEP.short_life_ms - 1)
    assert await reading.asked_by(*SPAN) == []
    reading.clock.advance(1)
    assert await reading.asked_by(*SPAN) == [SPAN]


async def test_a_hole_is_asked_again_when_the_store_is_back() -> None:
    reading = await watched()
    reading.world.is_lost = True
    hole = await reading.read(*SPAN)
    reading.clock.advance(1)
    reading.look()
    reading.world.is_lost = False
    assert await reading.read(*SPAN) == hole, "inside of its short life"
    reading.look()
    assert await reading.asked_by(*SPAN) == [SPAN]
    reading.clock.advance(1)
    reading.look()
    assert await reading.asked_by(*SPAN) == []


async def test_what_was_fetched_before_the_loss_goes_on_serving() -> None:
    reading = await watched()
    whole = await reading.read(*SPAN)
    reading.clock.advance(1)
    reading.look()
    reading.world.is_lost = True
    reading.clock.advance(1)
    for _ in range(3):
        reading.look()
        reading.clock.advance(KEEP.short_life_ms)
        assert await reading.read(*SPAN) == whole
    assert reading.source.spans == [SPAN]


@FEWER
@given(seed=st.integers(0, 2**32))
def test_no_hole_outlives_a_look_that_sees_the_store_again(seed: int) -> None:
    async def main() -> None:
        chance = random.Random(seed)
        reading = await watched()
        for _ in range(2):
            for is_lost in (True, False):
                reading.world.is_lost = is_lost
                for _ in range(chance.randint(1, 3)):
                    await some_reads(reading, chance)
                    reading.look()
            first = chance.randrange(3_000)
            await reading.asked_by(first, first + chance.randrange(3_000))

    async def some_reads(reading: Reading, chance: random.Random) -> None:
        for _ in range(chance.randint(0, 4)):
            first = chance.randrange(3_000)
            await reading.read(first, first + chance.randrange(3_000))
            reading.clock.advance(chance.randint(0, 900))
            await ticks()

    asyncio.run(main())
