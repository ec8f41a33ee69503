"""Which tier the settings ask for."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from proxy.cache_config import tier_config
from proxy.engine.clock import SystemClock
from proxy.engine.threads import WorkerThreads
from proxy.file_watch import FileWatch
from proxy.plan.holes import StoreWatch
from proxy.setting_values import SettingError
from proxy.settings import Settings
from proxy.store.tier_config import LmdbConfig, MemcachedConfig
from proxy.wiring_access import open_access
from proxy.wiring_ground import open_ground
from proxy.wiring_tier import On, open_sharing
from proxy.worker import FOLDER_VARIABLE
from tests.fakes import fake_upstream

if TYPE_CHECKING:
    from pathlib import Path

MEMCACHED = "{type: MEMCACHED, config: {addresses: ['127.0.0.1:1']}}"


def test_by_itself_there_is_none() -> None:
    assert tier_config(Settings()) is None


def test_a_folder_is_a_tier_of_its_own() -> None:
    settings = Settings(cache_dir="/x", cache_dir_bytes=5)
    assert tier_config(settings) == LmdbConfig("/x", 5)


def test_where_nothing_is_kept_no_folder_is_used() -> None:
    off = "{type: IN-MEMORY, config: {max_size: 0B}}"
    assert tier_config(Settings(cache_config=off, cache_dir="/x")) is None


def test_the_yaml_names_another() -> None:
    assert isinstance(tier_config(Settings(cache_config=MEMCACHED)), MemcachedConfig)


def test_two_tiers_are_refused() -> None:
    with pytest.raises(SettingError, match=r"--cache\.dir or another tier"):
        tier_config(Settings(cache_config=MEMCACHED, cache_dir="/x"))


@pytest.mark.parametrize(
    ("folder", "wait_ms", "is_there"), [("", 5_000, False), ("fetches", 0, False), ("fetches", 1, True)]
)
async def test_other_workers_are_looked_at_where_there_are_some_and_they_may_be_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, wait_ms: int, is_there: bool
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / folder) if folder else "")
    async with AsyncExitStack() as parts, fake_upstream() as upstream:
        settings = Settings(sibling_wait_ms=wait_ms, stores_interval_ms=0, probe_interval_ms=0)
        access = open_access(settings, parts)
        ground = await open_ground(settings, (upstream.url,), SystemClock(), access, parts)
        assert (ground.siblings is not None) is is_there


async def test_a_folder_that_cannot_be_made_costs_only_hits(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    settings = Settings(cache_dir=str(blocked / "cache"))
    threads = WorkerThreads(1, 1 << 20)
    on = On(StoreWatch(0), SystemClock(), threads, FileWatch(5.0, lambda _name, _ok: None))
    async with AsyncExitStack() as parts:
        sharing = await open_sharing(settings, ("http://a:1",), parts, on)
        assert sharing is not None
        await sharing.stores.recall(on.watch)
        assert on.watch.expected == {}
    threads.close()
