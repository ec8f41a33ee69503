"""Many clients ask for 46 MB answers at once, of a proxy with 1 GiB; small queries keep coming.

    python -m benchmarks.memory_flood [--clients 200] [--limit-mb 1024] [--quick]

Each row is a proxy of its own: what the clients got, how long the small queries took, and the most
memory that the proxy had. A large query may be refused (429, 422); a small one may not, and the
proxy has to live.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import re
import resource
import statistics
import sys
import time
import urllib.parse
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import aiohttp
import uvloop
from aiohttp import web

from benchmarks.generated_upstream import Answers, generated_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from multiprocessing.queues import Queue

MB = 1 << 20
LIMIT_BYTES = 1 << 30
_SLICE_BYTES = 1 << 18
_SMALL_SERIES, _SMALL_STEPS = 20, 100
_PAUSE_S = 0.05
_STATUS = re.compile(r"^(VmHWM|VmPeak):\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Shape:
    """Large answers: 46 MB in one split, or in several."""

    series: int = 1_000
    steps: int = 1_400
    step_s: int = 60

    def path(self, turn: object) -> str:
        return generated_path(self.series, turn, self.steps, self.step_s)


ONE_SPLIT = Shape()
SEVEN_SPLITS = Shape(step_s=432)


class Asked(NamedTuple):
    """What a client got, and how long it took. text: of an error."""

    status: int
    size_bytes: int
    took_s: float
    text: str = ""


@dataclass(slots=True)
class Seen:
    """What came of a flood."""

    large: list[Asked] = field(default_factory=list)
    small: list[Asked] = field(default_factory=list)
    peak_rss_bytes: int = 0
    peak_address_bytes: int = 0

    @property
    def statuses(self) -> Counter[int]:
        return Counter(asked.status for asked in self.large)

    @property
    def lost(self) -> list[Asked]:
        """Small queries that were not answered."""
        return [asked for asked in self.small if asked.status != 200]

    @property
    def slowest_small_s(self) -> float:
        return max(asked.took_s for asked in self.small)


def _main(ports: Queue[int]) -> None:
    uvloop.run(_serve(ports))


async def _serve(ports: Queue[int]) -> None:
    """Answers from one copy of each body, however many ask."""
    answers = Answers()
    bodies: dict[tuple[str, ...], bytes] = {}

    async def query_range(request: web.Request) -> web.StreamResponse:
        form = dict(urllib.parse.parse_qsl((await request.read()).decode()))
        series = form["query"].partition('"')[2].partition('"')[0]
        window = series, form["start"], form["end"], form["step"]
        if window not in bodies:
            bodies[window] = answers.body(form)
        body = memoryview(bodies[window])
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = len(body)
        await response.prepare(request)
        for at in range(0, len(body), _SLICE_BYTES):
            await response.write(body[at : at + _SLICE_BYTES])
        await response.write_eof()
        return response

    app = web.Application()
    app.router.add_route("*", "/api/v1/query_range", query_range)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ports.put(runner.addresses[0][1])
    await asyncio.Event().wait()


@asynccontextmanager
async def upstream() -> AsyncIterator[str]:
    """The URL of an upstream in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    ports: Queue[int] = spawn.Queue()
    process = spawn.Process(target=_main, args=(ports,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{await asyncio.to_thread(ports.get, timeout=20)}"
    finally:
        process.terminate()
        process.join(10)


@dataclass(frozen=True, slots=True)
class LimitedProxy:
    """A proxy process whose address space is bounded."""

    url: str
    pid: int
    process: asyncio.subprocess.Process

    def peaks(self) -> tuple[int, int]:
        """The most memory that was resident, and the most that was mapped."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        sizes = {name: int(value) * 1024 for name, value in _STATUS.findall(text)}
        return sizes["VmHWM"], sizes["VmPeak"]


@asynccontextmanager
async def limited_proxy(
    upstream_url: str, limit_bytes: int, *flags: str
) -> AsyncIterator[LimitedProxy]:
    """A proxy with the default settings of a machine of this size."""

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "proxy",
        "--workers=1",
        "--http-address=127.0.0.1:0",
        "--log.level=warn",
        "--cache.stores-interval=0",
        "--upstream.probe-interval=0",
        f"--query-frontend.downstream-url={upstream_url}",
        *flags,
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=bound,
        cwd=Path(__file__).parent.parent,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            while not (found := re.search(rb"answers at (\S+),", await process.stdout.readline())):
                pass
        yield LimitedProxy(found.group(1).decode(), process.pid, process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def ask(client: aiohttp.ClientSession, url: str, gzip: bool) -> Asked:
    """Read an answer and forget it; a connection that breaks has the status 0."""
    began_s, size_bytes = time.perf_counter(), 0
    try:
        headers = {"Accept-Encoding": "gzip" if gzip else "identity"}
        async with client.get(url, headers=headers) as answer:
            text = b""
            async for chunk in answer.content.iter_any():
                size_bytes += len(chunk)
                if answer.status != 200:
                    text += chunk
            return Asked(answer.status, size_bytes, time.perf_counter() - began_s, text.decode())
    except (aiohttp.ClientError, OSError) as error:
        return Asked(0, size_bytes, time.perf_counter() - began_s, repr(error))


def session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=600),
    )


def _ask_all(answers: Queue[list[Asked]], urls: list[str], gzip: bool) -> None:
    """All at once, in a process of its own: the small queries' times shall not be a client's."""

    async def ask_all() -> list[Asked]:
        async with session() as client:
            return await asyncio.gather(*(ask(client, url, gzip) for url in urls))

    answers.put(uvloop.run(ask_all()))


async def flood(proxy: LimitedProxy, paths: list[str], gzip: bool, pause_s: float = _PAUSE_S) -> Seen:
    """All paths at once, and small queries until the last of them is answered."""
    seen = Seen()
    spawn = multiprocessing.get_context("spawn")
    answers: Queue[list[Asked]] = spawn.Queue()
    urls = [proxy.url + path for path in paths]
    clients = spawn.Process(target=_ask_all, args=(answers, urls, gzip), daemon=True)
    clients.start()
    large = asyncio.ensure_future(asyncio.to_thread(answers.get, timeout=600))
    async with session() as small:
        for number in _numbers():
            path = generated_path(_SMALL_SERIES, f"small{number}", _SMALL_STEPS, 60)
            seen.small.append(await ask(small, proxy.url + path, gzip=True))
            if large.done():
                break
            await asyncio.sleep(pause_s)
    seen.large = await large
    clients.join(10)
    assert proxy.process.returncode is None, "the proxy is gone"
    seen.peak_rss_bytes, seen.peak_address_bytes = proxy.peaks()
    return seen


def _numbers() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


class Case(NamedTuple):
    """warm: the same was asked before, one after another. same: all ask one query."""

    shape: Shape
    gzip: bool
    warm: bool
    same: bool

    def __str__(self) -> str:
        state, encoding = "warm" if self.warm else "cold", "gzip" if self.gzip else "identity"
        asked = "one query" if self.same else "all different"
        return f"{state} {encoding}, {asked}, {1 if self.shape is ONE_SPLIT else 7} splits"

    def paths(self, clients: int) -> list[str]:
        return [self.shape.path(0 if self.same else number) for number in range(clients)]


async def run(case: Case, upstream_url: str, clients: int, limit_bytes: int, *flags: str) -> Seen:
    """One proxy, one flood."""
    async with limited_proxy(upstream_url, limit_bytes, *flags) as proxy:
        paths = case.paths(clients)
        if case.warm:
            async with session() as client:
                for path in paths[-12:]:
                    await ask(client, proxy.url + path, case.gzip)
        return await flood(proxy, paths, case.gzip)


def report(case: Case, seen: Seen, took_s: float) -> str:
    small = sorted(asked.took_s for asked in seen.small)
    statuses = ", ".join(f"{count} x {status}" for status, count in sorted(seen.statuses.items()))
    return (
        f"{case!s:44} {statuses:28} in {took_s:5.1f} s   small: {len(small)}, lost {len(seen.lost)}, "
        f"median {statistics.median(small):.3f} s, p99 {small[int(len(small) * 0.99)]:.3f} s, "
        f"slowest {small[-1]:.3f} s   "
        f"RSS {seen.peak_rss_bytes / MB:.0f} MB, mapped {seen.peak_address_bytes / MB:.0f} MB"
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--limit-mb", type=int, default=LIMIT_BYTES // MB)
    parser.add_argument("--quick", action="store_true", help="fewer cases")
    parser.add_argument("--only", default="", help="cases whose names contain this")
    wanted = parser.parse_args()
    cases = [
        Case(shape, gzip, warm, same)
        for shape in ((ONE_SPLIT,) if wanted.quick else (ONE_SPLIT, SEVEN_SPLITS))
        for warm in (False, True)
        for gzip in (True, False)
        for same in (True, False)
    ]
    async with upstream() as url:
        for case in cases:
            if wanted.only not in str(case):
                continue
            began_s = time.perf_counter()
            seen = await run(case, url, wanted.clients, wanted.limit_mb * MB)
            sys.stdout.write(report(case, seen, time.perf_counter() - began_s) + "\n")
            for asked in {a.text: a for a in [*seen.large, *seen.small] if a.status != 200}.values():
                sys.stdout.write(f"    {asked.status}: {asked.text[:300]}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
