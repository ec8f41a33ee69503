"""Several processes that share a port: started, restarted, replaced, stopped.

Each has a listening socket of its own with SO_REUSEPORT, so the kernel shares connections out among
them. The sockets belong to the supervisor: connections that wait at one whose process has died wait for
its successor, and none is lost when a process is replaced.

SIGTERM and SIGINT let all finish, SIGHUP has files read again, SIGUSR2 replaces the processes one by
one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import multiprocess

from proxy.setting_values import SettingError, host_and_port
from proxy.telemetry.log import LOG
from proxy.telemetry.metrics import METRICS_VARIABLE
from proxy.wiring_tier import tier_config
from proxy.worker import COUNT_VARIABLE, LIFELINE_VARIABLE, READY_VARIABLE, SOCKET_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.settings import Settings

CACHE_VARIABLE = "THANOXY_CACHE_DIR"
"""The setting `--cache.dir`, for workers that have no other place to share what they keep."""
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
    lifeline: int = -1
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, sockets: Sequence[socket.socket]) -> None:
        """Keep one worker for each socket until a signal says to stop."""
        self.workers = [Worker(listening) for listening in sockets]
        self.lifeline, held = os.pipe()
        try:
            await self._run()
        finally:
            os.close(held)
            os.close(self.lifeline)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self.tell_all, signal.SIGHUP)
        replacing = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR2, replacing.set)
        async with asyncio.TaskGroup() as group:
            keeping = [group.create_task(self._keep(worker)) for worker in self.workers]
            replacer = group.create_task(self._replace_when(replacing))
            await self.stopping.wait()
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
        while not self.stopping.is_set():
            began_s = loop.time()
            worker.process = await self._start(worker)
            await self._end_of(worker)
            if self.stopping.is_set():
                return
            lived_long = loop.time() - began_s > _LIVED_LONG_S
            worker.quick_ends = 0 if lived_long else worker.quick_ends + 1
            LOG.error(
                "a worker has ended and is started again", extra={"quick_ends": worker.quick_ends}
            )
            await asyncio.sleep(min(_FIRST_PAUSE_S * 2**worker.quick_ends, _MOST_PAUSE_S))

    async def _end_of(self, worker: Worker) -> None:
        """Wait until a worker has ended, and no successor has taken its place meanwhile."""
        ended = None
        while (process := worker.process) is not ended and process is not None:
            await process.wait()
            multiprocess.mark_process_dead(process.pid)  # type: ignore[no-untyped-call]
            ended = process

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
        lifeline = {LIFELINE_VARIABLE: str(self.lifeline)}
        environment = {**self.environment, **lifeline, SOCKET_VARIABLE: str(fd)}
        passed = [fd, self.lifeline]
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
    _claim(family, address)
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


def _claim(family: int, address: tuple[object, ...]) -> None:
    """Fail where somebody else listens: with SO_REUSEPORT both would get a part of the connections."""
    with socket.socket(family, socket.SOCK_STREAM) as alone:
        alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        alone.bind(address)
        alone.listen(1)


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


def supervise(settings: Settings, arguments: Sequence[str], count: int) -> None:
    """Run so many workers until a signal says to stop.

    Raises:
        SettingError: the address cannot be had.
    """
    host, port = host_and_port(settings.http_address)
    try:
        sockets = open_sockets(host or "", port, count)
    except OSError as error:
        raise SettingError(
            f"--http-address={settings.http_address}: {error.strerror or error}"
        ) from error
    with tempfile.TemporaryDirectory(prefix="thanoxy-") as folder:
        environment = {
            **os.environ,
            METRICS_VARIABLE: folder,
            COUNT_VARIABLE: str(count),
        }
        if tier_config(settings) is None:
            environment[CACHE_VARIABLE] = str(Path(folder, "cache"))
        os.environ[METRICS_VARIABLE] = folder  # `mark_process_dead` looks there
        shown = f"{sockets[0].getsockname()[0]}:{sockets[0].getsockname()[1]}"
        LOG.info("supervising", extra={"address": shown, "workers": count})
        asyncio.run(Supervisor(worker_command(arguments), environment).run(sockets))
    for one in sockets:
        one.close()
