"""What a query notices of cache servers that are hung, slow, full, flushed, restarted or gone."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from proxy.store.guarded import GuardedTier, GuardPolicy
from proxy.store.tier_config import MemcachedConfig, RedisConfig
from proxy.telemetry.metrics import TIER_GETS, TIER_WRITES
from tests.reliability.relays import LateRelay
from tests.store.cache_servers import CacheServer, memcached, redis
from tests.store.tiers import opened, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from proxy.store.tier_config import TierConfig

LONG_S = 3600
NAMES = [f"name-{n}" for n in range(5)]
VALUES = {name: name.encode() * 5_000 for name in NAMES}
DEADLINE_S = 0.02
NOISE_S = 0.04
"""What a busy machine may add to a deadline."""


@pytest.fixture(params=["memcached", "redis"])
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def server(kind: str, tmp_path: Path) -> Iterator[CacheServer]:
    with memcached(tmp_path) if kind == "memcached" else redis(tmp_path) as running:
        yield running


def config_for(kind: str, *addresses: str) -> TierConfig:
    return MemcachedConfig(addresses) if kind == "memcached" else RedisConfig(addresses)


@asynccontextmanager
async def guarded(config: TierConfig, **policy: float) -> AsyncIterator[GuardedTier]:
    async with opened(config) as raw:
        tier = GuardedTier(raw, dataclasses.replace(GuardPolicy(), **policy))  # type: ignore[arg-type]
        await tier.start()
        try:
            yield tier
        finally:
            await tier.close(grace_s=0.1)


async def put_all(tier: GuardedTier) -> None:
    """Put the values again and again until all are there."""
    async with asyncio.timeout(5):
        while len(await tier.get_many(NAMES)) < len(NAMES):
            for name, value in VALUES.items():
                tier.put(name, value, LONG_S)
            await asyncio.sleep(0.05)


class Timed:
    """Reads and how long they took; what the counters say since it was made."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._before = {result: self._gets(result) for result in ("hit", "miss", "failed", "skipped")}
        self.took_s: list[float] = []

    async def read(self, tier: GuardedTier, times: int) -> int:
        """How many values were found."""
        found = 0
        for _ in range(times):
            began_s = time.perf_counter()
            values = await tier.get_many(NAMES)
            self.took_s.append(time.perf_counter() - began_s)
            assert all(bytes(value) == VALUES[name] for name, value in values.items())
            found += len(values)
        return found

    def counted(self, result: str) -> float:
        return (self._gets(result) - self._before[result]) / len(NAMES)

    def _gets(self, result: str) -> float:
        value: float = TIER_GETS.labels(self._kind, result)._value.get()
        return value


def writes(kind: str, result: str) -> float:
    value: float = TIER_WRITES.labels(kind, result)._value.get()
    return value


async def test_a_hung_server_costs_some_queries_20_ms_and_the_rest_nothing(
    kind: str, server: CacheServer
) -> None:
    async with guarded(config_for(kind, server.address)) as tier:
        await put_all(tier)
        timed = Timed(kind)
        server.pause()
        try:
            assert await timed.read(tier, 40) == 0
        finally:
            server.go_on()
        assert max(timed.took_s) < DEADLINE_S + NOISE_S
        assert sorted(timed.took_s)[30] < 0.005
        assert timed.counted("failed") == 5
        assert timed.counted("skipped") == 35
        await until(lambda: tier.get_many(NAMES), len(NAMES))


async def test_a_server_that_hangs_for_long_costs_one_query_in_seconds(
    kind: str, server: CacheServer
) -> None:
    async with guarded(config_for(kind, server.address)) as tier:
        await put_all(tier)
        timed = Timed(kind)
        server.pause()
        try:
            until_s = time.monotonic() + 4
            while time.monotonic() < until_s:
                await timed.read(tier, 1)
                await asyncio.sleep(0.01)
        finally:
            server.go_on()
        assert max(timed.took_s) < DEADLINE_S + NOISE_S
        assert timed.counted("failed") <= 5 + 2  # after one second, and two more


async def test_a_slow_server_costs_no_more_than_a_hung_one_and_keeps_its_connections(
    kind: str, server: CacheServer
) -> None:
    with LateRelay(server.address, 0.05) as relay:
        async with guarded(config_for(kind, relay.address), timeout_s=1.0, most_s=1.0) as patient:
            await put_all(patient)
        async with guarded(config_for(kind, relay.address)) as tier:
            timed = Timed(kind)
            await timed.read(tier, 30)
            assert max(timed.took_s) < DEADLINE_S + NOISE_S
            assert timed.counted("failed") == 5
            assert timed.counted("hit") == 0


async def test_a_flushed_server_only_misses(kind: str, server: CacheServer) -> None:
    async with guarded(config_for(kind, server.address)) as tier:
        await put_all(tier)
        server.say("flush_all" if kind == "memcached" else "FLUSHALL")
        timed = Timed(kind)
        assert await timed.read(tier, 3) == 0
        assert timed.counted("miss") == 3
        await put_all(tier)


async def test_a_restarted_server_is_used_again_at_once(kind: str, server: CacheServer) -> None:
    async with guarded(config_for(kind, server.address)) as tier:
        await put_all(tier)
        server.restart()
        timed = Timed(kind)
        assert await timed.read(tier, 10) == 0
        assert timed.counted("failed") <= 1
        assert max(timed.took_s) < DEADLINE_S + NOISE_S
        await put_all(tier)
        assert await timed.read(tier, 10) == 10 * len(NAMES)


async def test_a_killed_server_fails_at_once_and_is_back_when_it_is(
    kind: str, server: CacheServer
) -> None:
    async with guarded(config_for(kind, server.address)) as tier:
        await put_all(tier)
        server.kill()
        timed = Timed(kind)
        assert await timed.read(tier, 40) == 0
        assert max(timed.took_s) < DEADLINE_S + NOISE_S
        assert timed.counted("failed") == 5
        assert timed.counted("skipped") == 35
        server.start()
        await put_all(tier)


async def test_a_server_that_is_not_there_at_the_start_is_used_when_it_comes(
    kind: str, server: CacheServer
) -> None:
    server.kill()
    async with guarded(config_for(kind, server.address)) as tier:
        assert await tier.get_many(NAMES) == {}
        server.start()
        await put_all(tier)


async def test_a_full_redis_is_read_although_nothing_can_be_written(tmp_path: Path) -> None:
    with redis(tmp_path, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as server:
        async with guarded(RedisConfig((server.address,))) as tier:
            await put_all(tier)
            failed, skipped = writes("redis", "failed"), writes("redis", "skipped")
            async with asyncio.timeout(10):
                while writes("redis", "skipped") == skipped:
                    tier.put(f"more-{random.random()}", random.randbytes(200_000), LONG_S)
                    await asyncio.sleep(0.01)
            assert writes("redis", "failed") >= failed + 5
            timed = Timed("redis")
            assert await timed.read(tier, 20) == 20 * len(NAMES)
            assert timed.counted("failed") == 0


async def test_a_full_memcached_forgets_the_oldest(tmp_path: Path) -> None:
    """With so little memory it refuses some values, too; that is counted and fails nothing."""
    with memcached(tmp_path, "-m", "4") as server:
        async with guarded(MemcachedConfig((server.address,))) as tier:
            before = writes("memcached", "written")
            for number in range(200):
                tier.put(f"more-{number}", random.randbytes(100_000), LONG_S)
                await asyncio.sleep(0.002)
            await asyncio.sleep(0.2)
            assert writes("memcached", "written") > before
            names = [f"more-{number}" for number in range(200)]
            found = await tier.get_many(names)
            assert 0 < len(found) < 60
            await put_all(tier)


async def test_one_dead_server_of_three_costs_only_its_own_share(tmp_path: Path) -> None:
    servers = [memcached(tmp_path) for _ in range(3)]
    names = [f"spread-{n}" for n in range(90)]
    try:
        for server in servers:
            server.start()
        async with guarded(MemcachedConfig(tuple(s.address for s in servers))) as tier:
            for name in names:
                tier.put(name, b"x" * 1000, LONG_S)
            await until(lambda: tier.get_many(names), len(names))
            servers[0].pause()
            took_s, found = [], []
            for _ in range(30):
                began_s = time.perf_counter()
                found.append(len(await tier.get_many(names)))
                took_s.append(time.perf_counter() - began_s)
            servers[0].go_on()
            assert max(took_s) < DEADLINE_S + NOISE_S
            assert sorted(took_s)[20] < 0.01
            assert 40 < min(found[1:]) <= max(found) < 80
    finally:
        for server in servers:
            server.kill()
