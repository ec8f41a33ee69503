"""The right tier for a configuration, and no library that is not needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from proxy.engine.clock import SystemClock
from proxy.store.guarded import GuardPolicy
from proxy.store.large_files import LARGE_BYTES
from proxy.store.open_tier import guard_policy, open_tier, shared_bytes
from proxy.store.tier_config import (
    LmdbConfig,
    MemcachedConfig,
    RedisConfig,
    TierConfig,
    TierTls,
    WriteBreakerConfig,
    WritingConfig,
)
from tests.store.tiers import Names, contexts


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (MemcachedConfig(("a",)), "memcached"),
        (MemcachedConfig(("a",), tls=TierTls()), "memcached"),
        (RedisConfig(("a",)), "redis"),
        (RedisConfig(("a",), tls=TierTls()), "redis"),
        (LmdbConfig("/nowhere", 1 << 30), "lmdb"),
    ],
)
async def test_a_tier_is_made_that_asks_nobody_yet(config: TierConfig, name: str) -> None:
    tier = open_tier(config, SystemClock(), Names(), contexts)
    assert tier.name == name
    await tier.close()


@pytest.mark.parametrize("config", [MemcachedConfig(("a b",)), RedisConfig(("dns+a",))])
async def test_an_address_that_is_none_is_refused(config: TierConfig) -> None:
    with pytest.raises(ValueError, match="an address such as"):
        open_tier(config, SystemClock(), Names(), contexts)


def test_libraries_are_loaded_only_for_the_tier_that_needs_them() -> None:
    script = "import sys, proxy.store.open_tier; print({'lmdb', 'redis'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_how_writes_are_queued_is_part_of_the_configuration() -> None:
    breaker = WriteBreakerConfig(min_requests=7)
    writing = WritingConfig(3, 50, breaker)
    assert guard_policy(MemcachedConfig(("a",), writing=writing)) == GuardPolicy(
        writers=3, queue_values=50, write_breaker=breaker
    )
    assert guard_policy(LmdbConfig("/d", 1 << 30)) == GuardPolicy(
        timeout_s=0.05, writers=1, readers=2, part_bytes=64 << 20
    )


def test_only_a_folder_gives_out_memory_that_is_shared() -> None:
    assert shared_bytes(LmdbConfig("/d", 1 << 30)) == LARGE_BYTES
    assert shared_bytes(MemcachedConfig(("a",))) is None
    assert shared_bytes(RedisConfig(("a",))) is None
