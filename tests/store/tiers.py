"""Raw tiers of all kinds for tests, on real servers, and stand-ins for what they need."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from proxy.engine.clock import SystemClock
from proxy.store.open_tier import open_tier
from proxy.store.tier_config import LmdbConfig, MemcachedConfig, RedisConfig, TierTls
from tests.store.cache_servers import join_cluster, memcached, redis, redis_cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from proxy.codec.sections import Buffer
    from proxy.store.raw_tier import RawTier
    from proxy.store.tier_config import TierConfig


class Names:
    """Implements `Resolver` with what a test says. An exception instead of an answer is raised."""

    def __init__(self) -> None:
        self.hosts: dict[str, list[str] | OSError] = {}
        self.records: dict[str, list[tuple[str, int]] | OSError] = {}

    async def addresses(self, host: str) -> list[str]:
        found: list[str] = _said(self.hosts.get(host, OSError(f"{host}: no such name")))
        return found

    async def targets(self, name: str) -> Sequence[tuple[str, int]]:
        found: list[tuple[str, int]] = _said(self.records.get(name, OSError("no such name")))
        return found


def _said(answer: Any) -> Any:
    if isinstance(answer, OSError):
        raise answer
    return answer


def contexts(tls: TierTls) -> Callable[[], ssl.SSLContext]:
    """What the program makes of a tier's TLS, in short."""

    def made() -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=tls.ca_file or None)
        context.minimum_version = tls.min_version
        if tls.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file)
        return context

    return made


@asynccontextmanager
async def opened(config: TierConfig, names: Names | None = None) -> AsyncIterator[RawTier]:
    """A tier that is started, and closed afterwards."""
    tier = open_tier(config, SystemClock(), names or Names(), contexts)
    await tier.start()
    try:
        yield tier
    finally:
        await tier.close()


async def until(
    read: Callable[[], Awaitable[dict[str, Buffer]]], count: int, timeout_s: float = 10.0
) -> dict[str, Buffer]:
    """Read until so many values are found."""
    async with asyncio.timeout(timeout_s):
        found = await read()
        while len(found) < count:
            await asyncio.sleep(0.02)
            found = await read()
    return found


KINDS = ("lmdb", "memcached", "memcached-3", "redis", "redis-cluster")


@contextlib.contextmanager
def config_of(kind: str, folder: Path) -> Iterator[TierConfig]:
    """A tier's configuration, and the servers for it as long as the context lasts."""
    with contextlib.ExitStack() as stack:
        if kind == "lmdb":
            yield LmdbConfig(str(folder / "kept"), 64 << 20)
        elif kind.startswith("memcached"):
            count = 3 if kind.endswith("3") else 1
            servers = [stack.enter_context(memcached(folder, "-m", "128")) for _ in range(count)]
            yield MemcachedConfig(tuple(server.address for server in servers))
        elif kind == "redis":
            yield RedisConfig((stack.enter_context(redis(folder)).address,), prefix="thanoxy:")
        else:
            nodes = [stack.enter_context(node) for node in redis_cluster(folder, 2)]
            join_cluster(nodes)
            yield RedisConfig((nodes[0].address,))
