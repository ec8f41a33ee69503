"""Several processes behind one port: shared, restarted, replaced, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from proxy.setting_values import SettingError
from proxy.settings import Settings
from proxy.supervisor import shared_bytes, supervise
from tests.clients import range_path
from tests.fakes import FakeUpstream, after, always, fake_upstream, matrix
from tests.test_main import ARGUMENTS, ROOT, command, ended
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
        return await self._sum(rf'thanoxy_http_requests_total{{.*handler="{handler}".*}}')

    async def followed(self) -> int:
        """Fetches of one worker that another has taken over."""
        return await self._sum(r'thanoxy_sibling_flights_total{result="followed"}')

    async def _sum(self, series: str) -> int:
        async with aiohttp.ClientSession() as session, session.get(self.url + "/metrics") as response:
            text = await response.text()
        return int(sum(map(float, re.findall(rf"{series} (\S+)", text))))

    async def until_workers(self, condition: object) -> set[int]:
        async with asyncio.timeout(40):
            while not condition(workers := self.workers()):  # type: ignore[operator]  # noqa: ASYNC110  another process's state
                await asyncio.sleep(0.05)
            await self.until_answers()
        return workers

    async def until_answers(self) -> None:
        with contextlib.suppress(aiohttp.ClientError):
            await self.status()


@contextlib.asynccontextmanager
async def fleet(upstream: FakeUpstream | str, *more: str, count: int = 2) -> AsyncIterator[Fleet]:
    port = free_ports(1)[0]
    url = upstream if isinstance(upstream, str) else upstream.url
    own = (*ARGUMENTS[1:], f"--http-address=127.0.0.1:{port}", f"--workers={count}")
    async with command(*own, f"--query-frontend.downstream-url={url}", *more) as process:
        await all_listen(process, count)
        yield Fleet(process, f"http://127.0.0.1:{port}")


async def all_listen(process: asyncio.subprocess.Process, count: int) -> None:
    assert process.stderr is not None
    async with asyncio.timeout(30):
        while count:
            line = await process.stderr.readline()
            assert line, "it has ended"
            count -= b"msg=listening" in line


async def test_both_answer_and_their_metrics_are_added_up(upstream: FakeUpstream) -> None:
    async with fleet(upstream) as found:
        before = await found.count("healthy")
        for _ in range(30):
            assert await found.status() == 200
        async with asyncio.timeout(5):  # the other's plain counts come once a second
            while await found.count("healthy") - before < 30:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
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


async def test_it_greets_once_and_names_the_flags_without_effect_once(upstream: FakeUpstream) -> None:
    flags = ("--http-address=127.0.0.1:0", "--query-frontend.vertical-shards=2")
    downstream = f"--query-frontend.downstream-url={upstream.url}"
    async with command(*ARGUMENTS, "--workers=3", *flags, downstream) as process:
        await all_listen(process, 3)
        process.send_signal(signal.SIGINT)
        output, _ = await process.communicate()
    assert process.returncode == 0
    assert output.count(b"answers at http://127.0.0.1:") == 1
    assert output.count(b"datasource of type Prometheus") == 1
    assert b":0," not in output


async def test_settings_that_a_worker_refuses_end_it_with_one_line_and_exit_code_2() -> None:
    async with command(*ARGUMENTS, "--workers=3", "--http.config=/does/not/exist") as process:
        code, errors = await ended(process)
    assert code == 2
    assert [line[:9] for line in errors.splitlines() if "level=" not in line] == ["thanoxy: "]


def test_without_a_folder_to_write_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)
    settings = Settings(http_address="127.0.0.1:0")
    with pytest.raises(SettingError, match=r"Read-only file system\): mount one at /tmp.*--workers=1"):
        supervise(settings, [], 2)


@pytest.mark.parametrize(
    ("max_size", "bound", "wanted"),
    [("200MiB", 4 << 30, 200 << 20), ("200MiB", 100 << 20, 100 << 20), ("1MiB", 4 << 30, 64 << 20)],
)
def test_what_is_shared_in_a_temporary_folder_is_as_large_as_what_is_kept_in_memory(
    max_size: str, bound: int, wanted: int
) -> None:
    cache = f"{{type: IN-MEMORY, config: {{max_size: {max_size}}}}}"
    assert shared_bytes(Settings(cache_config=cache, cache_dir_bytes=bound)) == wanted


async def test_sigterm_ends_all_of_them(upstream: FakeUpstream) -> None:
    async with fleet(upstream) as found:
        workers = found.workers()
        found.process.send_signal(signal.SIGTERM)
        code, _ = await ended(found.process)
    assert code == 0
    assert not any(is_alive(pid) for pid in workers)


async def test_ctrl_c_of_a_terminal_reaches_the_supervisor_alone(upstream: FakeUpstream) -> None:
    async with fleet(upstream) as found:
        workers = found.workers()
        assert not {os.getpgid(pid) for pid in workers} & {os.getpgid(found.process.pid)}
        found.process.send_signal(signal.SIGINT)
        code, errors = await ended(found.process)
    assert code == 0
    assert "Traceback" not in errors
    assert errors.count("msg=stopping") == 2


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


async def test_what_two_workers_are_asked_at_once_is_fetched_once(upstream: FakeUpstream) -> None:
    gate = asyncio.Event()
    upstream.script = always(after(gate, matrix()))
    async with fleet(upstream) as found:
        asking = [asyncio.create_task(found.status(range_path())) for _ in range(12)]
        await upstream.until(lambda: len(upstream.asked) == 4)
        await asyncio.sleep(0.3)
        gate.set()
        assert set(await asyncio.gather(*asking)) == {200}
        assert len(upstream.asked) == 4
        assert await found.followed() > 0


async def test_a_port_that_is_taken_is_refused(upstream: FakeUpstream) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with command("--workers=2", f"--http-address=127.0.0.1:{port}") as process:
            code, errors = await ended(process)
    assert code == 2
    assert "Address already in use" in errors


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_supervisor_loads_little_of_what_its_workers_need() -> None:
    script = "import sys, proxy.supervisor; print({'numpy', 'aiohttp', 'lmdb'} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "set()\n"
