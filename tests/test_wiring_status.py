"""The parts of a running proxy are asked how they are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from proxy.wiring_status import build_collector
from tests.clients import RANGE, running
from tests.fakes import FakeUpstream, always, fake_upstream, never, reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream() as fake:
        yield fake


async def test_all_parts_are_found_in_memory_alone(upstream: FakeUpstream) -> None:
    async with running(upstream.url, cache_config="") as proxy:
        await proxy.range()
        parts = build_collector(proxy.app.engine, proxy.app.access.watch).collect(1_000)
        assert [one.url for one in parts["addresses"]] == [upstream.url]
        assert parts["cache"].extents > 0
        assert parts["tiers"] == ()
        assert parts["queue"].most > 0


async def test_a_tier_is_found_behind_memory(upstream: FakeUpstream, tmp_path: Path) -> None:
    async with running(upstream.url, cache_config="", cache_dir=str(tmp_path)) as proxy:
        await proxy.range()
        parts = build_collector(proxy.app.engine, proxy.app.access.watch).collect(1_000)
        assert [(one.name, one.state) for one in parts["tiers"]] == [("lmdb", "working")]
        assert parts["cache"].extents > 0


async def test_the_page_is_there_and_shows_what_runs(upstream: FakeUpstream) -> None:
    upstream.script = always(never)
    async with running(upstream.url, pulse_s=0.05) as proxy:
        asking = asyncio.ensure_future(proxy.range())
        await upstream.until(lambda: any(one.path == RANGE for one in upstream.asked))
        page = await proxy.get("/")
        assert page.status == 200
        assert b"Running queries" in page.body
        assert b"fetching" in page.body
        asking.cancel()


async def test_without_the_page_its_paths_are_the_upstream_s(upstream: FakeUpstream) -> None:
    upstream.script = always(reply(200, b"theirs"))
    async with running(upstream.url, status_page=False) as proxy:
        for path in ("/", "/status.json", "/status/events"):
            assert (await proxy.get(path)).body == b"theirs"


async def test_many_who_load_the_page_at_once_get_the_same(upstream: FakeUpstream) -> None:
    """What runs grows older from one rendering to the next; so this is one."""
    upstream.script = always(never)
    async with running(upstream.url, pulse_s=0.05) as proxy:
        asking = asyncio.ensure_future(proxy.range())
        await upstream.until(lambda: any(one.path == RANGE for one in upstream.asked))
        first, second = [await proxy.get("/status.json") for _ in range(2)]
        assert first.json["running"]
        assert first.body == second.body
        asking.cancel()
