"""Four workers share a tier, whose server is killed, paused and emptied meanwhile: Thanos's bytes."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.differential.asking import TIMEOUT_S, Server, session
from tests.differential.cases import Case, draw_case
from tests.differential.modes import Finding, Sides, judged
from tests.differential.test_differential import report
from tests.differential.windows import HOUR_MS, Window
from tests.store.cache_servers import memcached, redis
from tests.test_supervisor import Fleet, fleet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.store.cache_servers import CacheServer
    from tests.thanos.cluster import ThanosCluster

INTERVAL_MS = 6 * HOUR_MS
ASKED = 6
"""Times that each question is asked, each time over a connection of its own."""
TOGETHER = 4
"""Before that, so many ask at once: workers that find each other at it take over what one fetches."""
WRITTEN_S = 2.5
"""After so long an answer is confirmed by a look at the stores, and in the tier."""
CLIENTS = 12
FLUSH = {"memcached": "flush_all", "redis": "FLUSHALL"}
SERVERS = {"memcached": memcached, "redis": redis}


@contextlib.contextmanager
def tier(kind: str, folder: Path) -> Iterator[tuple[str, CacheServer | None]]:
    """The flag for a tier, and its server if it has one."""
    if kind == "lmdb":
        yield f"--cache.dir={folder}", None
        return
    with SERVERS[kind](folder) as server:
        address = (
            f"addresses: ['{server.address}']" if kind == "memcached" else f"addr: '{server.address}'"
        )
        text = f"{{type: {kind.upper()}, config: {{{address}}}}}"
        yield f"--query-range.response-cache-config={text}", server


async def trouble(kind: str, server: CacheServer) -> None:
    """Again and again: killed and started, paused, emptied; and some seconds of peace."""
    for turn in range(10_000):
        await asyncio.sleep(1.5)
        if turn % 3 == 0:
            await asyncio.to_thread(server.restart)
        elif turn % 3 == 1:
            server.pause()
            await asyncio.sleep(0.3)
            server.go_on()
        else:
            await asyncio.to_thread(server.say, FLUSH[kind])


@contextlib.asynccontextmanager
async def four_workers(thanos_url: str, flag: str) -> AsyncIterator[tuple[Sides, Fleet]]:
    flags = ("--cache.stores-interval=500ms", "--query-range.split-interval=6h", flag)
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with (
        fleet(thanos_url, *flags, count=4) as found,
        session() as direct,
        aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            skip_auto_headers=("Content-Type",),
            max_line_size=1 << 17,
            max_field_size=1 << 17,
        ) as fresh,
    ):
        thanoxy = Server("thanoxy", found.url, fresh)
        yield Sides(Server("thanos", thanos_url, direct), thanoxy, INTERVAL_MS), found


async def asked_of_all(case: Case, sides: Sides) -> Finding | None:
    """A window beside it first; then the question, of whichever workers take the connections."""
    chance = random.Random(f"workers {case.seed} {case.number}")
    moved = case.window.moved(chance.randint(-case.window.steps, case.window.steps))
    await sides.thanoxy.ask(case.at(moved))
    expected = await sides.thanos.ask(case.request)
    together = await asyncio.gather(*(sides.thanoxy.ask(case.request) for _ in range(TOGETHER)))
    for found in together:
        if finding := await judged(case, sides, expected, found):
            return finding
    for turn in range(ASKED):
        found = await sides.thanoxy.ask(case.request)
        if finding := await judged(case, sides, expected, found):
            return finding
        if turn == 1:
            await asyncio.sleep(WRITTEN_S)
        elif turn > 1:
            sides.answers[found.held] += 1
    return None


@pytest.mark.parametrize("kind", ["lmdb", "memcached", "redis"])
async def test_whichever_worker_answers_it_is_the_answer_of_thanos_query(
    thanos: ThanosCluster,
    data: Window,
    pytestconfig: pytest.Config,
    tmp_path: Path,
    kind: str,
) -> None:
    seed, count = pytestconfig.getoption("seed"), pytestconfig.getoption("cases") // 6
    drawn = (draw_case(seed, number, data) for number in range(count))
    cases = iter([case for case in drawn if not case.doubt])
    found: list[Finding] = []

    async def client(sides: Sides) -> None:
        for case in cases:
            finding = await asked_of_all(case, sides)
            if finding is not None and not finding.is_excused:
                found.append(finding)

    with tier(kind, tmp_path) as (flag, server):
        async with four_workers(thanos.query_url, flag) as (sides, workers):
            troubling = asyncio.create_task(trouble(kind, server)) if server else None
            async with asyncio.TaskGroup() as group:
                for _ in range(CLIENTS):
                    group.create_task(client(sides))
            if troubling:
                troubling.cancel()
                assert not troubling.done()
            assert await workers.followed() > 0
    assert not found, report(found, pytestconfig)
    # Some of the cases are of times to come, or carry warnings: those are never kept for long.
    missed = sides.answers["miss"] + sides.answers["partial"]
    assert sides.answers["hit"] > missed * (2 if kind == "lmdb" else 0.5), sides.answers
