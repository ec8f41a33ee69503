"""Sends hostile requests to a whole proxy, many at once, and judges every answer.

    python -m tests.fuzz.http --requests 1000000 --seed 1

What must hold: never a 500, never a hang, never a traceback in the log; an error that the proxy words
itself is error JSON; the upstream is asked under its own name and below its own path, and for nothing
that a client has smuggled; neither tasks nor descriptors nor memory grow. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import re
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import uvloop
from yarl import URL

from tests.clients import running
from tests.fakes import (
    Asked,
    Behaviour,
    FakeUpstream,
    fake_upstream,
    matrix,
    raw_bytes,
    reply,
)
from tests.fuzz.questions import request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

AT_ONCE = 100
PREFIX = "/prefix"
LATE_S = 10.0
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
WARM = 0.2
OPTIONS: dict[str, Any] = {
    "cache_config": "{type: IN-MEMORY, config: {max_size: 4MB}}",
    "stores_interval_ms": 0,
    "memo_bytes": 1 << 20,
    "admin_api": True,
    "header_timeout_ms": 300,
    "body_timeout_ms": 300,
    "query_timeout_ms": 2_000,
    "max_retries_per_request": 2,
}


@dataclass
class Findings:
    """What was seen. `wrong`: the first few things that must not be."""

    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    sent: int = 0

    def note(self, what: str, sent: bytes, received: bytes = b"") -> None:
        if len(self.wrong) < 20:
            self.wrong.append(f"{what}: {sent[:400]!r} -> {received[:300]!r}")


class _Errors(logging.Handler):
    """Tracebacks in the log."""

    def __init__(self, findings: Findings) -> None:
        super().__init__(logging.WARNING)
        self._findings = findings

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.levelno >= logging.ERROR:
            self._findings.note(f"log: {record.getMessage()} {record.exc_info}", b"")


BAD_DAYS: tuple[Behaviour, ...] = (
    raw_bytes(b""),
    reply(503, b"<html>", "text/html"),
    reply(422, b'{"status":"error","errorType":"execution","error":"x"}'),
)


def script(asked: Asked) -> Behaviour:
    """Mostly right answers; some that break off, are late errors, or are none."""
    if random.random() < 0.1:
        return random.choice(BAD_DAYS)
    if asked.path != f"{PREFIX}/api/v1/query_range":
        return reply(200, b'{"status":"success","data":[]}')
    try:
        is_small = asked.grid.steps <= 11_000
    except (AssertionError, ArithmeticError, KeyError, ValueError):
        is_small = False
    refused = reply(400, b'{"status":"error","errorType":"bad_data","error":"x"}')
    return matrix() if is_small else refused


async def fuzz(requests: int, seed: int) -> tuple[Findings, dict[str, Any]]:
    """Send so many requests; what was found, and the figures."""
    findings = Findings()
    handler = _Errors(findings)
    logging.getLogger("thanoxy").addHandler(handler)
    began_s = time.monotonic()
    try:
        async with (
            fake_upstream() as upstream,
            running(upstream.url + PREFIX, **OPTIONS) as proxy,
        ):
            upstream.script = script
            upstream.asked = asked = _Forgetful(upstream.url.removeprefix("http://"), findings)
            chance = random.Random(seed)
            before = await _batch(proxy.app.url, int(requests * WARM), chance, findings, upstream)
            after = await _batch(
                proxy.app.url, requests - int(requests * WARM), chance, findings, upstream
            )
            await asyncio.sleep(0.5)
            left = {"in_flight_bytes": proxy.app.engine.admission.memory.used_bytes}
    finally:
        logging.getLogger("thanoxy").removeHandler(handler)
    took_s = time.monotonic() - began_s
    figures = {
        "requests": findings.sent,
        "seed": seed,
        "per_second": round(findings.sent / took_s),
        "statuses": dict(sorted(findings.statuses.items())),
        "rss_mb": [round(before[0]), round(after[0])],
        "descriptors": [before[1], after[1]],
        "tasks": [before[2], after[2]],
        "asked_upstream": asked.total,
        **left,
        "wrong": len(findings.wrong),
    }
    return findings, figures


class _Forgetful(list[Asked]):
    """Remembers nothing: a million requests are too many. Looks at what it forgets."""

    def __init__(self, host: str, findings: Findings) -> None:
        super().__init__()
        self._host = host
        self._findings = findings
        self.total = 0

    def append(self, asked: Asked) -> None:
        """Not kept."""
        self.total += 1
        path = unquote(unquote(asked.path)).replace("\\", "/")
        line = f"{asked.method} {asked.raw_path}".encode("utf-8", "replace")
        if asked.header("Host") != [self._host]:
            self._findings.note("another host", line)
        if not path.startswith(PREFIX) or ".." in path.split("/"):
            self._findings.note("outside of the upstream's path", line)
        if asked.method in {"TRACE", "CONNECT"} or asked.header("Upgrade") or asked.header("TE"):
            self._findings.note("passed on", line)
        if len(asked.header("Transfer-Encoding")) + len(asked.header("Content-Length")) > 1:
            self._findings.note("two lengths", line)


async def _batch(
    url: str, count: int, chance: random.Random, findings: Findings, upstream: FakeUpstream
) -> tuple[float, int, int]:
    """Some senders side by side; then memory (MB), open descriptors and tasks when all is quiet."""
    seeds = [chance.randrange(1 << 60) for _ in range(AT_ONCE)]
    async with asyncio.TaskGroup() as group:
        for seed in seeds:
            group.create_task(_sender(url, count // AT_ONCE, random.Random(seed), findings))
    await upstream.until(lambda: not upstream.running, timeout_s=30)
    await asyncio.sleep(1)
    return (*_held(), len(asyncio.all_tasks()))


def _held() -> tuple[float, int]:
    """Memory (MB) and open descriptors of this process."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(list(Path("/proc/self/fd").iterdir()))


async def _sender(url: str, count: int, chance: random.Random, findings: Findings) -> None:
    left = count
    while left > 0:
        async with _connection(url) as (reader, writer):
            for _ in range(min(left, chance.choice((1, 5, 20)))):
                left -= 1
                findings.sent += 1
                if not await _exchange(reader, writer, request(chance), findings):
                    break


@asynccontextmanager
async def _connection(
    url: str,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    address = URL(url)
    reader, writer = await asyncio.open_connection(address.host, address.port, limit=1 << 22)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes, findings: Findings
) -> bool:
    """Send, read an answer, judge it; False when the connection is of no more use."""
    try:
        writer.write(sent)
        async with asyncio.timeout(LATE_S):
            head = await reader.readuntil(b"\r\n\r\n")
            while head.startswith(b"HTTP/1.1 100"):
                head = await reader.readuntil(b"\r\n\r\n")
            body = await _body(reader, head) if not sent.startswith(b"HEAD") else b""
    except asyncio.IncompleteReadError as error:
        findings.statuses["closed"] += 1
        if b"HTTP/1.1 500" in error.partial:
            findings.note("500", sent, error.partial)
        return False
    except (OSError, asyncio.LimitOverrunError):
        findings.statuses["reset"] += 1
        return False
    except TimeoutError:
        findings.note("hang", sent)
        return False
    return _judge(head, body, sent, findings)


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    lower = head.lower()
    if found := re.search(rb"content-length: (\d+)", lower):
        return await reader.readexactly(int(found[1]))
    if b"transfer-encoding: chunked" not in lower:
        return b""
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body


def _judge(head: bytes, body: bytes, sent: bytes, findings: Findings) -> bool:
    found = STATUS.match(head)
    if found is None:
        findings.note("no status line", sent, head)
        return False
    status = found[1].decode()
    findings.statuses[status] += 1
    if status == "500":
        findings.note("500", sent, head + body)
    is_json = b"application/json" in head and b"content-encoding" not in head.lower()
    if status >= "400" and is_json and body:
        try:
            said = json.loads(body)
        except ValueError:
            findings.note("an error that is no JSON", sent, body)
        else:
            if not isinstance(said, dict) or said.get("status") != "error":
                findings.note("an error without its shape", sent, body)
    if b"Traceback" in body:
        findings.note("traceback", sent, body)
    return b"connection: close" not in head.lower() and status not in {"400", "408", "431"}


def main(arguments: list[str]) -> int:
    """Returns the exit status: 1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.http", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    findings, figures = uvloop.run(fuzz(options.requests, options.seed))
    for one in findings.wrong:
        sys.stderr.write(f"{one}\n")
    sys.stdout.write(json.dumps(figures) + "\n")
    return int(bool(findings.wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
