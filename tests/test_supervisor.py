"""Several processes behind one port: shared, restarted, replaced, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from proxy.supervisor import open_sockets
from tests.clients import range_path
from tests.fakes import FakeUpstream, fake_upstream
from tests.test_main import ARGUMENTS, command, ended
from tests.thanos.loopback import free_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream() as fake:
        yield fake


@dataclass
class Fleet:
    """A supervisor, and where its workers answer."""

    process: asyncio.subprocess.Process
    url: str

    def workers(self) -> set[int]:
        pid = self.process.pid
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
        return {int(child) for child in found.split()}

    async def status(self, path: str = "/-/healthy") -> int:
        """Over a connection of its own, so that any worker may answer."""
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as response:
            await response.read()
            return response.status

    async def count(self, handler: str) -> int:
        async with aiohttp.ClientSession() as session, session.get(self.url + "/metrics") as response:
            text = await response.text()
        found = re.findall(rf'thanoxy_http_requests_total{{.*handler="{handler}".*}} (\S+)', text)
        return int(sum(map(float, found)))

    async def until_workers(self, condition: object) -> set[int]:
        async with asyncio.timeout(20):
            while not condition(workers := self.workers()):  # type: ignore[operator]  # noqa: ASYNC110  another process's state
                await asyncio.sleep(0.05)
            await self.until_answers()
        return workers

    async def until_answers(self) -> None:
        with contextlib.suppress(aiohttp.ClientError):
            await self.status()


@contextlib.asynccontextmanager
async def fleet(upstream: FakeUpstream | str, *more: str) -> AsyncIterator[Fleet]:
    port = free_ports(1)[0]
    url = upstream if isinstance(upstream, str) else upstream.url
    own = (*ARGUMENTS[1:], f"--http-address=127.0.0.1:{port}", "--workers=2")
    async with command(*own, f"--query-frontend.downstream-url={url}", *more) as process:
        found = Fleet(process, f"http://127.0.0.1:{port}")
        async with asyncio.timeout(20):
            while len(found.workers()) < 2:  # noqa: ASYNC110  another process's state
                await asyncio.sleep(0.05)
            for _ in range(2):
                while await first_status(found) != 200:  # noqa: ASYNC110  another process's state
                    await asyncio.sleep(0.05)
        yield found


async def first_status(found: Fleet) -> int:
    try:
        async with asyncio.timeout(2):
            return await found.status()
    except (aiohttp.ClientError, TimeoutError):
        return 0


async def test_both_answer_and_their_metrics_are_added_up(upstream: FakeUpstream) -> None:
    async with fleet(upstream) as found:
        before = await found.count("healthy")
        for _ in range(30):
            assert await found.status() == 200
        assert await found.count("healthy") - before == 30


async def test_a_worker_that_dies_is_started_again_and_nobody_else_notices(
    upstream: FakeUpstream,
) -> None:
    async with fleet(upstream) as found:
        before = found.workers()
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        after = await found.until_workers(lambda pids: len(pids) == 2 and victim not in pids)
        assert len(after & before) == 1
        statuses = await asyncio.gather(*(found.status(range_path()) for _ in range(20)))
        assert set(statuses) == {200}


async def test_replacing_all_under_load_loses_no_request(upstream: FakeUpstream) -> None:
    async with fleet(upstream) as found:
        before = found.workers()
        failed = 0
        asked = 0
        found.process.send_signal(signal.SIGUSR2)
        async with asyncio.timeout(40):
            while found.workers() & before:
                try:
                    failed += await found.status() != 200
                except aiohttp.ClientError:
                    failed += 1
                asked += 1
        assert asked > 20
        assert failed == 0
        assert len(found.workers()) == 2


async def test_sigterm_ends_all_of_them(upstream: FakeUpstream) -> None:
    async with fleet(upstream) as found:
        workers = found.workers()
        found.process.send_signal(signal.SIGTERM)
        code, _ = await ended(found.process)
    assert code == 0
    assert not any(is_alive(pid) for pid in workers)


async def test_workers_do_not_outlive_a_supervisor_that_is_killed(upstream: FakeUpstream) -> None:
    async with fleet(upstream) as found:
        workers = found.workers()
        found.process.kill()
        async with asyncio.timeout(20):
            while any(is_alive(pid) for pid in workers):  # noqa: ASYNC110  another process's state
                await asyncio.sleep(0.05)


async def test_workers_share_what_they_keep(upstream: FakeUpstream, tmp_path: Path) -> None:
    async with fleet(upstream, f"--cache.dir={tmp_path}") as found:
        assert await found.status(range_path()) == 200
        asked = len(upstream.asked)
        await asyncio.sleep(2.5)
        for _ in range(12):
            assert await found.status(range_path()) == 200
        assert len(upstream.asked) == asked
    async with fleet(upstream, f"--cache.dir={tmp_path}") as again:
        assert await again.status(range_path()) == 200
        assert len(upstream.asked) == asked, "it is warm after a restart"


async def test_a_port_that_is_taken_is_refused(upstream: FakeUpstream) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with command("--workers=2", f"--http-address=127.0.0.1:{port}") as process:
            code, errors = await ended(process)
    assert code == 2
    assert "Address already in use" in errors


def test_sockets_share_one_port_that_nobody_else_gets() -> None:
    sockets = open_sockets("127.0.0.1", 0, 3)
    try:
        port = sockets[0].getsockname()[1]
        assert {one.getsockname()[1] for one in sockets} == {port}
        with pytest.raises(OSError, match="in use"):
            open_sockets("127.0.0.1", port, 2)
    finally:
        for one in sockets:
            one.close()


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
