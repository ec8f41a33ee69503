"""Several processes that share a port: started, restarted, replaced, stopped.

Each has a listening socket of its own with SO_REUSEPORT, so the kernel shares connections out among
them. The sockets belong to the supervisor: connections that wait at one whose process has died wait for
its successor, and none is lost when a process is replaced.

SIGTERM and SIGINT let all finish, SIGHUP has files read again, SIGUSR2 replaces the processes one by one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prometheus_client import multiprocess

from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOCKET_VARIABLE = "THANOXY_LISTEN_FD"
READY_VARIABLE = "THANOXY_READY_FD"
METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus_client adds up the metrics of several processes."""
_BACKLOG = 1024
_FIRST_PAUSE_S, _MOST_PAUSE_S = 0.1, 5.0
_LIVED_LONG_S = 10.0
_START_TIMEOUT_S = 30.0


@dataclass(eq=False, slots=True)
class Worker:
    """One process, and the socket that it accepts from."""

    listening: socket.socket
    process: asyncio.subprocess.Process | None = None
    quick_ends: int = 0


@dataclass(slots=True)
class Supervisor:
    """command: what a worker is. environment: what all of them get."""

    command: Sequence[str]
    environment: Mapping[str, str]
    workers: list[Worker] = field(default_factory=list)
    is_stopping: bool = False

    async def run(self, sockets: Sequence[socket.socket]) -> None:
        """Keep one worker for each socket until a signal says to stop."""
        self.workers = [Worker(listening) for listening in sockets]
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self.tell_all, signal.SIGHUP)
        replacing = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR2, replacing.set)
        async with asyncio.TaskGroup() as group:
            keeping = [group.create_task(self._keep(worker)) for worker in self.workers]
            replacer = group.create_task(self._replace_when(replacing))
            await stop.wait()
            self.is_stopping = True
            replacer.cancel()
            self.tell_all(signal.SIGTERM)
            await asyncio.wait(keeping)

    def tell_all(self, number: signal.Signals) -> None:
        """Pass a signal on."""
        for worker in self.workers:
            _tell(worker.process, number)

    async def _keep(self, worker: Worker) -> None:
        """Start a worker again whenever it ends; after quick ends with a growing pause."""
        loop = asyncio.get_running_loop()
        while not self.is_stopping:
            began_s = loop.time()
            process = worker.process = await self._start(worker)
            code = await process.wait()
            multiprocess.mark_process_dead(process.pid)
            while worker.process is not process and worker.process is not None:
                process = worker.process  # it was replaced: the successor is kept now
                code = await process.wait()
                multiprocess.mark_process_dead(process.pid)
            if self.is_stopping:
                return
            lived_long = loop.time() - began_s > _LIVED_LONG_S
            worker.quick_ends = 0 if lived_long else worker.quick_ends + 1
            LOG.error("a worker has ended and is started again", extra={"pid": process.pid, "code": code})
            await asyncio.sleep(min(_FIRST_PAUSE_S * 2**worker.quick_ends, _MOST_PAUSE_S))

    async def _replace_when(self, wanted: asyncio.Event) -> None:
        while True:
            await wanted.wait()
            wanted.clear()
            for worker in self.workers:
                await self._replace(worker)

    async def _replace(self, worker: Worker) -> None:
        """Start a successor at the same socket, and let the old one finish when that is ready."""
        old = worker.process
        read_end, write_end = os.pipe()
        try:
            successor = await self._start(worker, ready_fd=write_end)
        finally:
            os.close(write_end)
        if await _is_ready(read_end):
            worker.process = successor
            _tell(old, signal.SIGTERM)
            LOG.info("a worker was replaced", extra={"pid": successor.pid})
        else:
            _tell(successor, signal.SIGKILL)
            await successor.wait()
            LOG.error("a worker's successor did not start; the old one stays")

    async def _start(self, worker: Worker, ready_fd: int | None = None) -> asyncio.subprocess.Process:
        fd = worker.listening.fileno()
        environment = {**self.environment, SOCKET_VARIABLE: str(fd)}
        passed = [fd]
        if ready_fd is not None:
            environment[READY_VARIABLE] = str(ready_fd)
            passed.append(ready_fd)
        return await asyncio.create_subprocess_exec(*self.command, env=environment, pass_fds=passed)


def open_sockets(host: str, port: int, count: int) -> list[socket.socket]:
    """So many sockets that listen at one address.

    Raises:
        OSError: it cannot be had.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    sockets: list[socket.socket] = []
    with contextlib.ExitStack() as opened:
        for _ in range(count):
            made = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            made.bind(address)
            made.listen(_BACKLOG)
            address = made.getsockname()  # all at the port that the first one got
            sockets.append(made)
        opened.pop_all()
    return sockets


def say_ready() -> None:
    """Tell the supervisor that this worker accepts connections, if it waits for that."""
    if fd := os.environ.pop(READY_VARIABLE, ""):
        os.write(int(fd), b"ready")
        os.close(int(fd))


def inherited_socket() -> socket.socket | None:
    """The socket that this worker was given; None for a process that was started by itself."""
    fd = os.environ.get(SOCKET_VARIABLE, "")
    return socket.socket(fileno=int(fd)) if fd else None


def worker_command(arguments: Sequence[str]) -> list[str]:
    """This program again, with the same arguments."""
    return [sys.executable, "-m", "proxy", *arguments]


async def _is_ready(read_end: int) -> bool:
    """Whether a worker says so in time; the other end of the pipe closes when it ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    pipe = os.fdopen(read_end, "rb")
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        async with asyncio.timeout(_START_TIMEOUT_S):
            return bool(await reader.read(16))
    except TimeoutError:
        return False
    finally:
        transport.close()


def _tell(process: asyncio.subprocess.Process | None, number: signal.Signals) -> None:
    if process is not None and process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
