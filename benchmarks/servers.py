"""Servers that benchmarks compare, as child processes on loopback, and a client that only reads."""

from __future__ import annotations

import atexit
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import yaml

from benchmarks.client import Client
from scripts.real_servers import binary
from tests.thanos.loopback import free_ports

if TYPE_CHECKING:
    from types import TracebackType

LARGE_CACHE = "2GB"
_STATUS = re.compile(r"^(VmHWM|VmRSS):\s+(\d+) kB", re.MULTILINE)


def cache_flag(size: str) -> str:
    """The size of the results cache, as thanoxy and query-frontend take it."""
    return f"--query-range.response-cache-config={{type: IN-MEMORY, config: {{max_size: {size}}}}}"


class Server:
    """A child process on loopback. Its address and what it uses."""

    url: str

    def __enter__(self) -> Self:
        raise NotImplementedError

    def start(self, arguments: list[str], **options: Any) -> None:
        self._process = subprocess.Popen(arguments, **options)
        atexit.register(self._process.kill)  # an interruption while it starts would leave it behind

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)

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
    """A thanoxy of this checkout, in a process of its own. `_stderr`: where its log goes."""

    _stderr: IO[bytes] | None = None

    def __init__(self, upstream: str, *flags: str) -> None:
        self._arguments = [
            sys.executable,
            "-m",
            "proxy",
            "--workers=1",
            "--http-address=127.0.0.1:0",
            "--log.level=warn",
            f"--query-frontend.downstream-url={upstream}",
            *flags,
        ]

    def __enter__(self) -> Self:
        self.start(self._arguments, stdout=subprocess.PIPE, stderr=self._stderr, text=True)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := re.match(r"thanoxy answers at (\S+),", line):
                self.url = found.group(1)
                return self
        raise SystemExit("thanoxy did not start")


def wait_until_ready(server: Server, path: str) -> None:
    """Wait until a server answers 200.

    Raises:
        SystemExit: it does not within ten seconds.
    """
    for _ in range(200):
        try:
            Client(server.url).ask(path, gzip=False)
        except (OSError, SystemExit):
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"{type(server).__name__} does not start")


class QueryFrontend(Server):
    """`thanos query-frontend` with an in-memory cache, by default without moving timestamps."""

    def __init__(
        self, upstream: str, *flags: str, align: bool = False, cache: str = LARGE_CACHE
    ) -> None:
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self._arguments = [
            str(binary("thanos")),
            "query-frontend",
            f"--http-address=127.0.0.1:{port}",
            f"--query-frontend.downstream-url={upstream}",
            cache_flag(cache),
            "--query-frontend.compress-responses",
            f"--{'' if align else 'no-'}query-range.align-range-with-step",
            "--log.level=error",
            *flags,
        ]

    def __enter__(self) -> Self:
        self.start(self._arguments, stderr=subprocess.DEVNULL)
        wait_until_ready(self, "/-/ready")
        return self


class Cortex(Server):
    """The Cortex query-frontend with its fifocache, in front of Thanos Query."""

    def __init__(self, upstream: str, cache: str = LARGE_CACHE) -> None:
        http_port, grpc_port = free_ports(2)
        self.url = f"http://127.0.0.1:{http_port}"
        self._folder = tempfile.TemporaryDirectory(prefix="thanoxy-cortex-")
        config = {
            "target": "query-frontend",
            "auth_enabled": False,
            "http_prefix": "",
            "server": {
                "http_listen_address": "127.0.0.1",
                "grpc_listen_address": "127.0.0.1",
                "http_listen_port": http_port,
                "grpc_listen_port": grpc_port,
                "log_level": "error",
            },
            "api": {"prometheus_http_prefix": "", "response_compression_enabled": True},
            "frontend": {"downstream_url": upstream},
            "query_range": {
                "split_queries_by_interval": "24h",
                "align_queries_with_step": False,
                "cache_results": True,
                "results_cache": {
                    "cache": {
                        "enable_fifocache": True,
                        "fifocache": {"max_size_bytes": cache, "validity": "24h"},
                    }
                },
            },
        }
        path = Path(self._folder.name) / "cortex.yaml"
        path.write_text(yaml.safe_dump(config))
        self._arguments = [str(binary("cortex")), f"-config.file={path}"]

    def __enter__(self) -> Self:
        devnull = subprocess.DEVNULL
        self.start(self._arguments, cwd=self._folder.name, stdout=devnull, stderr=devnull)
        wait_until_ready(self, "/ready")
        return self


class Other(Server):
    """A peer that runs already (`--peer NAME=URL`): its processor time and memory are not known."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def __enter__(self) -> Self:
        wait_until_ready(self, "/api/v1/query?query=1")
        return self

    def __exit__(self, *_: object) -> None:
        """It is not ours to stop."""

    def cpu_s(self) -> float:
        return math.nan

    def rss_bytes(self) -> int:
        return 0

    def peak_rss_bytes(self) -> int:
        return 0


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
