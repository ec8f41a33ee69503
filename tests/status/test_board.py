"""Workers leave word of themselves for each other."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

import orjson
import pytest

from proxy.status.board import Board
from tests.status.told import FULL, other

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(str(tmp_path))


def test_what_another_worker_has_left_is_read(board: Board, tmp_path: Path) -> None:
    board.leave_word(FULL)
    (tmp_path / "status-2.json").write_bytes(orjson.dumps(other()))
    assert board.others(now_ms=10_500) == [other()]


def test_one_s_own_word_is_not_read_again(board: Board) -> None:
    board.leave_word(FULL)
    assert board.others(now_ms=10_000) == []


def test_what_was_read_just_now_is_not_read_again(board: Board, tmp_path: Path) -> None:
    word = tmp_path / "status-2.json"
    word.write_bytes(orjson.dumps(other()))
    assert board.others(now_ms=10_500) == [other()]
    word.unlink()
    assert board.others(now_ms=10_900) == [other()]
    assert board.others(now_ms=11_100) == []
    assert board.others(now_ms=10_400) == [], "the clock was set back"


def test_what_is_old_or_broken_does_not_count(board: Board, tmp_path: Path) -> None:
    (tmp_path / "status-2.json").write_bytes(orjson.dumps(other(at_ms=1_000)))
    (tmp_path / "status-3.json").write_bytes(b'{"at_ms":')
    (tmp_path / "status-4.json").mkdir()
    assert board.others(now_ms=10_000) == []


def test_who_leaves_takes_its_word_along(board: Board, tmp_path: Path) -> None:
    board.leave_word(FULL)
    board.leave()
    board.leave()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_costs_nothing_but_the_news(tmp_path: Path) -> None:
    board = Board(str(tmp_path / "gone"))
    board.leave_word(FULL)
    assert board.others(10_000) == []
    assert board.take_cancels() == []
    assert not board.ask_to_cancel(f"{os.getpid()}-1")


def test_a_request_of_another_worker_can_be_ended(board: Board, tmp_path: Path) -> None:
    (tmp_path / "status-2.json").write_bytes(orjson.dumps(dataclasses.replace(FULL, pid=2)))
    assert board.ask_to_cancel("2-7")
    assert [path.name for path in tmp_path.glob("cancel*")] == ["cancel-2-7"]
    assert not board.ask_to_cancel("3-7")


@pytest.mark.parametrize(
    "run_id", ["", "2", "2-", "-7", "2-7/..", "../2-7", "2-7\n", "x-1", "2-" + "7" * 99]
)
def test_what_is_no_id_is_nobody_s(board: Board, tmp_path: Path, run_id: str) -> None:
    (tmp_path / "status-2.json").touch()
    assert not board.ask_to_cancel(run_id)
    assert [path.name for path in tmp_path.iterdir()] == ["status-2.json"]


def test_wishes_are_taken_once(board: Board) -> None:
    board.leave_word(FULL)
    assert board.ask_to_cancel(f"{os.getpid()}-5")
    assert board.take_cancels() == [f"{os.getpid()}-5"]
    assert board.take_cancels() == []
