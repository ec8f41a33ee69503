"""After 2,000 requests, a third of them cancelled midway, nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from proxy.telemetry.book import requests_in_flight
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

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

WARM_UP = 400
AT_ONCE = 16
FULL = {"cache_config": "", "stores_interval_ms": 100}


BEHAVIOURS = {
    "/never": never,
    "/drip": drip([b"x" * 1000] * 20, 0.002),
    "/reset": reset,
    "/api/v1/labels": reply(200, b'{"status":"success","data":["a"]}'),
    "/api/v1/stores": reply(200, b'{"status":"success","data":{}}'),
}


def script(asked: Asked) -> Behaviour:
    """The path says how the upstream behaves; half of the range queries' splits are slow."""
    if behaviour := BEHAVIOURS.get(asked.path):
        return behaviour
    if dict(asked.form)["query"] == "failing" and asked.grid.start_ms:
        return reply(422, ERROR_JSON)
    return after(0.005, matrix()) if asked.grid.start_ms % 7_200_000 else matrix()


async def slow_body() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 1000
        await asyncio.sleep(0.002)


FRESH = {"Cache-Control": "no-cache"}
LONG = range_path({"step": "60"})

ASK: list[Callable[[Proxy], Awaitable[object]]] = [
    lambda proxy: proxy.ask("GET", range_path(), headers=FRESH),
    lambda proxy: proxy.get(LONG, Accept_Encoding="gzip"),
    lambda proxy: leave(proxy.ask("GET", range_path(), headers=FRESH), 0.003),
    lambda proxy: proxy.get(range_path({"query": "failing"})),
    lambda proxy: proxy.get("/reset"),
    lambda proxy: leave(proxy.ask("POST", "/never", slow_body()), 0.005),
    lambda proxy: proxy.get("/drip"),
    lambda proxy: proxy.get("/api/v1/labels"),
    lambda proxy: leave(proxy.get("/drip"), 0.01),
]
"""Requests of all kinds; every third is left in the middle."""


async def leave(asking: Awaitable[object], after_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(after_s):
            await asking


async def ask_many(proxy: Proxy, count: int) -> None:
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            await ASK[number % len(ASK)](proxy)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(client())


def sockets() -> int:
    links = (link for link in Path("/proc/self/fd").iterdir() if link.exists() or link.is_symlink())
    return sum(str(link.readlink()).startswith("socket:") for link in links)


async def at_rest(upstream: FakeUpstream) -> None:
    """Wait until nothing runs any more; forget what was asked."""
    async with asyncio.timeout(5):
        while upstream.running or requests_in_flight():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    upstream.asked.clear()
    gc.collect()


@pytest.mark.parametrize(
    ("count", "settings"), [(2000, FULL), (1000, WITHOUT_CACHE)], ids=["as it is", "without cache"]
)
async def test_no_task_connection_or_memory_is_left_behind(
    caplog: pytest.LogCaptureFixture, count: int, settings: dict[str, Any]
) -> None:
    caplog.set_level(logging.CRITICAL, "aiohttp.server")  # pytest keeps each traceback, frames and all
    tasks, open_sockets = asyncio.all_tasks(), sockets()
    async with fake_upstream() as upstream:
        upstream.script = script
        async with running(upstream.url, max_retries_per_request=1, **settings) as proxy:
            await ask_many(proxy, WARM_UP)
            await at_rest(upstream)
            objects, memory_kb = len(gc.get_objects()), resource.getrusage(0).ru_maxrss
            await ask_many(proxy, count)
            await at_rest(upstream)
            assert len(gc.get_objects()) - objects < count
            assert resource.getrusage(0).ru_maxrss - memory_kb < 30_000
            assert upstream.open_connections() <= 200
    async with asyncio.timeout(5):
        while sockets() > open_sockets or asyncio.all_tasks() != tasks:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
