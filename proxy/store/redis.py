"""Extents in Redis, or whatever speaks like it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from redis.asyncio import RedisCluster
from redis.exceptions import RedisClusterException, RedisError

from proxy.engine.fan_out import fan_out
from proxy.store.batches import Turns, batches
from proxy.store.raw_tier import Entry, TierError
from proxy.store.redis_client import RedisClients

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Sequence

    from proxy.store.redis_client import Client
    from proxy.store.tier_config import RedisConfig

_FAILURES = (RedisError, RedisClusterException, OSError)


class RedisTier:
    """Implements `RawTier`. context: for the next connection, where there is TLS.

    Raises:
        ValueError: an address that is none.
    """

    name = "redis"
    max_value_bytes = 16 << 20

    def __init__(
        self, config: RedisConfig, context: Callable[[], ssl.SSLContext] | None = None
    ) -> None:
        self._config = config
        self._clients = RedisClients(config, context)
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._reads = Turns(config.max_get_multi_concurrency)
        self._writes = Turns(config.max_set_multi_concurrency)

    async def start(self) -> None:
        """Connect, if that is possible now; else the first reads do."""
        with contextlib.suppress(TierError):  # whoever asks next is told
            await self._connected()

    async def get_many(self, names: Sequence[str], _within_s: float, /) -> dict[str, bytes]:
        client = await self._connected()
        work = list(batches(names, self._config.get_multi_batch_size))
        found: dict[str, bytes] = {}
        for part in await fan_out(lambda batch: self._get(client, batch), work, len(work)):
            found.update(part)
        return found

    async def put_many(self, entries: Sequence[Entry]) -> int:
        client = await self._connected()
        work = list(batches(entries, self._config.set_multi_batch_size))
        return sum(await fan_out(lambda batch: self._set(client, batch), work, len(work)))

    async def add(self, entry: Entry) -> bool:
        client = await self._connected()
        key = self._config.prefix + entry.name
        async with self._asking(self._config.write_timeout_ms):
            return bool(await client.set(key, entry.value, ex=entry.life_s, nx=True))

    async def remove(self, name: str) -> None:
        client = await self._connected()
        async with self._asking(self._config.write_timeout_ms):
            await client.delete(self._config.prefix + name)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(*_FAILURES):
                await client.aclose()
                await self._clients.close()

    async def _get(self, client: Client, names: Sequence[str]) -> dict[str, bytes]:
        keys = [self._config.prefix + name for name in names]
        async with self._reads.one(), self._asking(self._config.read_timeout_ms):
            if isinstance(client, RedisCluster):
                values = await client.mget_nonatomic(keys)
            else:
                values = await client.mget(keys)
        found = zip(names, values, strict=True)
        return {name: value for name, value in found if isinstance(value, bytes)}

    async def _set(self, client: Client, entries: Sequence[Entry]) -> int:
        """How many are kept: where there is no room for one, there may be for the next."""
        async with self._writes.one(), self._asking(self._config.write_timeout_ms):
            pipeline: Any = client.pipeline(transaction=False)
            for entry in entries:
                pipeline.set(self._config.prefix + entry.name, entry.value, ex=entry.life_s)
            results = await pipeline.execute(raise_on_error=False)
        kept = sum(result is True for result in results)
        if not kept:
            raise TierError(f"redis: {results[0]}")
        return kept

    async def _connected(self) -> Client:
        if self._client is not None:
            return self._client
        others_try = self._connecting.locked()
        async with self._connecting:
            if others_try:
                return self._known()
            async with self._asking(self._config.dial_timeout_ms):
                self._client = await self._clients.connected()
            return self._client

    def _known(self) -> Client:
        """The client that another has made, or has tried to make."""
        if self._client is None:
            raise TierError("redis: there is no connection")
        return self._client

    @contextlib.asynccontextmanager
    async def _asking(self, timeout_ms: int) -> AsyncIterator[None]:
        """The library's errors end here."""
        try:
            async with asyncio.timeout(timeout_ms / 1000 if timeout_ms else None):
                yield
        except _FAILURES as error:
            raise TierError(f"redis: {str(error) or 'no answer in time'}") from error
