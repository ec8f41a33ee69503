"""What runs, on disk; and what a process that died has left there."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from proxy.codec.active_slot import SLOT_BYTES, ActiveQuery, encode_slot
from proxy.store import active_log
from proxy.store.active_log import ActiveLog
from proxy.telemetry.book import Book

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from proxy.telemetry.record import Record


def query(expr: str) -> ActiveQuery:
    return ActiveQuery(expr, "team", "dash", "", "query_range", 1_700_000_000_000)


def describe(record: Record) -> ActiveQuery:
    return query(f"expr {record.number}")


@contextlib.contextmanager
def opened(folder: Path, slots: int = 4) -> Iterator[tuple[ActiveLog, Book]]:
    log, book = ActiveLog(folder, describe, slots), Book()
    book.watch(log)
    try:
        yield log, book
    finally:
        log.close()


def standing(folder: Path) -> list[str]:
    """The lines of all files."""
    text = "".join(path.read_text() for path in folder.glob("queries-*.log"))
    return [line[9:].strip() for line in text.split("\n") if line.strip()]


def begin(book: Book) -> Record:
    record = book.open("query_range", None)
    record.ask()
    record.ask()
    return record


KILLED = """
import os, signal, sys
from pathlib import Path
from proxy.codec.active_slot import ActiveQuery
from proxy.store.active_log import ActiveLog
from proxy.telemetry.book import Book
log, book = ActiveLog(Path(sys.argv[1]), lambda r: ActiveQuery(*sys.argv[2:7], r.number)), Book()
book.watch(log)
for _ in range(3):
    record = book.open("query_range", None)
    record.ask()
book.close(record, 200, None)
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_process(folder: Path, *words: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder), *words], check=False)
    assert done.returncode == -signal.SIGKILL


BUSY = """
import sys
from pathlib import Path
from proxy.codec.active_slot import ActiveQuery
from proxy.store.active_log import ActiveLog
from proxy.telemetry.book import Book
describe = lambda r: ActiveQuery("x" * (r.number % 1500), "t", "d", "p", "query", r.number)
log, book = ActiveLog(Path(sys.argv[1]), describe, 8), Book()
book.watch(log)
print("begun", flush=True)
while True:
    records = [book.open("query", None) for _ in range(6)]
    for record in records:
        record.ask()
    for record in records:
        book.close(record, 200, None)
"""


@pytest.mark.parametrize("pause_s", [0.0, 0.001, 0.01, 0.03])
def test_whenever_a_process_is_killed_what_it_leaves_is_whole(tmp_path: Path, pause_s: float) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY, str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        time.sleep(pause_s)
        process.kill()
    (path,) = tmp_path.glob("queries-*.log")
    lines = [line for line in path.read_text().split("\n") if line.strip()]
    with opened(tmp_path) as (log, _):
        assert len(log.left) == len(lines) <= 6
        assert all(len(one.expr) == one.began_ms % 1500 for one in log.left)


def test_a_query_stands_there_from_its_first_question_to_its_end(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, book):
        record = book.open("query_range", None)
        assert standing(tmp_path) == []
        record.ask()
        record.ask()
        (line,) = standing(tmp_path)
        assert '"expr":"expr 1","tenant":"team","dashboard":"dash"' in line
        book.close(record, 200, None)
        assert standing(tmp_path) == []


def test_what_is_asked_after_the_end_of_a_request_takes_no_place(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, book):
        record = begin(book)
        book.close(record, 200, None)
        record.ask()
        assert standing(tmp_path) == []


def test_more_queries_than_places_are_answered_all_the_same(tmp_path: Path) -> None:
    with opened(tmp_path, slots=2) as (_, book):
        records = [begin(book) for _ in range(5)]
        assert len(standing(tmp_path)) == 2
        for record in records:
            book.close(record, 200, None)
        assert standing(tmp_path) == []
        begin(book)
        assert len(standing(tmp_path)) == 1


def test_who_ends_well_leaves_nothing(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    assert not list(tmp_path.glob("queries-*"))
    with opened(tmp_path) as (log, _):
        assert log.left == ()


@pytest.mark.parametrize(
    "words",
    [("up", "team", "dash", "7", "query"), ('a\nb\t{} \\" é' * 3_000, "x\ny", "\udcff", "", "q")],
)
def test_what_ran_when_a_process_was_killed_is_told_by_the_next(
    tmp_path: Path, words: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    killed_process(tmp_path, *words)
    with opened(tmp_path) as (log, _):
        assert [one.began_ms for one in log.left] == [2, 1]
        assert words[0].startswith(log.left[0].expr)
        assert log.left[0].expr
        log.tell()
    assert [record.message for record in caplog.records] == ["was running when the process ended"] * 2
    with opened(tmp_path) as (log, _):
        assert log.left == ()


def test_of_several_processes_only_those_that_died_are_told_of(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, book):
        begin(book)
        killed_process(tmp_path, *"edtph")
        with opened(tmp_path) as (second, _):
            assert [one.expr for one in second.left] == ["e", "e"]
        assert len(standing(tmp_path)) == 1


def test_of_very_many_not_all_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "queries-1-a.log").write_bytes(b"".join(encode_slot(query(f"{n}")) for n in range(30)))
    with opened(tmp_path) as (log, _):
        log.tell()
    assert len(log.left) == 30
    assert len(caplog.records) == 21
    assert caplog.records[-1].__dict__["queries"] == 10


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        bytes(SLOT_BYTES * 2),
        os.urandom(5_000),
        encode_slot(query("a"))[:-100],
        b" " * 100_000,
    ],
)
def test_a_file_that_is_damaged_tells_nothing_and_is_removed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "queries-1-a.log"
    path.write_bytes(content)
    with opened(tmp_path) as (log, _):
        assert log.left == ()
    assert not path.exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_bytes(encode_slot(query("a")))
    (tmp_path / "queries-1-a.log").symlink_to(target)
    with opened(tmp_path) as (log, _):
        assert log.left == ()
    assert target.exists()


def test_nobody_else_can_read_what_is_asked(tmp_path: Path) -> None:
    with opened(tmp_path):
        (path,) = tmp_path.glob("queries-*.log")
        assert path.stat().st_mode & 0o077 == 0


def test_a_disk_that_is_full_at_the_start_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space"):
        ActiveLog(tmp_path, describe)
    assert not list(tmp_path.glob("queries-*"))


def test_a_disk_that_fails_later_costs_one_warning_and_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    with opened(tmp_path) as (_, book):
        first = begin(book)
        monkeypatch.setattr(os, "pwrite", broken)
        second = begin(book)
        book.close(first, 200, None)
        book.close(second, 200, None)
        book.close(begin(book), 200, None)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert not list(tmp_path.glob("queries-*"))


def test_a_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        ActiveLog(tmp_path / "file", describe)


def test_who_does_not_finish_beginning_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(active_log, "_PAUSE_S", 0.0)
    with active_log._alone(tmp_path), pytest.raises(TimeoutError):
        ActiveLog(tmp_path, describe)
    ActiveLog(tmp_path, describe).close()
