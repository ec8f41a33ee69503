"""Redis as a tier: prefix, batches, timeouts, and what fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from proxy.store.raw_tier import Entry, TierError
from proxy.store.redis import RedisTier
from proxy.store.tier_config import RedisConfig
from tests.store.cache_servers import CacheServer, redis
from tests.store.tiers import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONG_S = 3600
ENTRIES = [Entry(f"name-{number}", b"%d" % number, LONG_S) for number in range(25)]
NAMES = [entry.name for entry in ENTRIES]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[CacheServer]:
    with redis(tmp_path) as running:
        yield running


def calls(server: CacheServer, command: str) -> int:
    told = server.say("INFO commandstats").decode()
    return int(told.partition(f"cmdstat_{command}:calls=")[2].partition(",")[0] or 0)


async def test_every_key_has_the_prefix(server: CacheServer) -> None:
    async with opened(RedisConfig((server.address,), prefix="own:")) as tier:
        await tier.put_many(ENTRIES)
        await tier.add(Entry("lease", b"mine", LONG_S))
        assert b"$1\r\n3" in server.say("GET own:name-3")
        assert b"mine" in server.say("GET own:lease")
        await tier.remove("name-3")
        assert server.say("EXISTS own:name-3") == b":0\r\n"
        assert int(server.say("TTL own:name-4")[1:]) in range(LONG_S - 5, LONG_S + 1)


@pytest.mark.parametrize(("size", "reads"), [(10, 3), (100, 1), (0, 1)])
async def test_names_are_asked_in_batches(server: CacheServer, size: int, reads: int) -> None:
    async with opened(RedisConfig((server.address,), get_multi_batch_size=size)) as tier:
        await tier.put_many(ENTRIES)
        assert len(await tier.get_many(NAMES, 1)) == 25
        assert calls(server, "mget") == reads


async def test_values_are_written_in_batches_so_many_at_once(server: CacheServer) -> None:
    config = RedisConfig((server.address,), set_multi_batch_size=4, max_set_multi_concurrency=2)
    async with opened(config) as tier:
        assert await tier.put_many(ENTRIES) == 25
        assert calls(server, "set") == 25
        clients = server.say("INFO clients").decode()
        assert "connected_clients:3\r\n" in clients  # two, and this one


@pytest.mark.parametrize(
    ("config", "what"),
    [({"read_timeout_ms": 50}, "get"), ({"write_timeout_ms": 50}, "put")],
)
async def test_a_timeout_bounds_each_answer(
    server: CacheServer, config: dict[str, int], what: str
) -> None:
    async with opened(RedisConfig((server.address,), **config)) as tier:  # type: ignore[arg-type]
        await tier.put_many(ENTRIES)
        server.pause()
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(TierError, match="no answer in time"):
            await (tier.get_many(NAMES, 1) if what == "get" else tier.put_many(ENTRIES))
        assert asyncio.get_running_loop().time() - began_s < 0.5
        server.go_on()
        assert len(await tier.get_many(NAMES, 1)) == 25


async def test_connecting_has_a_timeout_of_its_own(server: CacheServer) -> None:
    server.pause()
    tier = RedisTier(RedisConfig((server.address,), dial_timeout_ms=50))
    began_s = asyncio.get_running_loop().time()
    await tier.start()
    assert asyncio.get_running_loop().time() - began_s < 0.5
    server.go_on()
    assert await tier.get_many(NAMES, 1) == {}
    await tier.close()


async def test_those_that_come_while_another_connects_share_its_fate(server: CacheServer) -> None:
    server.pause()
    tier = RedisTier(RedisConfig((server.address,), dial_timeout_ms=100))
    began_s = asyncio.get_running_loop().time()
    reads = [asyncio.create_task(tier.get_many(NAMES, 1)) for _ in range(10)]
    await asyncio.wait(reads)
    assert all(isinstance(read.exception(), TierError) for read in reads)
    assert asyncio.get_running_loop().time() - began_s < 0.5
    server.go_on()
    async with asyncio.TaskGroup() as group:
        found = [group.create_task(tier.get_many(NAMES, 1)) for _ in range(10)]
    assert [read.result() for read in found] == [{}] * 10
    await tier.close()


async def test_a_server_without_room_says_why(tmp_path: Path) -> None:
    with redis(tmp_path, "--maxmemory", "1kb", "--maxmemory-policy", "noeviction") as server:
        async with opened(RedisConfig((server.address,))) as tier:
            with pytest.raises(TierError, match=r"maxmemory"):
                await tier.put_many(ENTRIES)
            with pytest.raises(TierError, match=r"maxmemory"):
                await tier.add(ENTRIES[0])


async def test_a_key_of_another_type_is_a_miss(server: CacheServer) -> None:
    server.say("LPUSH name-1 x")
    async with opened(RedisConfig((server.address,))) as tier:
        assert await tier.get_many(["name-1"], 1) == {}
        assert await tier.put_many(ENTRIES) == 25
        assert await tier.get_many(["name-1"], 1) == {"name-1": b"1"}
