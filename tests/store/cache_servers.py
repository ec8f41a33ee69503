"""Real memcached and Redis servers on loopback, and what can befall them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Self

from scripts.real_servers import installed

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

ADDRESS = "127.0.0.1"
_START_S = 10.0


def free_port() -> int:
    """Below 55,536: a node of a Redis cluster listens 10,000 above its port, too."""
    for _ in range(1000):
        with socket.socket() as probe:
            probe.bind((ADDRESS, 0))
            port: int = probe.getsockname()[1]
        if port < 55_000:
            return port
        port -= 25_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((ADDRESS, port))
            return port
    raise RuntimeError("no free port")


class CacheServer:
    """A server process; a context manager. arguments: {port} stands for its port."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.port = free_port()
        self.address = f"{ADDRESS}:{self.port}"
        self._command = [part.replace("{port}", str(self.port)) for part in command]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self._folder / f"server-{self.port}.log").open("ab")
        with log:
            self._process = subprocess.Popen(self._command, cwd=self._folder, stdout=log, stderr=log)
        give_up_s = time.monotonic() + _START_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection((ADDRESS, self.port), 1):
                return
            if time.monotonic() > give_up_s or self._process.poll() is not None:
                text = (self._folder / f"server-{self.port}.log").read_text(errors="replace")
                raise RuntimeError(f"{self._command[0]} did not start:\n{text}")
            time.sleep(0.01)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def pause(self) -> None:
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        self.kill()
        self.start()

    def say(self, text: str) -> bytes:
        """What it answers first to a line in its own protocol."""
        with socket.create_connection((ADDRESS, self.port), 5) as connection:
            connection.sendall(text.encode() + b"\r\n")
            return connection.recv(65_536)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()


def memcached(folder: Path, *options: str) -> CacheServer:
    command = [str(installed("memcached")), "-l", ADDRESS, "-p", "{port}", "-U", "0", "-t", "1"]
    if not os.geteuid():
        command += ["-u", "nobody"]
    return CacheServer([*command, *options], folder)


def redis(folder: Path, *options: str, port_option: str = "--port") -> CacheServer:
    """port_option: `--tls-port` for a server that listens to TLS only."""
    plain = ["--port", "0"] if port_option != "--port" else []
    fixed = ["--bind", ADDRESS, "--save", "", "--appendonly", "no", "--daemonize", "no"]
    command = [str(installed("redis")), *plain, port_option, "{port}", *fixed]
    return CacheServer([*command, *options], folder)


def redis_cluster(folder: Path, nodes: int) -> list[CacheServer]:
    """Nodes that are not started yet; `join_cluster` makes them one."""
    return [
        redis(folder, "--cluster-enabled", "yes", "--cluster-config-file", f"nodes-{number}.conf")
        for number in range(nodes)
    ]


def join_cluster(nodes: list[CacheServer]) -> None:
    """Give each node its share of the slots, and wait until all know of each other."""
    bounds = [16_384 * number // len(nodes) for number in range(len(nodes) + 1)]
    for number, node in enumerate(nodes):
        node.say(f"CLUSTER ADDSLOTSRANGE {bounds[number]} {bounds[number + 1] - 1}")
        node.say(f"CLUSTER SET-CONFIG-EPOCH {number + 1}")
    for node in nodes[1:]:
        nodes[0].say(f"CLUSTER MEET {ADDRESS} {node.port}")
    give_up_s = time.monotonic() + _START_S
    wanted = f"cluster_known_nodes:{len(nodes)}".encode()
    while not all(
        b"cluster_state:ok" in (told := node.say("CLUSTER INFO")) and wanted in told for node in nodes
    ):
        if time.monotonic() > give_up_s:
            raise RuntimeError("the nodes have not become a cluster")
        time.sleep(0.05)
