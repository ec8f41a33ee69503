"""Extents in memcached, shared out over several servers."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

from proxy.plan.breaker import Breaker, BreakerPolicy
from proxy.store.batches import Turns, batches
from proxy.store.memcached_wire import MemcachedConnection
from proxy.store.raw_tier import Entry, TierError
from proxy.store.ring import Ring
from proxy.store.servers import Server, Servers, parse_server
from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from proxy.engine.ports import Clock
    from proxy.store.servers import Resolver
    from proxy.store.tier_config import MemcachedConfig

T = TypeVar("T")
A = TypeVar("A")
PORT = 11_211
_ITEM_OVERHEAD_BYTES = 512
"""The name and what memcached notes beside a value count for its limit, too."""
_LARGEST_BYTES = 1 << 30
_BREAKER = BreakerPolicy(
    failures=3, is_probed=False, pause_ms=500, most_pause_ms=5_000, slow_return_ms=0
)
"""Of one server: fewer failures than the guard's, for one query asks it several times at once."""
_FAILURES = (OSError, EOFError, ValueError, asyncio.LimitOverrunError)


class MemcachedServer:
    """One server: its idle connections, and whether it is left alone."""

    def __init__(
        self, server: Server, config: MemcachedConfig, context: Callable[[], ssl.SSLContext] | None
    ) -> None:
        self.breaker = Breaker(_BREAKER)
        self._server = server
        self._config = config
        self._context = context
        self._idle: deque[MemcachedConnection] = deque()
        self._is_closed = False

    async def ask(self, work: Callable[[MemcachedConnection], Awaitable[T]]) -> T:
        """Do something with a connection.

        Raises:
            TierError: it could not be done in time, or at all.
        """
        try:
            async with asyncio.timeout(self._config.timeout_ms / 1000):
                return await self._with_connection(work)
        except _FAILURES as error:
            reason = str(error) or "no answer in time"
            raise TierError(f"memcached at {self._server}: {reason}") from error

    def close(self) -> None:
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()

    async def _with_connection(self, work: Callable[[MemcachedConnection], Awaitable[T]]) -> T:
        connection = self._take() or await self._connect()
        is_whole = False
        try:
            result = await work(connection)
            is_whole = True
        finally:
            has_room = len(self._idle) < self._config.max_idle_connections
            if is_whole and has_room and not self._is_closed:
                self._idle.append(connection)
            else:
                connection.close()
        return result

    def _take(self) -> MemcachedConnection | None:
        """The idle connection that was used last."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable():
                return connection
            connection.close()
        return None

    async def _connect(self) -> MemcachedConnection:
        context = self._context() if self._context else None
        tls_name = (self._config.tls and self._config.tls.server_name) or self._server.name
        return await MemcachedConnection.open(self._server.host, self._server.port, context, tls_name)


class MemcachedTier:
    """Implements `RawTier`. context: for the next connection, where there is TLS.

    Raises:
        ValueError: an address that is none.
    """

    name = "memcached"

    def __init__(
        self,
        config: MemcachedConfig,
        clock: Clock,
        resolver: Resolver,
        context: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        self.max_value_bytes = (config.max_item_bytes or _LARGEST_BYTES) - _ITEM_OVERHEAD_BYTES
        self._config = config
        self._clock = clock
        self._context = context
        self._turns = Turns(config.max_get_multi_concurrency)
        self._ring: Ring | None = None
        self._servers: dict[str, MemcachedServer] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        addresses = [parse_server(address, PORT) for address in config.addresses]
        interval_s = config.dns_provider_update_interval_ms / 1000
        self._lookups = Servers(addresses, resolver, self._change, interval_s)

    async def start(self) -> None:
        """Look the servers up."""
        await self._lookups.first()
        self._tasks.add(self._spawn(self._lookups.run()))

    async def get_many(self, names: Sequence[str], within_s: float, /) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        work = [
            (server, batch)
            for server, own in self._shared_out(names).items()
            for batch in batches(own, self._config.max_get_multi_batch_size)
        ]
        for part in await self._all(self._get, work, within_s):
            found.update(part)
        return found

    async def put_many(self, entries: Sequence[Entry]) -> int:
        by_name = {entry.name: entry for entry in entries}
        work = [
            (server, [by_name[name] for name in own])
            for server, own in self._shared_out(by_name).items()
        ]
        return sum(await self._all(self._set, work, None))

    async def add(self, entry: Entry) -> bool:
        now_s = self._now_s()
        return await self._server_of(entry.name).ask(lambda one: one.add(entry, now_s))

    async def remove(self, name: str) -> None:
        await self._server_of(name).ask(lambda one: one.delete(name))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for server in self._servers.values():
            server.close()

    async def _get(self, server: MemcachedServer, names: Sequence[str]) -> dict[str, bytes]:
        async with self._turns.one():
            return await server.ask(lambda one: one.get(names))

    async def _set(self, server: MemcachedServer, entries: Sequence[Entry]) -> int:
        now_s = self._now_s()
        return await server.ask(lambda one: one.set_many(entries, now_s))

    async def _all(
        self,
        ask: Callable[[MemcachedServer, A], Coroutine[Any, Any, T]],
        work: Sequence[tuple[MemcachedServer, A]],
        timeout_s: float | None,
    ) -> list[T]:
        """What those servers say that work; those that do not answer in time go on by themselves.

        Raises:
            TierError: none has answered.
        """
        now_ms = self._clock.monotonic_ms()
        asked = {}
        for server, argument in work:
            if server.breaker.allows(now_ms):
                server.breaker.begin(now_ms)
                asked[self._spawn(ask(server, argument))] = server
        if not asked:
            raise TierError("all servers are left alone for a while")
        done, late = await asyncio.wait(asked, timeout=timeout_s)
        answers, error = [], TierError("no server has answered in time")
        for task in done:
            if isinstance(failure := task.exception(), TierError):
                error = failure
                late.add(task)
            else:
                answers.append(task.result())
                asked[task].breaker.succeed(now_ms)
        self._blame({asked[task] for task in late}, error)
        if not answers:
            raise error
        return answers

    def _blame(self, servers: set[MemcachedServer], error: TierError) -> None:
        now_ms = self._clock.monotonic_ms()
        for server in servers:
            was_open = not server.breaker.allows(now_ms)
            server.breaker.fail(now_ms)
            if not was_open and not server.breaker.allows(now_ms):
                LOG.warning("a server of the cache is left alone", extra={"err": str(error)})

    def _shared_out(self, names: Sequence[str] | dict[str, Entry]) -> dict[MemcachedServer, list[str]]:
        if self._ring is None:
            raise TierError("no server of memcached is known yet")
        shares = self._ring.shared_out(names)
        return {self._servers[place]: own for place, own in shares.items()}

    def _server_of(self, name: str) -> MemcachedServer:
        return next(iter(self._shared_out([name])))

    def _change(self, servers: tuple[Server, ...]) -> None:
        """Take other servers; connections to those that stay are kept."""
        before, self._servers = self._servers, {}
        for server in servers:
            place = str(server)
            kept = before.pop(place, None)
            self._servers[place] = kept or MemcachedServer(server, self._config, self._context)
        for gone in before.values():
            gone.close()
        self._ring = Ring(self._servers) if self._servers else None

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # nobody waits for it any more, perhaps

    def _now_s(self) -> int:
        return self._clock.wall_ms() // 1000
