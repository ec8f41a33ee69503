"""What is kept in the file, how much of it, and what becomes of it when a process is killed."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import lmdb
import pytest

from proxy.store.large_files import LargeFiles
from proxy.store.lmdb_file import LmdbEntry, LmdbFile
from proxy.store.lmdb_open import FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.store.large_files import LargeFile

MAX_BYTES = 32 << 20
LATER_S = 10**9


@pytest.fixture
def file(tmp_path: Path) -> Iterator[LmdbFile]:
    made = LmdbFile(tmp_path, MAX_BYTES)
    yield made
    made.close()


def entry(name: str, value: bytes = b"value", expires_s: int = LATER_S) -> LmdbEntry:
    return LmdbEntry(name, value, expires_s)


def data_bytes(folder: Path) -> int:
    """Of all that lies in the folder, but the table of those that read."""
    files = [path for path in (folder / FORMAT).rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files if path.name != "lock.mdb")


def test_what_is_kept_is_there_until_it_expires(file: LmdbFile) -> None:
    file.write([entry("a", b"1", expires_s=100), entry("b", b"2", expires_s=101)], [], 50)
    assert file.get(["a", "b", "c"], 99) == {"a": b"1", "b": b"2"}
    assert file.get(["a", "b"], 100) == {"b": b"2"}


def test_a_name_can_be_added_when_it_is_free_or_expired(file: LmdbFile) -> None:
    assert file.add("lease", b"mine", 100, 50)
    assert not file.add("lease", b"theirs", 200, 99)
    assert file.add("lease", b"theirs", 200, 100)
    assert file.get(["lease"], 100) == {"lease": b"theirs"}


def test_what_is_removed_takes_no_room(file: LmdbFile) -> None:
    before = file.used_bytes()
    file.write([entry("a", bytes(1_000_000))], [], 0)
    assert file.used_bytes() > before + 1_000_000
    file.remove("a")
    file.remove("a")
    assert file.get(["a"], 0) == {}
    assert file.used_bytes() <= before


def test_writing_a_name_again_leaves_nothing_of_the_earlier_value(file: LmdbFile) -> None:
    for second in range(50):
        file.write([entry("a", bytes(500_000))], [], second)
    assert file.used_bytes() < 600_000


@pytest.mark.parametrize(
    ("least_bytes", "most_bytes"),
    [(1_000, 1_000_000), (100_000, 100_000), (100, 5_000), (900_000, 1_048_576)],
)
def test_the_file_never_outgrows_its_bound_while_ten_times_as_much_is_written(
    file: LmdbFile, tmp_path: Path, least_bytes: int, most_bytes: int
) -> None:
    chance = random.Random(1)
    material = chance.randbytes(most_bytes)
    written_bytes, second, name = 0, 0, ""
    while written_bytes < 10 * MAX_BYTES:
        batch, batch_bytes = [], 0
        while batch_bytes < 4 << 20:
            name = f"{chance.getrandbits(160):040x}"
            batch.append(entry(name, material[: chance.randint(least_bytes, most_bytes)]))
            batch_bytes += len(batch[-1].value)
        file.write(batch, [], second)
        assert file.get([one.name for one in batch], 0).keys() == {one.name for one in batch}
        written_bytes += batch_bytes
        second += 1
    assert data_bytes(tmp_path) <= MAX_BYTES
    assert file.used_bytes() > MAX_BYTES * 0.3


def test_the_least_recently_used_go_first(file: LmdbFile) -> None:
    value = bytes(100_000)
    for number in range(100):
        file.write([entry(f"old-{number}", value)], [], number)
    file.write([], ["old-3", "old-7", "never there"], 1_000)
    for number in range(100):
        file.write([entry(f"new-{number}", value)], [], 2_000 + number)
    old = file.get([f"old-{number}" for number in range(100)], 0)
    assert {"old-3", "old-7"} <= old.keys()
    assert "old-4" not in old
    assert "old-8" not in old
    assert len(file.get([f"new-{number}" for number in range(100)], 0)) == 100


def test_a_use_soon_after_the_last_one_is_not_noted(file: LmdbFile) -> None:
    value = bytes(100_000)
    for number in range(100):
        file.write([entry(f"old-{number}", value)], [], 100 + number // 10)
    file.write([], ["old-0"], 105)
    for number in range(150):
        file.write([entry(f"new-{number}", value)], [], 2_000)
    assert file.get(["old-0"], 0) == {}


def large(seed: int, size_bytes: int = 1_000_000) -> bytes:
    return random.Random(seed).randbytes(size_bytes)


def large_files(folder: Path) -> list[Path]:
    return list((folder / FORMAT / "large").iterdir())


def test_a_large_value_is_a_file_that_whoever_reads_it_maps(file: LmdbFile, tmp_path: Path) -> None:
    file.write([entry("a", large(1)), entry("b", b"small")], [], 0)
    assert len(large_files(tmp_path)) == 1
    found = file.get(["a", "b"], 0)
    assert found == {"a": large(1), "b": b"small"}
    assert f"{large_files(tmp_path)[0]}" in Path("/proc/self/maps").read_text()
    file.write([entry("a", large(2))], [], 1)
    assert len(large_files(tmp_path)) == 1
    assert found["a"] == large(1), "who has it keeps it"
    assert file.get(["a"], 0) == {"a": large(2)}
    file.remove("a")
    assert large_files(tmp_path) == []
    file.close()
    assert found["a"] == large(1)


@pytest.mark.parametrize("size_bytes", [None, 0, 5_000])
def test_a_large_value_whose_file_is_gone_or_cut_is_a_miss(
    file: LmdbFile, tmp_path: Path, size_bytes: int | None
) -> None:
    file.write([entry("a", large(1)), entry("b", b"small")], [], 0)
    (path,) = large_files(tmp_path)
    if size_bytes is None:
        path.unlink()
    else:
        os.truncate(path, size_bytes)
    assert file.get(["a", "b"], 0) == {"b": b"small"}
    file.write([entry("a", large(2))], [], 0)
    assert file.get(["a"], 0) == {"a": large(2)}


def test_the_next_who_opens_it_removes_what_nobody_names_and_names_whose_files_are_gone(
    file: LmdbFile, tmp_path: Path
) -> None:
    file.write([entry(name, large(1)) for name in "abc"], [], 0)
    stays, goes, _ = large_files(tmp_path)
    used_bytes = file.used_bytes()
    goes.unlink()
    orphan = stays.with_name("0" * 16)
    orphan.write_bytes(b"a process was killed while it wrote this")
    opens = f"LmdbFile(Path({str(tmp_path)!r}), {MAX_BYTES}).close()"
    script = f"from pathlib import Path; from proxy.store.lmdb_file import LmdbFile; {opens}"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)
    assert len(large_files(tmp_path)) == 2
    assert not orphan.exists()
    assert file.used_bytes() <= used_bytes - len(large(1))
    assert len(file.get(list("abc"), 0)) == 2


def test_nothing_stays_of_a_write_that_fails(
    file: LmdbFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write([entry("a", large(1))], [], 0)
    real = LargeFiles.write

    def full(self: LargeFiles, value: bytes) -> LargeFile:
        if len(large_files(tmp_path)) > 2:
            raise OSError("No space left on device")
        return real(self, value)

    monkeypatch.setattr(LargeFiles, "write", full)
    with pytest.raises(OSError, match="No space"):
        file.write([entry(name, large(2)) for name in "abcd"], [], 1)
    assert len(large_files(tmp_path)) == 1
    assert file.get(list("abcd"), 0) == {"a": large(1)}


def test_the_least_recently_used_large_values_go_first_and_no_small_ones_with_them(
    file: LmdbFile,
) -> None:
    file.write([entry(f"small-{number}", bytes(10_000)) for number in range(100)], [], 0)
    for number in range(25):
        file.write([entry(f"old-{number}", large(number))], [], 1 + number)
    file.write([], ["old-3"], 1_000)
    for number in range(15):
        file.write([entry(f"new-{number}", large(number))], [], 2_000 + number)
    old = file.get([f"old-{number}" for number in range(25)], 0)
    assert "old-3" in old
    assert "old-4" not in old
    assert len(file.get([f"new-{number}" for number in range(15)], 0)) == 15
    assert len(file.get([f"small-{number}" for number in range(100)], 0)) == 100


def test_what_lmdb_has_taken_once_large_values_do_not_take_too(file: LmdbFile, tmp_path: Path) -> None:
    for number in range(40):
        file.write([entry(f"small-{number}-{n}", bytes(100_000)) for n in range(10)], [], number)
    for number in range(60):
        file.write([entry(f"large-{number}", large(number))], [], 100 + number)
    assert data_bytes(tmp_path) <= MAX_BYTES
    assert len(file.get([f"large-{number}" for number in range(60)], 0)) >= 5


def test_what_another_process_writes_while_room_is_made_is_counted_too(
    file: LmdbFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = LmdbFile._make_room_for

    def overtaken(self: LmdbFile, small_bytes: int, large_bytes: int) -> None:
        real(self, small_bytes, large_bytes)
        with monkeypatch.context() as alone:
            alone.setattr(LmdbFile, "_make_room_for", real)
            self.write([entry(f"theirs-{number}", large(1, 4 << 20))], [], 50 + number)

    monkeypatch.setattr(LmdbFile, "_make_room_for", overtaken)
    for number in range(40):
        file.write([entry(f"ours-{number}-{n}", large(number)) for n in range(4)], [], 100 + number)
        assert data_bytes(tmp_path) <= MAX_BYTES


def test_a_value_that_has_no_room_even_alone_is_refused(file: LmdbFile, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="larger than"):
        file.write([entry("a", bytes(MAX_BYTES))], [], 0)
    assert data_bytes(tmp_path) < 1 << 20


def test_a_smaller_bound_holds_from_the_next_write_on(tmp_path: Path) -> None:
    file = LmdbFile(tmp_path, MAX_BYTES)
    file.write([entry(f"large-{number}", large(number)) for number in range(20)], [], 0)
    file.close()
    file = LmdbFile(tmp_path, MAX_BYTES // 2)
    file.write([entry("one", large(1))], [], 1)
    assert data_bytes(tmp_path) <= MAX_BYTES // 2
    assert file.get(["one"], 0) == {"one": large(1)}
    file.close()


def test_it_closes_only_when_those_that_read_have_finished(tmp_path: Path) -> None:
    file = LmdbFile(tmp_path, MAX_BYTES)
    names = [f"name-{number}" for number in range(50)]
    file.write([entry(name, bytes(100_000)) for name in names], [], 0)
    reads = 0

    def read() -> None:
        nonlocal reads
        while True:
            try:
                assert len(file.get(names, 0)) == 50
            except lmdb.Error:
                return
            reads += 1

    threads = [threading.Thread(target=read, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    assert reads > 4
    file.close()
    file.close()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)


def test_a_hundred_kills_in_the_middle_of_writes_lose_nothing_that_was_written(
    tmp_path: Path,
) -> None:
    """Each value is whole or absent, the structure is sound, and no lock stays behind."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.lmdb_writer", str(tmp_path), "100"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert not done.returncode, done.stdout + done.stderr
    told = re.fullmatch(
        r"100 kills, at most (\d+) values, (\d+) bytes, (\d+) of them large\n", done.stdout
    )
    assert told
    assert int(told.group(1)) > 100
    assert int(told.group(2)) <= MAX_BYTES
    assert int(told.group(3)) > 5
