"""A client for Redis as it is set up: one server, a cluster, or what sentinels name the master.

As with Thanos's client, several addresses are those of a cluster, and one address may be. With a
`master_name` they are those of sentinels. Everything is asked of masters: a replica may lag behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool, SentinelManagedConnection
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from proxy.store.servers import parse_server

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from proxy.store.tier_config import RedisConfig

PORT, SENTINEL_PORT = 6_379, 26_379
_MOST_CONNECTIONS = 500

Client = Redis | RedisCluster


class TlsConnection(Connection):
    """A connection whose context is asked for when it is made, so that certificates may change.

    redis-py trusts the system's CAs beside those of a file, and asks for no other name than the
    address's.
    """

    def __init__(
        self, *, context: Callable[[], ssl.SSLContext], server_name: str, **options: Any
    ) -> None:
        self._own_context = context
        self._server_name = server_name
        super().__init__(**options)

    def _connection_arguments(self) -> Mapping[str, Any]:
        name = self._server_name or self.host
        own = {"ssl": self._own_context(), "server_hostname": name}
        return {**super()._connection_arguments(), **own}


class SentinelTlsConnection(SentinelManagedConnection, TlsConnection):
    """The same to a master that sentinels name."""


class RedisClients:
    """Makes clients. context: for the next connection, where there is TLS.

    Raises:
        ValueError: an address that is none.
    """

    def __init__(self, config: RedisConfig, context: Callable[[], ssl.SSLContext] | None) -> None:
        self._config = config
        port = SENTINEL_PORT if config.master_name else PORT
        parsed = [parse_server(one, port, may_look_up=False) for one in config.addresses]
        self._places = [(one.host, one.port) for one in parsed]
        self._sentinels: list[Redis] = []
        self._tls: dict[str, Any] = {}
        if context is not None:
            server_name = config.tls.server_name if config.tls else ""
            self._tls = {"context": context, "server_name": server_name}

    async def connected(self) -> Client:
        """A client that has spoken with a server.

        Raises:
            RedisError, RedisClusterException, OSError: none can be reached.
        """
        client: Client = self._made()
        try:
            if isinstance(client, RedisCluster):
                return await client.initialize()
            await client.ping()
            if self._config.master_name or not await _is_clustered(client):
                return client
        except BaseException:
            await client.aclose()
            await self.close()
            raise
        await client.aclose()
        return await self._cluster().initialize()

    async def close(self) -> None:
        """End the connections to sentinels."""
        for sentinel in self._sentinels:
            await sentinel.aclose()

    def _made(self) -> Client:
        if self._config.master_name:
            return self._master()
        return self._single(*self._places[0]) if len(self._places) == 1 else self._cluster()

    def _single(self, host: str, port: int, **other: Any) -> Redis:
        kind = TlsConnection if self._tls else Connection
        options = {**self._options(), **other, "host": host, "port": port}
        return Redis.from_pool(ConnectionPool(connection_class=kind, **options))

    def _master(self) -> Redis:
        sentinel = Sentinel([])  # type: ignore[no-untyped-call]
        none: dict[str, Any] = {"db": 0, "username": None, "password": None}  # sentinels have neither
        self._sentinels = [self._single(*place, **none) for place in self._places]
        sentinel.sentinels = self._sentinels
        kind = SentinelTlsConnection if self._tls else SentinelManagedConnection
        pool = SentinelConnectionPool(  # type: ignore[no-untyped-call]
            self._config.master_name, sentinel, connection_class=kind, **self._options()
        )
        return Redis.from_pool(pool)

    def _cluster(self) -> RedisCluster:
        options = {k: v for k, v in self._options().items() if k not in {"db", *self._tls}}
        nodes = [ClusterNode(host, port) for host, port in self._places]
        cluster = RedisCluster(startup_nodes=nodes, **options)
        if self._tls:
            cluster.connection_kwargs.update(connection_class=TlsConnection, **self._tls)
            for node in cluster.startup_nodes:
                node.connection_class = TlsConnection
                node.connection_kwargs.update(self._tls)
        return cluster

    def _options(self) -> dict[str, Any]:
        """retry: once, for a connection that had ended while it was idle."""
        config = self._config
        return {
            "db": config.db,
            "username": config.username or None,
            "password": config.password or None,
            "protocol": 2,
            "driver_info": None,
            "socket_connect_timeout": config.dial_timeout_ms / 1000,
            "socket_timeout": max(config.read_timeout_ms, config.write_timeout_ms) / 1000,
            "retry": Retry(NoBackoff(), 1),
            "max_connections": _MOST_CONNECTIONS,
            **self._tls,
        }


async def _is_clustered(client: Redis) -> bool:
    try:
        await client.execute_command("CLUSTER INFO")  # type: ignore[no-untyped-call]
    except ResponseError:
        return False  # it has no cluster, or lets nobody ask
    return True
