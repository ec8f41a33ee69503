"""What a process knows of its supervisor."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from proxy.worker import (
    COUNT_VARIABLE,
    LIFELINE_VARIABLE,
    READY_VARIABLE,
    SOCKET_VARIABLE,
    inherited_socket,
    is_worker,
    say_ready,
    watch_supervisor,
    worker_count,
)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (COUNT_VARIABLE, LIFELINE_VARIABLE, READY_VARIABLE, SOCKET_VARIABLE):
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
