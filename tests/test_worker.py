"""What a process knows of its supervisor."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from proxy.worker import (
    COUNT_VARIABLE,
    FIRST_VARIABLE,
    FOLDER_VARIABLE,
    LIFELINE_VARIABLE,
    READY_VARIABLE,
    SOCKET_VARIABLE,
    inherited_socket,
    is_first,
    is_worker,
    part_of,
    say_ready,
    shared_folder,
    watch_supervisor,
    worker_count,
)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (COUNT_VARIABLE, FIRST_VARIABLE, LIFELINE_VARIABLE, READY_VARIABLE, SOCKET_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def test_a_process_that_was_started_by_itself_is_no_worker() -> None:
    assert not is_worker()
    assert inherited_socket() is None
    assert worker_count() == 1
    say_ready()


def test_a_worker_accepts_from_the_socket_that_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        monkeypatch.setenv(SOCKET_VARIABLE, str(os.dup(listening.fileno())))
        monkeypatch.setenv(COUNT_VARIABLE, "4")
        given = inherited_socket()
        assert given is not None
        assert is_worker()
        assert worker_count() == 4
        assert given.getsockname() == listening.getsockname()
        given.close()


def test_the_folder_of_all_is_known_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    assert shared_folder() is None
    monkeypatch.setenv(FOLDER_VARIABLE, "/tmp/x")
    assert shared_folder() == Path("/tmp/x")


@pytest.mark.parametrize(
    ("count", "total", "part"),
    [("1", 150, 150), ("4", 150, 38), ("4", 2, 1), ("4", 0, 0), ("2", 200, 100)],
)
def test_what_all_have_together_is_divided_so_that_each_has_at_least_one(
    monkeypatch: pytest.MonkeyPatch, count: str, total: int, part: int
) -> None:
    monkeypatch.setenv(COUNT_VARIABLE, count)
    assert part_of(total) == part


def test_the_first_worker_speaks_for_all_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_first()
    monkeypatch.setenv(FIRST_VARIABLE, "1")
    assert is_first()
    assert not is_first()


def test_it_says_once_that_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    monkeypatch.setenv(READY_VARIABLE, str(write_end))
    say_ready()
    say_ready()
    assert os.read(read_end, 100) == b"ready"
    assert os.read(read_end, 100) == b"", "the other end is closed"
    os.close(read_end)


async def test_it_notices_that_the_supervisor_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    monkeypatch.setenv(LIFELINE_VARIABLE, str(read_end))
    gone = asyncio.Event()
    watch_supervisor(gone.set)
    await asyncio.sleep(0.02)
    assert not gone.is_set()
    os.close(write_end)
    async with asyncio.timeout(2):
        await gone.wait()
    os.close(read_end)
