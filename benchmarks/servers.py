"""Servers that benchmarks compare, as child processes on loopback, and a client that only reads."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

_STATUS = re.compile(r"^(VmHWM|VmRSS):\s+(\d+) kB", re.MULTILINE)


def ask(url: str, gzip: bool) -> int:
    """Ask and read to the end; the number of bytes of the body as sent.

    Raises:
        SystemExit: an answer other than 200.
    """
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    headers = {"Accept-Encoding": "gzip" if gzip else "identity"}
    connection.request("GET", f"{parts.path}?{parts.query}", headers=headers)
    answer = connection.getresponse()
    size = 0
    buffer = bytearray(1 << 20)
    while read := answer.readinto(buffer):
        size += read
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"{url} answered {answer.status}: {bytes(buffer[:500])!r}")
    return size


class Thanoxy:
    """A thanoxy of this checkout, in a process of its own."""

    def __init__(self, upstream: str, *flags: str) -> None:
        self._arguments = [
            sys.executable,
            "-m",
            "proxy",
            "--http-address=127.0.0.1:0",
            f"--query-frontend.downstream-url={upstream}",
            *flags,
        ]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._arguments, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := re.match(r"thanoxy answers at (\S+),", line):
                self.url = found.group(1)
                return self
        raise SystemExit("thanoxy did not start")

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

    def _status(self, name: str) -> int:
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        sizes = {key: int(value) * 1024 for key, value in _STATUS.findall(text)}
        return sizes[name]
