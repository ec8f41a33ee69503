"""Workers that start late, or cannot be started now."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from proxy import supervisor
from proxy.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from pathlib import Path

    from proxy.supervisor import Worker

LATE_WORKER = """
import os, time
time.sleep(0.3)
if ready := os.environ.get("THANOXY_READY_FD"):
    os.write(int(ready), b"ready")
time.sleep(60)
"""


@contextlib.asynccontextmanager
async def supervised(script: str, tmp_path: Path) -> AsyncIterator[Supervisor]:
    """Two processes that are no proxies."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    one = Supervisor([sys.executable, "-c", script], environment)
    with socket.create_server(("127.0.0.1", 0)) as a, socket.create_server(("127.0.0.1", 0)) as b:
        running = asyncio.create_task(one.run([a, b]))
        try:
            yield one
        finally:
            one.stopping.set()
            await running


async def all_run(supervised: Supervisor) -> None:
    async with asyncio.timeout(20):
        while not supervised.workers or not all(map(lives, supervised.workers)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def lives(worker: Worker) -> bool:
    return worker.process is not None and worker.process.returncode is None


@pytest.fixture
def metrics_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    return tmp_path


def run(scenario: Coroutine[None, None, None]) -> None:
    """In a loop as the supervisor's own; it is not uvloop's."""
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(scenario)


def test_a_first_worker_that_takes_its_time_is_followed_by_the_others(
    metrics_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with supervised(LATE_WORKER, metrics_folder) as found:
            await all_run(found)

    monkeypatch.setattr(supervisor, "_START_TIMEOUT_S", 0.05)
    run(scenario())


def test_where_there_is_no_memory_for_a_new_worker_the_others_stay_and_it_comes_later(
    metrics_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, refusals = Supervisor._start, [OSError(errno.ENOMEM, "no memory")]

    async def fails_once(self: Supervisor, *rest: Any) -> asyncio.subprocess.Process:
        if refusals:
            raise refusals.pop()
        return await start(self, *rest)

    async def scenario() -> None:
        async with supervised(LATE_WORKER, metrics_folder) as found:
            await all_run(found)
            monkeypatch.setattr(Supervisor, "_start", fails_once)
            stays, goes = (worker.process for worker in found.workers)
            assert stays
            assert goes
            goes.kill()
            await goes.wait()
            await all_run(found)
            assert not refusals
            assert stays.returncode is None

    run(scenario())
