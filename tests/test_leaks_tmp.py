"""After 2,000 requests, a third of them cancelled midway, nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from proxy.telemetry.metrics import IN_FLIGHT
from tests.clients import WITHOUT_CACHE, Proxy, range_path, running
from tests.fakes import (
    ERROR_JSON,
    Asked,
    Behaviour,
    FakeUpstream,
    after,
    drip,
    fake_upstream,
    matrix,
    never,
    reply,
    reset,
)

WARM_UP = 400
REQUESTS = 2000
AT_ONCE = 16
FULL = {"cache_config": "", "stores_interval_ms": 100}


def script(asked: Asked) -> Behaviour:
    """The path says how the upstream behaves; half of the range queries' splits are slow."""
    if asked.path == "/never":
        return never
    if asked.path == "/drip":
        return drip([b"x" * 1000] * 20, 0.002)
    if asked.path == "/reset":
        return reset
    if asked.path != "/api/v1/query_range":
        return reply(200, b"{}")
    query = dict(asked.form)["query"]
    if query == "failing" and asked.grid.start_ms:
        return reply(422, ERROR_JSON)
    return after(0.005, matrix()) if asked.grid.start_ms % 7_200_000 else matrix()


async def slow_body() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 1000
        await asyncio.sleep(0.002)


async def ask(proxy: Proxy, number: int) -> None:
    """One of nine requests; every third is left in the middle."""
    fresh = {"Cache-Control": "no-cache"}
    kind = number % 9
    if kind == 0:
        await proxy.ask("GET", range_path(), headers=fresh)
    elif kind == 1:
        await proxy.ask("GET", range_path({"step": "60"}), headers={"Accept-Encoding": "gzip"})
    elif kind == 2:
        await leave(proxy.ask("GET", range_path(), headers=fresh), 0.003)
    elif kind == 3:
        await proxy.get(range_path({"query": "failing"}))
    elif kind == 4:
        await proxy.get("/reset")
    elif kind == 5:
        await leave(proxy.ask("POST", "/never", slow_body()), 0.005)
    elif kind == 6:
        await proxy.get("/drip")
    elif kind == 7:
        await proxy.get("/api/v1/labels")
    else:
        await leave(proxy.get("/drip"), 0.01)


async def leave(asking: Any, after_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(after_s):
            await asking


async def ask_many(proxy: Proxy, count: int) -> None:
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            await ask(proxy, number)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(client())


def sockets() -> int:
    links = (link for link in Path("/proc/self/fd").iterdir() if link.exists() or link.is_symlink())
    return sum(str(link.readlink()).startswith("socket:") for link in links)


async def at_rest(upstream: FakeUpstream) -> None:
    """Wait until nothing runs any more; forget what was asked."""
    async with asyncio.timeout(5):
        while upstream.running or IN_FLIGHT._value.get():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    upstream.asked.clear()
    gc.collect()


@pytest.mark.parametrize("settings", [WITHOUT_CACHE, FULL], ids=["without cache", "with cache"])
async def test_no_task_connection_or_memory_is_left_behind(settings: dict[str, Any]) -> None:
    tasks, open_sockets = asyncio.all_tasks(), sockets()
    async with fake_upstream() as upstream:
        upstream.script = script
        async with running(upstream.url, max_retries_per_request=1, **settings) as proxy:
            await ask_many(proxy, WARM_UP)
            await at_rest(upstream)
            objects, memory_kb = len(gc.get_objects()), resource.getrusage(0).ru_maxrss
            await ask_many(proxy, REQUESTS)
            await at_rest(upstream)
            print("OBJ", len(gc.get_objects()) - objects, "KB", resource.getrusage(0).ru_maxrss - memory_kb, "conns", upstream.open_connections(), "tasks", len(asyncio.all_tasks()), "socks", sockets())
            assert resource.getrusage(0).ru_maxrss - memory_kb < 30_000
            assert upstream.open_connections() <= 200
    await asyncio.sleep(0.05)
    assert sockets() == open_sockets
    assert asyncio.all_tasks() == tasks
