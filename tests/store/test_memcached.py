"""Several servers of memcached: who holds what, which are asked, over TLS too."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from proxy.store.memcached_wire import MemcachedConnection
from proxy.store.raw_tier import Entry, TierError
from proxy.store.tier_config import MemcachedConfig, TierTls
from tests.certificates import Authority
from tests.store.cache_servers import CacheServer, memcached
from tests.store.tiers import Names, opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from proxy.codec.sections import Buffer

LONG_S = 3600
ENTRIES = [Entry(f"name-{number}", b"%d" % number, LONG_S) for number in range(300)]
NAMES = [entry.name for entry in ENTRIES]


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[CacheServer]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(memcached(tmp_path)) for _ in range(3)]


def items(server: CacheServer) -> int:
    told = server.say("stats").decode()
    return int(told.partition("STAT curr_items ")[2].partition("\r\n")[0])


def places(servers: Sequence[CacheServer]) -> tuple[str, ...]:
    return tuple(server.address for server in servers)


async def test_values_are_shared_out_over_all_servers(servers: list[CacheServer]) -> None:
    async with opened(MemcachedConfig(places(servers))) as tier:
        assert await tier.put_many(ENTRIES) == 300
        assert all(50 < items(server) < 150 for server in servers)
        assert len(await tier.get_many(NAMES, 1)) == 300


async def test_another_server_costs_only_its_share_of_the_hits(servers: list[CacheServer]) -> None:
    async with opened(MemcachedConfig(places(servers[:2]))) as tier:
        await tier.put_many(ENTRIES)
    async with opened(MemcachedConfig(places(servers))) as tier:
        found = await tier.get_many(NAMES, 1)
    assert 160 < len(found) < 240
    assert len(found) == 300 - (300 - items(servers[0]) - items(servers[1])) - _moved(servers, found)


def _moved(servers: list[CacheServer], found: Mapping[str, Buffer]) -> int:
    """What the first two still hold and nobody asks them for any more."""
    return items(servers[0]) + items(servers[1]) - len(found)


async def test_servers_are_looked_up_again_and_connections_to_old_ones_end(
    servers: list[CacheServer],
) -> None:
    names = Names()
    names.records = {"_cache": [("127.0.0.1", servers[0].port)]}
    config = MemcachedConfig(("dnssrvnoa+_cache",), dns_provider_update_interval_ms=20)
    async with opened(config, names) as tier:
        await tier.put_many(ENTRIES)
        assert items(servers[0]) == 300
        names.records = {"_cache": [("127.0.0.1", server.port) for server in servers[1:]]}
        await asyncio.sleep(0.2)
        assert await tier.get_many(NAMES, 1) == {}
        await tier.put_many(ENTRIES)
        assert items(servers[1]) + items(servers[2]) == 300
        assert b"STAT curr_connections 1\r\n" in servers[0].say("stats")  # this one


async def test_without_a_known_server_nothing_is_found_until_there_is_one(
    servers: list[CacheServer],
) -> None:
    names = Names()
    config = MemcachedConfig((f"dns+cache:{servers[0].port}",), dns_provider_update_interval_ms=20)
    async with opened(config, names) as tier:
        with pytest.raises(TierError, match="no server"):
            await tier.get_many(NAMES, 1)
        names.hosts = {"cache": ["127.0.0.1"]}
        await asyncio.sleep(0.2)
        assert await tier.put_many(ENTRIES) == 300


async def test_a_hung_server_is_left_alone_and_the_others_answer(
    servers: list[CacheServer],
) -> None:
    async with opened(MemcachedConfig(places(servers), timeout_ms=200)) as tier:
        await tier.put_many(ENTRIES)
        servers[0].pause()
        own = 300 - items(servers[1]) - items(servers[2])
        loop, took_s = asyncio.get_running_loop(), []
        for _ in range(12):
            began_s = loop.time()
            assert len(await tier.get_many(NAMES, 0.05)) == 300 - own
            took_s.append(loop.time() - began_s)
        servers[0].go_on()
        assert sum(one > 0.045 for one in took_s) == 3
        await asyncio.sleep(0.6)
        assert len(await tier.get_many(NAMES, 1)) == 300


async def test_when_no_server_answers_that_is_a_failure(servers: list[CacheServer]) -> None:
    async with opened(MemcachedConfig(places(servers))) as tier:
        for server in servers:
            server.kill()
        with pytest.raises(TierError, match="memcached at"):
            await tier.get_many(NAMES, 1)
        with pytest.raises(TierError):
            await tier.put_many(ENTRIES)
        with pytest.raises(TierError):
            await tier.add(ENTRIES[0])
        for _ in range(3):
            with pytest.raises(TierError):
                await tier.get_many(NAMES, 1)
        with pytest.raises(TierError, match="left alone"):
            await tier.get_many(NAMES, 1)


async def test_a_timeout_bounds_each_answer(servers: list[CacheServer]) -> None:
    async with opened(MemcachedConfig(places(servers[:1]), timeout_ms=50)) as tier:
        await tier.put_many(ENTRIES)
        servers[0].pause()
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(TierError, match="no answer in time"):
            await tier.get_many(NAMES, 10)
        assert 0.045 < asyncio.get_running_loop().time() - began_s < 0.5
        servers[0].go_on()


async def test_names_are_asked_in_batches_so_many_at_once(
    servers: list[CacheServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, now, highest = [], 0, 0
    get = MemcachedConnection.get

    async def noted(self: MemcachedConnection, names: Sequence[str]) -> dict[str, bytes]:
        nonlocal now, highest
        sizes.append(len(names))
        now += 1
        highest = max(highest, now)
        found = await get(self, names)
        now -= 1
        return found

    monkeypatch.setattr(MemcachedConnection, "get", noted)
    config = MemcachedConfig(
        places(servers[:1]), max_get_multi_batch_size=70, max_get_multi_concurrency=2
    )
    async with opened(config) as tier:
        await tier.put_many(ENTRIES)
        assert len(await tier.get_many(NAMES, 1)) == 300
    assert sorted(sizes) == [20, 70, 70, 70, 70]
    assert highest == 2


async def test_only_so_many_idle_connections_are_kept(servers: list[CacheServer]) -> None:
    config = MemcachedConfig(places(servers[:1]), max_idle_connections=2, max_get_multi_batch_size=10)
    async with opened(config) as tier:
        await tier.put_many(ENTRIES)
        await tier.get_many(NAMES, 1)
        await asyncio.sleep(0.05)
        told = servers[0].say("stats").decode()
        assert int(told.partition("STAT curr_connections ")[2].split()[0]) == 2 + 1
        assert int(told.partition("STAT total_connections ")[2].split()[0]) > 20


@pytest.mark.parametrize(("max_item_bytes", "largest"), [(5_000, 4_488), (0, (1 << 30) - 512)])
async def test_values_are_cut_below_the_limit_of_an_item(max_item_bytes: int, largest: int) -> None:
    async with opened(MemcachedConfig(("a:1",), max_item_bytes=max_item_bytes)) as tier:
        assert tier.max_value_bytes == largest


@pytest.mark.parametrize("name", ["localhost", "cache.example"])
async def test_servers_and_clients_know_each_other_over_tls(tmp_path: Path, name: str) -> None:
    authority = Authority(tmp_path)
    own, client = authority.issue("server", name), authority.issue("client", "thanoxy")
    options = (
        f"ssl_chain_cert={own.cert_file},ssl_key={own.key_file},"
        f"ssl_ca_cert={authority.ca_file},ssl_verify_mode=2"
    )
    user = () if os.geteuid() else ("-u", "root")
    tls = TierTls(authority.ca_file, client.cert_file, client.key_file, server_name=name)
    with memcached(tmp_path, "-Z", "-o", options, *user) as server:
        async with opened(MemcachedConfig((server.address,), tls=tls)) as tier:
            assert await tier.put_many(ENTRIES) == 300
            assert len(await tier.get_many(NAMES, 1)) == 300
        wrong = TierTls(authority.ca_file, client.cert_file, client.key_file, "other.example")
        async with opened(MemcachedConfig((server.address,), tls=wrong)) as tier:
            with pytest.raises(TierError, match="certificate"):
                await tier.get_many(NAMES, 1)
        unknown = TierTls(authority.ca_file, server_name=name)
        async with opened(MemcachedConfig((server.address,), tls=unknown)) as tier:
            with pytest.raises(TierError):
                await tier.get_many(NAMES, 1)
