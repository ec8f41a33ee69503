"""The composition root: what is started is stopped again, in the right order."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import aiohttp
import pytest

from proxy.app import start
from proxy.config import SettingError, Settings
from proxy.model.grid import Grid
from tests.clients import WITHOUT_CACHE, Proxy, range_path, running
from tests.fakes import FakeUpstream, after, always, fake_upstream, matrix, matrix_body, never

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LOOPBACK = "127.0.0.1:0"


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream() as fake:
        yield fake


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_it_listens_where_it_is_told_to(upstream: FakeUpstream) -> None:
    address = f"127.0.0.1:{free_port()}"
    async with running(upstream.url, http_address=address) as proxy:
        assert proxy.app.url == f"http://{address}"
        assert (await proxy.range()).status == 200


@pytest.mark.parametrize("address", ["0.0.0.0:0", ":0"])
async def test_the_url_of_all_addresses_is_one_that_can_be_asked(
    upstream: FakeUpstream, address: str
) -> None:
    async with running(upstream.url, http_address=address) as proxy:
        assert proxy.app.url.startswith("http://127.0.0.1:")
        assert (await proxy.get("/-/healthy")).status == 200


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "192.0.2.1:0"]
)
async def test_an_address_that_cannot_be_used_is_refused_and_nothing_stays_open(
    address: str,
) -> None:
    tasks = asyncio.all_tasks()
    with pytest.raises(SettingError, match="--http-address"):
        await start(Settings(http_address=address, **WITHOUT_CACHE))
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == tasks


async def test_an_address_in_use_is_refused(upstream: FakeUpstream) -> None:
    with pytest.raises(SettingError, match="in use"):
        await start(Settings(http_address=upstream.url.removeprefix("http://"), **WITHOUT_CACHE))


async def test_closing_waits_for_running_requests_and_takes_no_new_ones(
    upstream: FakeUpstream,
) -> None:
    gate = asyncio.Event()
    upstream.script = always(after(gate, matrix()))
    app = await start(
        Settings(http_address=LOOPBACK, downstream_urls=(upstream.url,), split_interval_ms=3_600_000,
                 **WITHOUT_CACHE)
    )  # fmt: skip
    async with aiohttp.ClientSession() as session:
        proxy = Proxy(app, session)
        asking = asyncio.create_task(proxy.range())
        await upstream.until(lambda: len(upstream.asked) == 4)
        closing = asyncio.create_task(app.close())
        await asyncio.sleep(0.05)
        with pytest.raises(aiohttp.ClientConnectionError):
            await proxy.get("/-/healthy")
        assert not closing.done()
        gate.set()
        assert (await asking).body == matrix_body(Grid(0, 600_000, 19))
        await closing
    assert app.ready.leaving.is_set()


async def test_closing_does_not_wait_longer_than_the_grace_period(upstream: FakeUpstream) -> None:
    upstream.script = always(never)
    async with running(upstream.url, http_grace_period_ms=100) as proxy:
        asking = asyncio.create_task(proxy.get(range_path()))
        await upstream.until(lambda: len(upstream.asked) == 4)
        async with asyncio.timeout(10):
            await proxy.app.close()
        with pytest.raises(aiohttp.ClientError):
            await asking
        await upstream.until(lambda: all(asked.left for asked in upstream.asked))


async def test_an_idle_connection_does_not_hold_up_the_end(upstream: FakeUpstream) -> None:
    async with running(upstream.url, http_grace_period_ms=60_000) as proxy:
        await proxy.range()
        async with asyncio.timeout(10):
            await proxy.app.close()


async def test_the_demo_answers_without_any_upstream() -> None:
    async with running("http://127.0.0.1:1", demo=True) as proxy:
        path = range_path({"query": "sum(demo_http_requests_total)", "end": "7200"})
        answer = await proxy.get(path)
        assert answer.status == 200
        assert answer.json["data"]["resultType"] == "matrix"
        assert (await proxy.get("/-/ready")).status == 200


async def test_the_settings_reach_their_parts(upstream: FakeUpstream) -> None:
    settings = {
        "split_interval_ms": 7_200_000,
        "align_range_with_step": True,
        "max_splits": 2,
        "upstream_gzip": True,
    }
    async with running(upstream.url, **settings) as proxy:
        await proxy.range({"start": "1", "end": "7201", "step": "600"})
        assert [grid.start_ms for grid in upstream.grids] == [0, 7_200_000]
        assert upstream.asked[0].header("Accept-Encoding") == ["gzip"]
        upstream.asked.clear()
        await proxy.range({"end": "99999"})
        assert [asked.method for asked in upstream.asked] == ["GET"]
