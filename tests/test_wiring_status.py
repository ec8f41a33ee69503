"""The parts of a running proxy are asked how they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.wiring_status import build_collector
from tests.clients import running
from tests.fakes import FakeUpstream, fake_upstream

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
