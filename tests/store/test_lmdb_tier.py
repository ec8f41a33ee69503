"""The tier on disk: what goes wrong with a disk costs hits, and is mended."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import lmdb
import pytest

from proxy.engine.clock import SystemClock
from proxy.store import lmdb_tier
from proxy.store.guarded import GuardedTier, GuardPolicy
from proxy.store.lmdb_file import LmdbFile
from proxy.store.lmdb_open import FORMAT
from proxy.store.lmdb_tier import LmdbTier
from proxy.store.open_tier import guard_policy
from proxy.store.raw_tier import Entry, TierError
from proxy.store.tier_config import LmdbConfig
from tests.store.tiers import opened, until

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 32 << 20
LONG_S = 3600
ONE = Entry("one", b"1" * 50_000, LONG_S)

HOLD_THE_LOCK = """
import sys
from pathlib import Path
from proxy.store.lmdb_open import open_checked
environment = open_checked(Path(sys.argv[1]), 32 << 20).environment
with environment.begin(write=True):
    print("held", flush=True)
    sys.stdin.readline()
"""


def config(folder: Path) -> LmdbConfig:
    return LmdbConfig(str(folder), MAX_BYTES)


async def test_what_is_kept_outlives_the_tier(tmp_path: Path) -> None:
    async with opened(config(tmp_path)) as tier:
        await tier.put_many([ONE])
    async with opened(config(tmp_path)) as tier:
        assert await tier.get_many(["one"], 1) == {"one": ONE.value}


async def test_reads_are_noted_as_uses_with_the_next_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[str]] = []
    write = LmdbFile.write

    def noted(self: LmdbFile, entries: object, used: dict[str, None], now_s: int) -> None:
        told.append(list(used))
        write(self, entries, used, now_s)  # type: ignore[arg-type]

    monkeypatch.setattr(LmdbFile, "write", noted)
    async with opened(config(tmp_path)) as tier:
        await tier.put_many([ONE])
        await tier.get_many(["one", "gone"], 1)
        await tier.put_many([ONE])
        await tier.put_many([ONE])
    assert told == [[], ["one"], []]


async def test_a_folder_that_cannot_be_written_costs_only_hits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with caplog.at_level(logging.WARNING, "thanoxy"):
        async with opened(config(tmp_path / "file")) as raw:
            guarded = GuardedTier(raw, GuardPolicy())
            await guarded.start()
            for _ in range(20):
                assert await guarded.get_many(["one"]) == {}
                guarded.put(*ONE)
            assert await guarded.add("lease", b"mine", 5)
            await guarded.close()
    assert "cannot be opened yet" in caplog.text


async def test_a_folder_that_can_be_had_later_is_used_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lmdb_tier, "_OPEN_AGAIN_MS", 0)
    (tmp_path / "folder").write_bytes(b"")
    async with opened(config(tmp_path / "folder")) as tier:
        with pytest.raises(TierError):
            await tier.put_many([ONE])
        (tmp_path / "folder").unlink()
        assert await tier.put_many([ONE]) == 1
        assert await tier.get_many(["one"], 1) == {"one": ONE.value}


async def test_it_is_not_tried_to_open_it_all_the_time(tmp_path: Path) -> None:
    (tmp_path / "folder").write_bytes(b"")
    async with opened(config(tmp_path / "folder")) as tier:
        (tmp_path / "folder").unlink()
        with pytest.raises(TierError, match="not open"):
            await tier.put_many([ONE])


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow beyond a quarter of the bound, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_BYTES // 4, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)


async def test_a_full_disk_costs_only_what_would_have_been_written(
    tmp_path: Path, full_disk: None
) -> None:
    async with opened(config(tmp_path)) as tier:
        failed = 0
        for number in range(60):
            entries = [Entry(f"{number}-{n}", os.urandom(100_000), LONG_S) for n in range(10)]
            try:
                await tier.put_many(entries)
            except TierError:
                failed += 1
        assert failed
        found = await tier.get_many([f"{a}-{b}" for a in range(60) for b in range(10)], 1)
        assert len(found) > 50
    async with opened(config(tmp_path)) as tier:
        assert await tier.get_many(list(found), 1) == found


async def test_a_full_disk_that_has_no_room_for_a_large_value_keeps_nothing_of_it(
    tmp_path: Path, full_disk: None
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with opened(config(tmp_path)) as tier:
        await tier.put_many([ONE])
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
        with pytest.raises(TierError, match="large"):
            await tier.put_many([Entry("two", os.urandom(tier.max_value_bytes), LONG_S)])
        assert list((tmp_path / FORMAT / "large").iterdir()) == []
        assert await tier.get_many(["one", "two"], 1) == {"one": ONE.value}


def is_mapped(file: Path) -> bool:
    return str(file) in Path("/proc/self/maps").read_text()


async def test_a_large_value_stays_whole_behind_the_guard_and_is_mapped(tmp_path: Path) -> None:
    value = os.urandom(1_500_000)
    raw = LmdbTier(config(tmp_path), SystemClock())
    guarded = GuardedTier(raw, guard_policy(config(tmp_path)))
    await guarded.start()
    try:
        assert guarded.put("one", value, LONG_S)
        found = await until(lambda: guarded.get_many(["one"]), 1)
        (file,) = (tmp_path / FORMAT / "large").iterdir()
        assert found == {"one": value}
        assert await asyncio.to_thread(is_mapped, file)
    finally:
        await guarded.close()


async def test_a_file_that_is_taken_away_is_noticed_at_the_next_write(tmp_path: Path) -> None:
    async with opened(config(tmp_path)) as tier:
        await tier.put_many([ONE])
        (tmp_path / FORMAT).rename(tmp_path / "away")
        await tier.put_many([Entry("two", b"2", LONG_S)])
        assert await tier.get_many(["one", "two"], 1) == {"two": b"2"}
    assert (tmp_path / FORMAT / "data.mdb").exists()


async def test_damage_that_a_read_finds_is_mended_by_the_next_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(config(tmp_path)) as tier:
        await tier.put_many([ONE])

        def damaged(*arguments: object) -> dict[str, bytes]:
            raise lmdb.CorruptedError("damaged")

        with monkeypatch.context() as patched:
            patched.setattr(LmdbFile, "get", damaged)
            with pytest.raises(TierError, match="damaged"):
                await tier.get_many(["one"], 1)
        before = tier._file  # type: ignore[attr-defined]
        await tier.put_many([Entry("two", b"2", LONG_S)])
        assert tier._file is not before  # type: ignore[attr-defined]
        assert await tier.get_many(["one", "two"], 1) == {"one": ONE.value, "two": b"2"}


async def test_a_process_that_hangs_with_the_lock_stops_no_read_and_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lmdb_tier, "_CLOSE_S", 0.1)
    async with opened(config(tmp_path)) as tier:
        await tier.put_many([ONE])
    raw = LmdbTier(config(tmp_path), SystemClock())
    await raw.start()
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD_THE_LOCK, str(tmp_path),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    try:
        assert await holder.stdout.readline() == b"held\n"
        guarded = GuardedTier(raw, GuardPolicy(write_timeout_s=0.1))
        await guarded.start()
        assert len(await guarded.get_many(["one"])) == 0  # what is raw is no value of the guard's
        assert await raw.get_many(["one"], 1) == {"one": ONE.value}
        guarded.put("two", b"2", LONG_S)
        await asyncio.sleep(0.3)
        assert await guarded.add("lease", b"mine", 5)
        assert await raw.get_many(["one", "two"], 1) == {"one": ONE.value}
        async with asyncio.timeout(2):
            await guarded.close(grace_s=0.1)
    finally:
        holder.kill()
        await holder.communicate()


async def test_two_tiers_of_two_processes_share_what_they_keep(tmp_path: Path) -> None:
    script = f"""
import asyncio
from proxy.engine.clock import SystemClock
from proxy.store.lmdb_tier import LmdbTier
from proxy.store.raw_tier import Entry
from proxy.store.tier_config import LmdbConfig
async def main():
    tier = LmdbTier(LmdbConfig({str(tmp_path)!r}, {MAX_BYTES}), SystemClock())
    await tier.start()
    assert await tier.get_many(["one"], 1) == {{"one": b"1" * 50_000}}
    assert not await tier.add(Entry("lease", b"theirs", 60))
    await tier.put_many([Entry("two", b"2", 60)])
    await tier.close()
asyncio.run(main())
"""
    async with opened(config(tmp_path)) as tier:
        await tier.put_many([ONE])
        assert await tier.add(Entry("lease", b"mine", 60))
        other = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
        assert await other.wait() == 0
        assert await tier.get_many(["two", "lease"], 1) == {"two": b"2", "lease": b"mine"}
