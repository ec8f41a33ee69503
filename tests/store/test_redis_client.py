"""Which Redis is spoken with, and how: one server, a cluster, sentinels, with passwords and TLS."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis, RedisCluster
from redis.exceptions import RedisError

from proxy.store.redis_client import RedisClients
from proxy.store.tier_config import RedisConfig, TierTls
from scripts.real_servers import installed
from tests.certificates import Authority
from tests.store.cache_servers import ADDRESS, CacheServer, join_cluster, redis, redis_cluster
from tests.store.tiers import contexts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from proxy.store.redis_client import Client


@contextlib.asynccontextmanager
async def connected(config: RedisConfig) -> AsyncIterator[Client]:
    context = contexts(config.tls) if config.tls else None
    clients = RedisClients(config, context)
    client = await clients.connected()
    try:
        yield client
    finally:
        await client.aclose()
        await clients.close()


async def speaks(client: Client) -> bool:
    await client.set("key", b"value")
    found: Any = await client.get("key")
    return bool(found == b"value")


async def test_one_address_is_one_server(tmp_path: Path) -> None:
    with redis(tmp_path) as server:
        async with connected(RedisConfig((server.address,), db=3)) as client:
            assert isinstance(client, Redis)
            assert await speaks(client)
        assert b"db3:keys=1" in server.say("INFO keyspace")


@pytest.mark.parametrize("given", [1, 2])
async def test_one_address_of_a_cluster_or_several_are_the_cluster(tmp_path: Path, given: int) -> None:
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(node) for node in redis_cluster(tmp_path, 2)]
        join_cluster(nodes)
        addresses = tuple(node.address for node in nodes[:given])
        async with connected(RedisConfig(addresses)) as client:
            assert isinstance(client, RedisCluster)
            for number in range(50):
                await client.set(f"key-{number}", b"value")
        for node in nodes:
            assert 10 < int(node.say("DBSIZE")[1:]) < 40


async def test_several_servers_that_are_no_cluster_are_refused(tmp_path: Path) -> None:
    with redis(tmp_path) as one, redis(tmp_path) as two:
        clients = RedisClients(RedisConfig((one.address, two.address)), None)
        with pytest.raises(Exception, match=r"(?i)cluster"):
            await clients.connected()


def sentinel_of(master: CacheServer, folder: Path) -> CacheServer:
    file = folder / "sentinel.conf"
    file.write_text(
        f"sentinel monitor main {ADDRESS} {master.port} 1\n"
        "sentinel down-after-milliseconds main 300\nsentinel failover-timeout main 2000\n"
    )
    command = [str(installed("redis")), str(file), "--sentinel", "--bind", ADDRESS, "--port", "{port}"]
    return CacheServer(command, folder)


async def test_sentinels_name_the_master_also_after_it_has_changed(tmp_path: Path) -> None:
    with redis(tmp_path) as master:
        replica = redis(tmp_path, "--replicaof", ADDRESS, str(master.port))
        sentinel = sentinel_of(master, tmp_path)
        with replica, sentinel:
            config = RedisConfig((sentinel.address,), master_name="main")
            async with connected(config) as client:
                assert await speaks(client)
                assert b"$5\r\nvalue" in master.say("GET key")
                await _until_known(sentinel)
                master.kill()
                async with asyncio.timeout(20):
                    await _until_it_speaks(client)
                assert b"$5\r\nvalue" in replica.say("GET key")


async def _until_known(sentinel: CacheServer) -> None:
    """Sentinels ask a master for its replicas each ten seconds, and when it is new to them."""
    for _ in range(300):
        if b"num-slaves\r\n$1\r\n1" in sentinel.say("SENTINEL MASTER main"):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the sentinel does not know the replica")


async def _until_it_speaks(client: Client) -> None:
    while True:
        try:
            assert await speaks(client)
        except (RedisError, OSError):
            await asyncio.sleep(0.1)
        else:
            return


async def test_name_and_password_are_said(tmp_path: Path) -> None:
    users = ("--user", "me", "on", ">secret", "~*", "+@all", "--user", "default", "off")
    with redis(tmp_path, *users) as server:
        config = RedisConfig((server.address,), username="me", password="secret")
        async with connected(config) as client:
            assert await speaks(client)
        for wrong in (RedisConfig((server.address,)), RedisConfig((server.address,), password="x")):
            with pytest.raises(RedisError):
                await RedisClients(wrong, None).connected()


async def test_a_user_that_may_not_ask_for_a_cluster_is_served(tmp_path: Path) -> None:
    me = ("--user", "me", "on", ">secret", "~*", "+get", "+set", "+ping")
    with redis(tmp_path, *me, "--user", "default", "off") as one:
        async with connected(RedisConfig((one.address,), username="me", password="secret")) as client:
            assert await speaks(client)


class TlsRedis:
    """Options and files of a server that wants certificates."""

    def __init__(self, folder: Path, name: str) -> None:
        self.authority = Authority(folder)
        self.own = self.authority.issue("server", name)
        self.client = self.authority.issue("client", "thanoxy")
        self.options = (
            "--tls-cert-file", self.own.cert_file, "--tls-key-file", self.own.key_file,
            "--tls-ca-cert-file", self.authority.ca_file, "--tls-auth-clients", "yes",
        )  # fmt: skip

    def tls(self, server_name: str = "") -> TierTls:
        client = self.client
        return TierTls(self.authority.ca_file, client.cert_file, client.key_file, server_name)


@pytest.mark.parametrize(("bears", "asked"), [("127.0.0.1", ""), ("redis.example", "redis.example")])
async def test_server_and_client_know_each_other_over_tls(
    tmp_path: Path, bears: str, asked: str
) -> None:
    made = TlsRedis(tmp_path, bears)
    with redis(tmp_path, *made.options, port_option="--tls-port") as server:
        async with connected(RedisConfig((server.address,), tls=made.tls(asked))) as client:
            assert await speaks(client)
        for tls in (made.tls("other.example"), TierTls(made.authority.ca_file, server_name=asked)):
            clients = RedisClients(RedisConfig((server.address,), tls=tls), contexts(tls))
            with pytest.raises((RedisError, OSError)):
                await clients.connected()


async def test_a_cluster_is_spoken_with_over_tls(tmp_path: Path) -> None:
    made = TlsRedis(tmp_path, "redis.example")
    own = ("--cluster-enabled", "yes", "--tls-cluster", "yes")
    plain = redis(tmp_path)  # its port only: the node's slots are given to it without TLS
    both = ("--port", str(plain.port))
    with redis(tmp_path, *made.options, *own, *both, port_option="--tls-port") as server:
        plain.say("CLUSTER ADDSLOTSRANGE 0 16383")
        for _ in range(100):
            if b"cluster_state:ok" in plain.say("CLUSTER INFO"):
                break
            await asyncio.sleep(0.05)
        async with connected(RedisConfig((server.address,), tls=made.tls("redis.example"))) as client:
            assert isinstance(client, RedisCluster)
            assert await speaks(client)
