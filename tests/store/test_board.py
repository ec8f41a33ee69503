"""Leases and answers that the processes of one machine see of each other."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from proxy.store.board import FolderBoard

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
OTHER = """
import sys
from pathlib import Path
from proxy.store.board import FolderBoard
board = FolderBoard(Path(sys.argv[1]))
for line in sys.stdin:
    print(eval(line), flush=True)
"""
LARGEST = 2**61 - 1


class Other:
    """A board in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def says(self, call: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"board.{call}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@contextmanager
def other_process(folder: Path) -> Iterator[Other]:
    command = [sys.executable, "-c", OTHER, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            yield Other(process)
        finally:
            process.kill()


@pytest.fixture
def board(tmp_path: Path) -> Iterator[FolderBoard]:
    made = FolderBoard(tmp_path / "fetches")
    yield made
    made.close()


def test_a_lease_has_one_holder_and_goes_on_when_it_is_given_back(
    board: FolderBoard, tmp_path: Path
) -> None:
    with other_process(tmp_path / "fetches") as other:
        assert other.says(f"take({LARGEST})") == "True"
        assert not board.take(LARGEST)
        assert board.take(LARGEST - 1)
        other.says(f"release({LARGEST})")
        assert board.take(LARGEST)
        assert other.says(f"take({LARGEST})") == "False"


def test_the_lease_of_a_process_that_was_killed_is_free(board: FolderBoard, tmp_path: Path) -> None:
    with other_process(tmp_path / "fetches") as other:
        assert other.says("take(7)") == "True"
        assert not board.take(7)
        other.process.kill()
        other.process.wait()
        assert board.take(7)


def test_the_holder_sees_whether_others_wait(board: FolderBoard, tmp_path: Path) -> None:
    with other_process(tmp_path / "fetches") as other, other_process(tmp_path / "fetches") as third:
        assert board.take(7)
        assert not board.is_wanted(7)
        other.says("want(7)")
        third.says("want(7)")
        assert board.is_wanted(7)
        assert not board.is_wanted(8)
        other.says("unwant(7)")
        assert board.is_wanted(7)
        third.process.kill()
        third.process.wait()
        assert not board.is_wanted(7)


def test_an_answer_is_read_as_it_was_written_until_it_is_removed(board: FolderBoard) -> None:
    assert board.read_head(7, 4) == b""
    board.write(7, b"head", b"body")
    assert board.read_head(7, 4) == b"head"
    assert board.read(7, b"head") == b"body"
    board.remove(7)
    assert board.read_head(7, 4) == b""
    assert board.read(7, b"head") == b""
    board.remove(7)


def test_a_body_is_not_read_under_the_head_of_another(board: FolderBoard) -> None:
    board.write(7, b"old ", b"older body")
    board.write(7, b"head", b"body")
    assert board.read(7, b"old ") == b""


def test_where_nothing_can_be_written_nothing_is_there(board: FolderBoard, tmp_path: Path) -> None:
    (tmp_path / "fetches" / "leases").unlink()
    (tmp_path / "fetches").rmdir()
    board.write(7, b"head", b"body")
    assert board.read_head(7, 4) == b""


def test_where_there_are_no_locks_each_asks_by_itself(
    board: FolderBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.lockf", refuse)
    assert board.take(7)
    board.want(7)
    board.release(7)
