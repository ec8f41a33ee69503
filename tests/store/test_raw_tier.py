"""What every tier must do, asked of each kind on a real server."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from proxy.store.guarded import GuardedTier, GuardPolicy
from proxy.store.raw_tier import Entry
from tests.store.tiers import KINDS, config_of, opened, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from proxy.codec.sections import Buffer
    from proxy.store.raw_tier import RawTier
    from proxy.store.tier_config import TierConfig

LONG_S = 3600


@pytest.fixture(scope="module", params=KINDS)
def config(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TierConfig]:
    with config_of(request.param, tmp_path_factory.mktemp("tier")) as made:
        yield made


@pytest.fixture
async def tier(config: TierConfig) -> AsyncIterator[RawTier]:
    async with opened(config) as made:
        yield made


async def get(tier: RawTier, names: list[str]) -> Mapping[str, Buffer]:
    return await tier.get_many(names, 5.0)


def entry(name: str, value: bytes = b"value", life_s: int = LONG_S) -> Entry:
    return Entry(name, value, life_s)


async def test_what_is_put_is_got_and_the_rest_is_missing(tier: RawTier) -> None:
    assert await tier.put_many([entry("a", b"1"), entry("b", b"2")]) == 2
    assert await get(tier, ["a", "gone", "b"]) == {"a": b"1", "b": b"2"}
    assert await get(tier, ["gone"]) == {}


async def test_a_later_value_takes_the_place_of_an_earlier_one(tier: RawTier) -> None:
    await tier.put_many([entry("again", b"first" * 1000)])
    await tier.put_many([entry("again", b"second")])
    assert await get(tier, ["again"]) == {"again": b"second"}


async def test_a_name_is_added_only_once(tier: RawTier) -> None:
    assert await tier.add(entry("lease", b"mine"))
    assert not await tier.add(entry("lease", b"theirs"))
    assert await get(tier, ["lease"]) == {"lease": b"mine"}


async def test_what_is_removed_is_gone_and_may_be_added(tier: RawTier) -> None:
    await tier.put_many([entry("removed")])
    await tier.remove("removed")
    await tier.remove("never-there")
    assert await get(tier, ["removed"]) == {}
    assert await tier.add(entry("removed"))


async def test_a_value_is_gone_when_its_life_is_over(tier: RawTier) -> None:
    await tier.put_many([entry("short", life_s=1), entry("long")])
    assert set(await get(tier, ["short", "long"])) == {"short", "long"}
    async with asyncio.timeout(5):
        while "short" in await get(tier, ["short"]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert set(await get(tier, ["short", "long"])) == {"long"}
    assert await tier.add(entry("short"))


@pytest.mark.parametrize("days", [29, 31, 400])
async def test_a_life_may_be_longer_than_a_month(tier: RawTier, days: int) -> None:
    await tier.put_many([entry(f"{days}-days", life_s=days * 86_400)])
    assert await get(tier, [f"{days}-days"])


@pytest.mark.parametrize(
    "value",
    [b"", b"\0", b"\r\nEND\r\n", b"VALUE a 0 1\r\n", bytes(range(256)) * 4096, b"$-1\r\n"],
    ids=["empty", "nul", "end", "value", "all bytes", "nil"],
)
async def test_any_bytes_come_back_as_they_were(tier: RawTier, value: bytes) -> None:
    value = value[: tier.max_value_bytes]
    await tier.put_many([entry("bytes", value)])
    assert await get(tier, ["bytes"]) == {"bytes": value}


async def test_the_largest_value_that_it_takes_is_taken(tier: RawTier) -> None:
    value = random.Random(1).randbytes(tier.max_value_bytes)
    assert await tier.put_many([entry("n" * 200, value)]) == 1
    assert await get(tier, ["n" * 200]) == {"n" * 200: value}


async def test_a_thousand_names_are_put_and_got_at_once(tier: RawTier) -> None:
    entries = [entry(f"many-{n}", b"%d" % n * 200) for n in range(1000)]
    assert await tier.put_many(entries) == 1000
    names = [f"many-{n}" for n in range(0, 2000, 2)]
    found = await get(tier, names)
    assert found == {f"many-{n}": b"%d" % n * 200 for n in range(0, 1000, 2)}


async def test_reads_that_were_given_up_do_not_mix_up_later_ones(tier: RawTier) -> None:
    """A connection on which an answer is still to come must not be used for the next question."""
    await tier.put_many([entry(f"own-{n}", b"%d " % n * 20_000) for n in range(10)])
    chance = random.Random(7)

    async def read(n: int) -> None:
        try:
            async with asyncio.timeout(chance.random() * 0.004):
                found = await get(tier, [f"own-{n}"])
        except TimeoutError:
            return
        assert found == {f"own-{n}": b"%d " % n * 20_000}

    for _ in range(40):
        async with asyncio.TaskGroup() as group:
            for n in range(10):
                group.create_task(read(n))
    for n in range(10):
        assert await get(tier, [f"own-{n}"]) == {f"own-{n}": b"%d " % n * 20_000}


async def test_large_values_go_through_the_guard_in_parts(config: TierConfig) -> None:
    async with opened(config) as raw:
        guarded = GuardedTier(raw, GuardPolicy(timeout_s=5.0, most_s=5.0))
        await guarded.start()
        value = random.Random(2).randbytes(3 * 1024 * 1024 + 5)
        assert guarded.put("large", value, LONG_S)
        assert guarded.put("small", b"small", LONG_S)
        found = await until(lambda: guarded.get_many(["large", "small", "gone"]), 2)
        assert {name: bytes(one) for name, one in found.items()} == {"large": value, "small": b"small"}
        await guarded.close()
