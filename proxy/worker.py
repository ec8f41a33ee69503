"""What a process knows of the supervisor that has started it, if one has."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SOCKET_VARIABLE = "THANOXY_LISTEN_FD"
READY_VARIABLE = "THANOXY_READY_FD"
LIFELINE_VARIABLE = "THANOXY_LIFELINE_FD"
"""A pipe whose other end closes when the supervisor is gone, however it went."""
COUNT_VARIABLE = "THANOXY_WORKER_COUNT"
FIRST_VARIABLE = "THANOXY_FIRST_WORKER"
FOLDER_VARIABLE = "THANOXY_WORKERS_FOLDER"
REFUSED = 2
"""The exit code of a process whose settings cannot be used: another one would not start either."""


def is_worker() -> bool:
    """Whether this process is one of several."""
    return SOCKET_VARIABLE in os.environ


def worker_count() -> int:
    """How many processes share this machine's memory."""
    return int(os.environ.get(COUNT_VARIABLE, "1"))


def part_of(total: int) -> int:
    """This worker's part of what all have together; 0 stays 0, everything else is at least 1."""
    return -(-total // worker_count())


def shared_folder() -> Path | None:
    """Where workers see what the others do; None for a process that was started by itself."""
    folder = os.environ.get(FOLDER_VARIABLE, "")
    return Path(folder) if folder else None


def is_first() -> bool:
    """Whether this worker speaks for all when it is ready."""
    return os.environ.pop(FIRST_VARIABLE, "") != ""


def inherited_socket() -> socket.socket | None:
    """The socket that this worker was given; None for a process that was started by itself."""
    fd = os.environ.get(SOCKET_VARIABLE, "")
    return socket.socket(fileno=int(fd)) if fd else None


def watch_supervisor(gone: Callable[[], None]) -> None:
    """Call `gone` when there is no supervisor any more. Needs the event loop."""
    if fd := os.environ.get(LIFELINE_VARIABLE, ""):
        loop = asyncio.get_running_loop()

        def end() -> None:
            loop.remove_reader(int(fd))
            gone()

        loop.add_reader(int(fd), end)


def say_ready() -> None:
    """Tell the supervisor that this worker accepts connections, if it waits for that."""
    if fd := os.environ.pop(READY_VARIABLE, ""):
        os.write(int(fd), b"ready")
        os.close(int(fd))
