"""What a lost store leaves behind: nothing. And what a purge shows: late samples."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import numpy as np
import pytest

from tests.clients import Proxy, running
from tests.thanos.cluster import ThanosCluster
from tests.thanos.loopback import ask
from tests.thanos.series import RawSeries, float_series

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager

HOUR_MS = 3_600_000
SETTLED_MS = 6 * HOUR_MS
"""The samples end so long ago that all of them are settled and old."""


def steady(name: str, end_ms: int, hours: int = 48) -> RawSeries:
    times = np.arange(end_ms - hours * HOUR_MS, end_ms, 60_000, dtype=np.int64)
    return float_series({"__name__": name}, times, np.arange(len(times), dtype=np.float64))


@pytest.fixture
def cluster() -> Iterator[ThanosCluster]:
    """A Thanos of the test's own: it loses its store."""
    end_ms = (int(time.time() * 1000) - SETTLED_MS) // HOUR_MS * HOUR_MS
    with ThanosCluster([steady("steady", end_ms)], end_ms=end_ms) as thanos:
        yield thanos


def thanoxy(cluster: ThanosCluster) -> AbstractAsyncContextManager[Proxy]:
    """A proxy with a cache that looks at the stores twice a second."""
    return running(
        cluster.query_url,
        cache_config="",
        stores_interval_ms=500,
        short_life_ms=2_000,
        admin_api=True,
        split_interval_ms=24 * HOUR_MS,
    )


def window(cluster: ThanosCluster, expr: str, first_hour: int, hours: int) -> str:
    start_ms = cluster.end_ms - first_hour * HOUR_MS
    form = {
        "query": expr,
        "start": start_ms // 1000,
        "end": start_ms // 1000 + hours * 3600,
        "step": 60,
    }
    return f"/api/v1/query_range?{urlencode(form)}"


async def direct(cluster: ThanosCluster, path: str) -> bytes:
    answer = await asyncio.to_thread(ask, cluster.query_url + path)
    assert answer.status == 200, answer.body
    return answer.body


async def until_thanos_has_a_hole(cluster: ThanosCluster, path: str) -> None:
    """For some seconds after a store is lost, answers carry a warning; then they are just empty."""
    async with asyncio.timeout(60):
        while b"warnings" in (body := await direct(cluster, path)) or b"values" in body:  # noqa: ASYNC110  Thanos tells nobody
            await asyncio.sleep(0.3)


async def until_thanos_is_whole(cluster: ThanosCluster, path: str) -> None:
    async with asyncio.timeout(60):
        while b"values" not in await direct(cluster, path):  # noqa: ASYNC110  Thanos tells nobody
            await asyncio.sleep(0.3)


@pytest.mark.thanos
async def test_a_store_lost_for_seconds_leaves_no_hole(cluster: ThanosCluster) -> None:
    seen, unseen = window(cluster, "steady", 40, 10), window(cluster, "steady", 20, 10)
    async with thanoxy(cluster) as proxy:
        whole = await proxy.ask("GET", seen)
        await asyncio.sleep(1.5)  # two looks at the stores confirm what was fetched
        await asyncio.to_thread(cluster.receive.kill)
        await until_thanos_has_a_hole(cluster, unseen)
        hole = await proxy.ask("GET", unseen)
        assert b"values" not in hole.text, "the hole is what Thanos answers"
        held = await proxy.ask("GET", seen)
        assert held.text == whole.text, "what was confirmed before still serves"
        await asyncio.to_thread(cluster.receive.start)
        await asyncio.to_thread(cluster.receive.wait_until_ready)
        await until_thanos_is_whole(cluster, unseen)
        await asyncio.sleep(1.5)
        for path in (unseen, seen, unseen):
            assert (await proxy.ask("GET", path)).text == await direct(cluster, path)
        again = await proxy.ask("GET", unseen)
        assert again.headers["X-Thanoxy-Cache"].startswith("hit"), "and it is kept again"


@pytest.mark.thanos
async def test_while_a_store_is_away_holes_serve_for_seconds_only(cluster: ThanosCluster) -> None:
    path = window(cluster, "steady", 20, 10)
    async with thanoxy(cluster) as proxy:
        await proxy.ask("GET", window(cluster, "up", 1, 1))
        await asyncio.sleep(1.5)
        await asyncio.to_thread(cluster.receive.kill)
        await until_thanos_has_a_hole(cluster, path)
        await proxy.ask("GET", path)
        await asyncio.sleep(2.5)
        answer = await proxy.ask("GET", path)
        assert answer.headers["X-Thanoxy-Cache"].startswith("miss"), "it is asked again"


@pytest.mark.thanos
@pytest.mark.parametrize("purge", ["metric=steady", "all=true", "times"])
async def test_a_purge_shows_late_samples(cluster: ThanosCluster, purge: str) -> None:
    path = window(cluster, 'count({__name__=~"steady|late"})', 30, 10)
    async with thanoxy(cluster) as proxy:
        before = await proxy.ask("GET", path)
        await asyncio.sleep(1.5)
        cluster.write([steady("late", cluster.end_ms)])
        assert await direct(cluster, path) != before.text
        assert (await proxy.ask("GET", path)).text == before.text, "settled answers are kept"
        end_s = cluster.end_ms // 1000
        form = purge if purge != "times" else f"start={end_s - 48 * 3600}&end={end_s}"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        purged = await proxy.ask("POST", "/api/v1/admin/thanoxy/purge", form, headers)
        assert purged.status == 200
        assert purged.json["data"]["extents"] > 0
        assert (await proxy.ask("GET", path)).text == await direct(cluster, path)
