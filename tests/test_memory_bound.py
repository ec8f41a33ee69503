"""A cache that is filled several times over stays within its bound, as the kernel counts it."""

from __future__ import annotations

import asyncio
import random
import re
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from proxy.model.grid import Grid
from tests.bodies import SeriesPoints, body_of
from tests.fakes import fake_upstream, reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MB = 1 << 20
MAX_BYTES = 48 * MB
GRID = Grid(1_699_920_000_000, 60_000, 1_000)  # within one split
SERIES = 200
FILLS = 60


def large_body() -> bytes:
    """200 series of 1,000 points with 17 digits: some 7 MB of text, 2.4 MB kept."""
    drawn = random.Random(1)
    series: SeriesPoints = {
        f'{{"instance":"host-{number:03d}"}}': {
            step: (repr(drawn.random()), False) for step in range(GRID.steps)
        }
        for number in range(SERIES)
    }
    return body_of(series, GRID)


@asynccontextmanager
async def proxy_process(upstream_url: str) -> AsyncIterator[tuple[str, int]]:
    """A proxy as a process of its own: its URL and number."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "proxy",
        "--workers=1",
        "--http-address=127.0.0.1:0",
        "--log.level=error",
        "--cache.stores-interval=0",
        f"--query-frontend.downstream-url={upstream_url}",
        f"--query-range.response-cache-config={{type: IN-MEMORY, config: {{max_size: {MAX_BYTES}}}}}",
        "--cache.memo-bytes=1MB",
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            while not (found := re.search(rb"answers at (\S+),", await process.stdout.readline())):
                pass
        yield found.group(1).decode(), process.pid
    finally:
        process.terminate()
        await process.wait()


def rss_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found.group(1)) * 1024


async def test_memory_after_filling_the_cache_three_times_over_is_bounded() -> None:
    body = large_body()
    window = f"start={GRID.start_ms // 1000}&end={GRID.last_ms // 1000}&step=60"
    async with (
        fake_upstream() as upstream,
        proxy_process(upstream.url) as (url, pid),
        aiohttp.ClientSession(auto_decompress=False) as client,
    ):
        upstream.script = lambda _asked: reply(200, body)
        for number in range(FILLS):
            path = f"/api/v1/query_range?query=x{number}&{window}"
            async with client.get(url + path, headers={"Accept-Encoding": "gzip"}) as answer:
                assert answer.status == 200
                await answer.read()
        async with client.get(url + "/metrics") as answer:
            metrics = await answer.text()
        held = float(re.findall(r"^thanoxy_cache_bytes (\S+)", metrics, re.MULTILINE)[0])
        evicted = float(
            re.findall(r"^thanoxy_cache_evicted_extents_total (\S+)", metrics, re.MULTILINE)[0]
        )
        assert 0.8 * MAX_BYTES < held <= MAX_BYTES, "the cache is full"
        assert evicted > 0
        assert rss_bytes(pid) < 1.3 * MAX_BYTES + 100 * MB, f"{rss_bytes(pid) / MB:.0f} MB"
