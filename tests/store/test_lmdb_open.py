"""What is opened, what is begun anew, and how several processes agree about it."""

from __future__ import annotations

import fcntl
import logging
import os
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from proxy.store import lmdb_open
from proxy.store.lmdb_file import LmdbEntry, LmdbFile
from proxy.store.lmdb_open import FORMAT, open_checked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAX_BYTES = 32 << 20
NAMES = [f"name-{n}" for n in range(100)]

OPEN_HERE = """
import sys
from pathlib import Path
from proxy.store.lmdb_file import LmdbFile
file = LmdbFile(Path(sys.argv[1]), 32 << 20)
print(len(file.get([f"name-{n}" for n in range(100)], 0)), file.is_current())
sys.stdin.readline()
print(file.is_current())
file.close()
"""


def filled(folder: Path) -> Path:
    """A file with a hundred values; its path."""
    file = LmdbFile(folder, MAX_BYTES)
    chance = random.Random(1)
    for name in NAMES:
        file.write([LmdbEntry(name, chance.randbytes(20_000), 10**9)], [], 0)
    file.close()
    return folder / FORMAT / "data.mdb"


def found(folder: Path) -> int:
    file = LmdbFile(folder, MAX_BYTES)
    try:
        file.write([LmdbEntry("new", b"new", 10**9)], [], 0)
        assert file.get(["new"], 0) == {"new": b"new"}
        return len(file.get(NAMES, 0))
    finally:
        file.close()


def truncated(data: Path) -> None:
    os.truncate(data, data.stat().st_size // 2 // 4096 * 4096)


def cut_off(data: Path) -> None:
    os.truncate(data, 100)


def without_meta(data: Path) -> None:
    with data.open("r+b") as file:
        file.write(bytes(8192))


def noise_everywhere(data: Path) -> None:
    chance = random.Random(3)
    with data.open("r+b") as file:
        for page in range(data.stat().st_size // 4096):
            file.seek(page * 4096 + chance.randrange(64))
            file.write(chance.randbytes(8))


def another_file(data: Path) -> None:
    data.write_bytes(b"not at all a file of this kind" * 1000)


@pytest.mark.parametrize("damage", [truncated, cut_off, without_meta, noise_everywhere, another_file])
def test_a_damaged_file_is_begun_anew_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    data = filled(tmp_path)
    assert found(tmp_path) == 100
    damage(data)
    with caplog.at_level(logging.ERROR, "thanoxy"):
        assert found(tmp_path) == 0
    assert "begun anew" in caplog.text
    assert [one.name for one in tmp_path.iterdir() if one.is_dir()] == [FORMAT]


@pytest.mark.parametrize("seed", range(25))
def test_random_bytes_anywhere_never_end_a_process(tmp_path: Path, seed: int) -> None:
    """Values carry a checksum of their own: here only structure counts. Read in another process."""
    data = filled(tmp_path)
    chance = random.Random(seed)
    with data.open("r+b") as file:
        for _ in range(chance.choice([1, 3, 30])):
            file.seek(chance.randrange(data.stat().st_size))
            file.write(chance.randbytes(chance.choice([1, 8, 4096])))
    done = subprocess.run(
        [sys.executable, "-c", OPEN_HERE, str(tmp_path)],
        input="\n", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    count = int(done.stdout.split()[0])
    assert count in {0, 100} or count > 90


def test_a_sound_file_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(tmp_path)
    for _ in range(3):
        assert found(tmp_path) == 100
    assert not caplog.text


def test_files_of_other_formats_are_removed(tmp_path: Path) -> None:
    for name in ("extents-0", "extents-1-damaged-7"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.mdb").write_bytes(b"old")
    (tmp_path / "other").mkdir()
    filled(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir() if one.is_dir()) == [FORMAT, "other"]


def test_a_file_above_its_bound_is_begun_anew(tmp_path: Path) -> None:
    data = filled(tmp_path)
    size_bytes = data.stat().st_size
    open_checked(tmp_path, size_bytes).close()
    assert data.stat().st_size == size_bytes
    open_checked(tmp_path, size_bytes - 4096).close()
    assert data.stat().st_size < size_bytes


def other_process(folder: Path) -> subprocess.Popen[str]:
    """One that has it open, until it is sent a line."""
    return subprocess.Popen(
        [sys.executable, "-c", OPEN_HERE, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_several_processes_have_it_open_and_see_what_the_others_write(tmp_path: Path) -> None:
    filled(tmp_path)
    other = other_process(tmp_path)
    assert line_of(other) == "100 True"
    assert found(tmp_path) == 100
    assert other.communicate("\n")[0].strip() == "True"


def test_who_comes_later_finds_damage_too_and_the_others_notice(tmp_path: Path) -> None:
    data = filled(tmp_path)
    other = other_process(tmp_path)
    assert line_of(other) == "100 True"
    with data.open("r+b") as file:
        for page in range(10, data.stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 16)
    assert found(tmp_path) == 0
    assert other.communicate("\n")[0].strip() == "False"


def test_one_that_never_finishes_opening_is_waited_for_only_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path)
    monkeypatch.setattr(lmdb_open, "_LOCK_TIMEOUT_S", 0.1)
    lock = os.open(tmp_path / "users.lock", os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError, match="does not finish"):
            open_checked(tmp_path, MAX_BYTES)
    finally:
        os.close(lock)
    assert found(tmp_path) == 100


def test_a_folder_that_cannot_be_had_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        open_checked(tmp_path / "file" / "folder", MAX_BYTES)
