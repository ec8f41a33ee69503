"""Connections that ask at once and again as soon as they are answered; a client that costs little.

    python -m benchmarks.closed_loop URL PATH CONNECTIONS SECONDS

Prints one line of JSON, an `Outcome`. It speaks just enough HTTP to know where an answer ends, some
20 µs a request, so that one processor asks faster than any of the servers answers on another.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
import urllib.parse
from dataclasses import asdict, dataclass
from typing import cast

import uvloop

from benchmarks.client import AnswerEnd
from benchmarks.machine import started_on
from benchmarks.quantiles import median, percentile


@dataclass(frozen=True)
class Outcome:
    """busy: the share of its time for which the client itself kept a processor."""

    requests: int
    errors: int
    seconds: float
    median_ms: float
    p99_ms: float
    most_ms: float
    busy: float


class _Connection(asyncio.Protocol):
    """Asks, waits for the end of the answer, asks again, until the time is over."""

    def __init__(self, request: bytes, took_s: list[float]) -> None:
        self._request, self._took_s = request, took_s
        self._answer = AnswerEnd()
        self._sent_s = self._deadline_s = 0.0
        self.errors = 0
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def begin(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._ask()

    def _ask(self) -> None:
        self._sent_s = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._answer.feed(data):
            return
        now_s = time.perf_counter()
        self._took_s.append(now_s - self._sent_s)
        self.errors += not self._answer.is_ok
        if now_s < self._deadline_s:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.errors += time.perf_counter() < self._deadline_s
        if not self.over.done():
            self.over.set_result(None)


async def ask_in_a_loop(url: str, path: str, connections: int, seconds: float) -> Outcome:
    """All connect first, then all ask at the same moment."""
    parts = urllib.parse.urlsplit(url)
    request = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept-Encoding: gzip\r\n\r\n".encode()
    took_s: list[float] = []
    loop = asyncio.get_running_loop()
    made = []
    for _ in range(connections):
        _, one = await loop.create_connection(
            lambda: _Connection(request, took_s), parts.hostname or "", parts.port or 80
        )
        made.append(one)
    used_s, begin_s = _processor_s(), time.perf_counter()
    for one in made:
        one.begin(begin_s + seconds)
    for one in made:
        await one.over
    ran_s = time.perf_counter() - begin_s
    return Outcome(
        requests=len(took_s),
        errors=sum(one.errors for one in made),
        seconds=ran_s,
        median_ms=median(took_s) * 1e3,
        p99_ms=percentile(took_s, 99) * 1e3,
        most_ms=max(took_s) * 1e3,
        busy=(_processor_s() - used_s) / ran_s,
    )


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def closed_loop(url: str, path: str, connections: int, seconds: float, cores: set[int]) -> Outcome:
    """The same in a process of its own, on these processors."""
    command = [sys.executable, "-m", "benchmarks.closed_loop", url, path]
    with started_on(cores):
        done = subprocess.run(
            [*command, str(connections), str(seconds)],
            stdout=subprocess.PIPE,
            timeout=seconds + 120,
            check=True,
        )
    return Outcome(**json.loads(done.stdout))


if __name__ == "__main__":
    _url, _path, _connections, _seconds = sys.argv[1:]
    found = uvloop.run(ask_in_a_loop(_url, _path, int(_connections), float(_seconds)))
    print(json.dumps(asdict(found)))
