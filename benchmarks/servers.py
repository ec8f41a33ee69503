"""Servers that benchmarks compare, as child processes on loopback, and a client that only reads."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from scripts.real_servers import binary
from tests.thanos.loopback import free_ports

if TYPE_CHECKING:
    from types import TracebackType

_STATUS = re.compile(r"^(VmHWM|VmRSS):\s+(\d+) kB", re.MULTILINE)


class Client:
    """One kept connection to a server; reads answers and throws them away."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
        self._buffer = bytearray(1 << 20)

    def ask(self, path: str, gzip: bool) -> int:
        """Ask and read to the end; the number of bytes of the body as sent.

        Raises:
            SystemExit: an answer other than 200.
        """
        headers = {"Accept-Encoding": "gzip" if gzip else "identity"}
        self._connection.request("GET", path, headers=headers)
        answer = self._connection.getresponse()
        size = 0
        while read := answer.readinto(self._buffer):
            size += read
        if answer.status != HTTPStatus.OK:
            raise SystemExit(f"{path} answered {answer.status}: {bytes(self._buffer[:500])!r}")
        return size


class Server:
    """A child process on loopback. Its address and what it uses."""

    url: str

    def start(self, arguments: list[str], **options: Any) -> None:
        self._process = subprocess.Popen(arguments, **options)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)

    def rss_bytes(self) -> int:
        return self._status("VmRSS")

    def peak_rss_bytes(self) -> int:
        return self._status("VmHWM")

    def cpu_s(self) -> float:
        """Processor time used so far, by all threads."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _status(self, name: str) -> int:
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        sizes = {key: int(value) * 1024 for key, value in _STATUS.findall(text)}
        return sizes[name]


class Thanoxy(Server):
    """A thanoxy of this checkout, in a process of its own."""

    def __init__(self, upstream: str, *flags: str) -> None:
        self._arguments = [
            sys.executable,
            "-m",
            "proxy",
            "--http-address=127.0.0.1:0",
            "--log.level=warn",
            f"--query-frontend.downstream-url={upstream}",
            *flags,
        ]

    def __enter__(self) -> Self:
        self.start(self._arguments, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := re.match(r"thanoxy answers at (\S+),", line):
                self.url = found.group(1)
                return self
        raise SystemExit("thanoxy did not start")


class QueryFrontend(Server):
    """`thanos query-frontend` with an in-memory cache and without moving timestamps."""

    def __init__(self, upstream: str, *flags: str) -> None:
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self._arguments = [
            str(binary("thanos")),
            "query-frontend",
            f"--http-address=127.0.0.1:{port}",
            f"--query-frontend.downstream-url={upstream}",
            "--query-range.response-cache-config=type: IN-MEMORY\nconfig: {max_size: 2GB}",
            "--query-frontend.compress-responses",
            "--no-query-range.align-range-with-step",
            "--log.level=error",
            *flags,
        ]

    def __enter__(self) -> Self:
        arguments = [argument.replace("\\n", "\n") for argument in self._arguments]
        self.start(arguments, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                Client(self.url).ask("/-/ready", gzip=False)
            except (OSError, SystemExit):
                time.sleep(0.05)
            else:
                return self
        raise SystemExit("thanos query-frontend did not start")


def requests_per_core_second(server: Server, path: str, gzip: bool, seconds: float = 4) -> float:
    """Eight connections ask as fast as they are answered; requests over processor time."""
    before_s = server.cpu_s()
    deadline_s = time.monotonic() + seconds
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(_ask_until, server.url, path, gzip, deadline_s) for _ in range(8)]
        requests = sum(job.result() for job in jobs)
    return requests / (server.cpu_s() - before_s)


def _ask_until(url: str, path: str, gzip: bool, deadline_s: float) -> int:
    client = Client(url)
    requests = 0
    while time.monotonic() < deadline_s:
        client.ask(path, gzip)
        requests += 1
    return requests
