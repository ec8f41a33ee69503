"""Several processes that share a port: started, restarted, replaced, stopped.

Each has a listening socket of its own with SO_REUSEPORT, so the kernel shares connections out among
them. The sockets belong to the supervisor: connections that wait at one whose process has died wait for
its successor, and none is lost when a process is replaced.

One is started first. When it is ready it greets, and the others follow; when it refuses its settings,
that is the end of all.

SIGTERM and SIGINT let all finish, SIGHUP has files read again, SIGUSR2 replaces the processes one by
one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import multiprocess

from proxy.cache_config import read_cache_config, tier_config
from proxy.machine import memory_bytes, share_memory
from proxy.setting_values import SettingError, host_and_port
from proxy.shared_folder import own_folder
from proxy.shared_port import open_sockets
from proxy.telemetry.log import LOG
from proxy.telemetry.registry import METRICS_VARIABLE
from proxy.worker import (
    COUNT_VARIABLE,
    FIRST_VARIABLE,
    FOLDER_VARIABLE,
    LIFELINE_VARIABLE,
    READY_VARIABLE,
    REFUSED,
    SOCKET_VARIABLE,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence

    from proxy.settings import Settings

CACHE_VARIABLE = "THANOXY_CACHE_DIR"
CACHE_SIZE_VARIABLE = "THANOXY_CACHE_DIR_SIZE"
"""The settings of `--cache.dir`, for workers that have no other place to share what they keep."""
_LEAST_CACHE_BYTES = 64 << 20
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
    """command: what a worker is. environment: what all of them get.

    proven: set when a worker was ready with these settings. exit_code: of the whole.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    workers: list[Worker] = field(default_factory=list)
    lifeline: int = -1
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    proven: asyncio.Event = field(default_factory=asyncio.Event)
    exit_code: int = 0

    async def run(self, sockets: Sequence[socket.socket]) -> int:
        """Keep one worker for each socket until a signal says to stop; the exit code."""
        self.workers = [Worker(listening) for listening in sockets]
        self.lifeline, held = os.pipe()
        try:
            await self._run()
        finally:
            os.close(held)
            os.close(self.lifeline)
        return self.exit_code

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self.tell_all, signal.SIGHUP)
        replacing = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR2, replacing.set)
        async with asyncio.TaskGroup() as group:
            keeping = [group.create_task(self._keep(self.workers[0]))]
            follower = group.create_task(self._follow(group, keeping))
            replacer = group.create_task(self._replace_when(replacing))
            await self.stopping.wait()
            follower.cancel()
            replacer.cancel()
            self.tell_all(signal.SIGTERM)
            await asyncio.wait(keeping)

    async def _follow(self, group: asyncio.TaskGroup, keeping: list[asyncio.Task[None]]) -> None:
        await self.proven.wait()
        keeping += [group.create_task(self._keep(worker)) for worker in self.workers[1:]]

    def tell_all(self, number: signal.Signals) -> None:
        """Pass a signal on."""
        for worker in self.workers:
            _tell(worker.process, number)

    async def _keep(self, worker: Worker) -> None:
        """Start a worker again whenever it ends; after quick ends with a growing pause."""
        loop = asyncio.get_running_loop()
        while not self.stopping.is_set():
            began_s = loop.time()
            if self.proven.is_set():
                await self._start_again(worker)
            else:
                await self._start_first(worker)
            await self._end_of(worker)
            if self.stopping.is_set():
                return
            if not self.proven.is_set() and worker.process and worker.process.returncode == REFUSED:
                self.exit_code = REFUSED
                self.stopping.set()
                return
            lived_long = loop.time() - began_s > _LIVED_LONG_S
            worker.quick_ends = 0 if lived_long else worker.quick_ends + 1
            LOG.error(
                "a worker has ended and is started again", extra={"quick_ends": worker.quick_ends}
            )
            await asyncio.sleep(min(_FIRST_PAUSE_S * 2**worker.quick_ends, _MOST_PAUSE_S))

    async def _start_again(self, worker: Worker) -> None:
        """Start a worker; where there is no memory for it now, it counts as one that has ended."""
        try:
            worker.process = await self._start(worker)
        except OSError as error:
            LOG.error("a worker cannot be started", extra={"err": str(error)})

    async def _start_first(self, worker: Worker) -> None:
        """Start a worker, and wait until it is ready or gone, however long that takes."""
        worker.process, pipe = await self._start_watched(worker, {FIRST_VARIABLE: "1"})
        if await _is_ready(pipe, within_s=None):
            self.proven.set()

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
        try:
            successor, pipe = await self._start_watched(worker, {})
        except OSError as error:
            LOG.error("a worker's successor cannot be started", extra={"err": str(error)})
            return
        if await _is_ready(pipe, _START_TIMEOUT_S):
            worker.process = successor
            _tell(old, signal.SIGTERM)
            LOG.info("a worker was replaced", extra={"pid": successor.pid})
        else:
            _tell(successor, signal.SIGKILL)
            await successor.wait()
            LOG.error("a worker's successor did not start; the old one stays")

    async def _start_watched(
        self, worker: Worker, more: Mapping[str, str]
    ) -> tuple[asyncio.subprocess.Process, int]:
        """Start a process; and the end of a pipe by which it says that it is ready."""
        read_end, write_end = os.pipe()
        try:
            process = await self._start(worker, {**more, READY_VARIABLE: str(write_end)}, write_end)
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        return process, read_end

    async def _start(
        self, worker: Worker, more: Mapping[str, str] | None = None, *passed: int
    ) -> asyncio.subprocess.Process:
        fd = worker.listening.fileno()
        own = {LIFELINE_VARIABLE: str(self.lifeline), SOCKET_VARIABLE: str(fd)}
        return await asyncio.create_subprocess_exec(
            *self.command,
            env={**self.environment, **own, **(more or {})},
            pass_fds=(fd, self.lifeline, *passed),
            process_group=0,  # Ctrl-C reaches this process alone, which lets the others finish
        )


def worker_command(arguments: Sequence[str]) -> list[str]:
    """This program again, with the same arguments."""
    return [sys.executable, "-m", "proxy", *arguments]


async def _is_ready(read_end: int, within_s: float | None) -> bool:
    """Whether a worker says so in time; the other end of the pipe closes when it ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    pipe = os.fdopen(read_end, "rb")
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        async with asyncio.timeout(within_s):
            return bool(await reader.read(16))
    except TimeoutError:
        return False
    finally:
        transport.close()


def _tell(process: asyncio.subprocess.Process | None, number: signal.Signals) -> None:
    if process is not None and process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)


def supervise(settings: Settings, arguments: Sequence[str], count: int) -> int:
    """Run so many workers until a signal says to stop; the exit code.

    Raises:
        SettingError: the address cannot be had, or there is no place for what they share.
    """
    is_shared = tier_config(settings) is not None
    with contextlib.ExitStack() as opened:
        sockets = _sockets(settings, count)
        for one in sockets:
            opened.callback(one.close)
        folder = _opened_folder(opened)
        environment = {**os.environ, METRICS_VARIABLE: folder, COUNT_VARIABLE: str(count)}
        environment[FOLDER_VARIABLE] = str(Path(folder, "fetches"))
        if not is_shared:
            environment[CACHE_VARIABLE] = str(Path(folder, "cache"))
            environment.setdefault(CACHE_SIZE_VARIABLE, str(shared_bytes(settings)))
        os.environ[METRICS_VARIABLE] = folder  # `mark_process_dead` looks there
        shown = f"{sockets[0].getsockname()[0]}:{sockets[0].getsockname()[1]}"
        LOG.info("supervising", extra={"address": shown, "workers": count})
        return asyncio.run(Supervisor(worker_command(arguments), environment).run(sockets))
    raise AssertionError("unreachable")


def _sockets(settings: Settings, count: int) -> list[socket.socket]:
    host, port = host_and_port(settings.http_address)
    try:
        return open_sockets(host or "", port, count)
    except OSError as error:
        reason = error.strerror or error
        raise SettingError(f"--http-address={settings.http_address}: {reason}") from error


def _opened_folder(opened: contextlib.ExitStack) -> str:
    try:
        return opened.enter_context(own_folder())
    except OSError as error:
        raise SettingError(
            f"--workers: they need a folder that can be written ({error.strerror or error}):"
            " mount one at /tmp, name one with TMPDIR, or give --workers=1"
        ) from error


def shared_bytes(settings: Settings) -> int:
    """How much is shared in a temporary folder, which may be memory: as much as is kept in memory."""
    configured = read_cache_config(settings).max_bytes
    shares = share_memory(
        memory_bytes(), configured, settings.memo_bytes, settings.memory_in_flight_bytes
    )
    return min(settings.cache_dir_bytes, max(shares.cache_bytes, _LEAST_CACHE_BYTES))
