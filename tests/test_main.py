"""The command, as a process: what it prints, how it refuses, how it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from yarl import URL

from proxy.__main__ import main
from proxy.model.grid import Grid
from tests.clients import Answer, range_path
from tests.fakes import FakeUpstream, after, always, fake_upstream, matrix, matrix_body, reply
from tests.thanos.processes import start_watchdog, stop_watchdog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

ROOT = Path(__file__).resolve().parent.parent
ARGUMENTS = (
    "--http-address=127.0.0.1:0",
    "--query-range.split-interval=1h",
    "--cache.stores-interval=0",
    "--upstream.probe-interval=0",
    "--workers=1",
)
LOGFMT = re.compile(
    r'ts=\S+ level=(debug|info|warn|error) msg=("[^"]*"|\S+)( \w+=("([^"\\]|\\.)*"|\S*))*'
)


@contextlib.asynccontextmanager
async def command(*arguments: str, **environment: str) -> AsyncIterator[Process]:
    """A process of the command, which does not outlive the test."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("THANOXY_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy", *arguments,
        stdout=PIPE, stderr=PIPE, cwd=ROOT, env={**inherited, **environment},
    )  # fmt: skip
    watchdog = start_watchdog(process.pid)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
        stop_watchdog(watchdog)


@contextlib.asynccontextmanager
async def started(*arguments: str, **environment: str) -> AsyncIterator[tuple[Process, str]]:
    """A running command and its URL, read from what it prints."""
    async with command(*arguments, **environment) as process:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            while not (found := re.search(rb"answers at (\S+),", await process.stdout.readline())):
                assert process.returncode is None
        yield process, found[1].decode()


async def ended(process: Process) -> tuple[int, str]:
    """The exit code, and what was written to stderr."""
    async with asyncio.timeout(20):
        _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, errors.decode()


def listens(url: str) -> bool:
    address = URL(url)
    with socket.socket() as probe:
        return probe.connect_ex((str(address.host), address.port or 0)) == 0


async def get(url: str) -> Answer:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return Answer(response.status, response.headers, await response.read())


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream() as fake:
        yield fake


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_running_request_finishes_after_the_signal_and_the_exit_code_is_0(
    upstream: FakeUpstream, number: signal.Signals
) -> None:
    gate = asyncio.Event()
    upstream.script = always(after(gate, matrix()))
    downstream = f"--query-frontend.downstream-url={upstream.url}"
    async with started(*ARGUMENTS, downstream) as (process, url):
        asking = asyncio.create_task(get(url + range_path()))
        await upstream.until(lambda: len(upstream.asked) == 4)
        process.send_signal(number)
        await upstream.until(lambda: not listens(url))
        assert process.returncode is None
        gate.set()
        answer = await asking
        code, errors = await ended(process)
    assert answer.body == matrix_body(Grid(0, 600_000, 19))
    assert code == 0
    assert [LOGFMT.fullmatch(line) is not None for line in errors.splitlines()] == [True, True]
    assert "msg=listening" in errors
    assert "msg=stopping" in errors


async def test_it_prints_its_url_a_query_and_the_datasource(upstream: FakeUpstream) -> None:
    downstream = f"--query-frontend.downstream-url={upstream.url}/"
    async with command(*ARGUMENTS, downstream) as process, asyncio.timeout(20):
        assert process.stdout is not None
        text = b""
        while b"Grafana" not in text:
            text += await process.stdout.readline()
    assert upstream.url.encode() in text
    assert b"curl" in text
    assert b"/api/v1/query_range?" in text
    assert text.count(b"http://127.0.0.1:") >= 4


@pytest.fixture
def root_logger() -> Iterator[None]:
    """The root logger, put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


REFUSED = {
    "--nope": "--nope",
    "extra": "extra",
    "--http-address=here": "--http-address=here: host:port is expected",
    "--http-address=127.0.0.1:99999": "127.0.0.1:99999",
    "--http-address=192.0.2.1:0": "192.0.2.1:0",
    "--query-range.split-interval=soon": "--query-range.split-interval=soon",
    "--log.level=loud": "--log.level=loud",
    "--config.file=/does/not/exist": "/does/not/exist",
    "--query-range.response-cache-config={": "YAML",
    "--query-range.response-cache-config=type: MEMCACHED": "config needs addresses",
}


@pytest.mark.parametrize(("argument", "complaint"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_used_ends_it_with_one_line_and_exit_code_2(
    argument: str,
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    root_logger: None,
) -> None:
    monkeypatch.setattr(sys, "argv", ["thanoxy", argument])
    assert main() == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("thanoxy: ")
    assert complaint in errors
    assert errors.count("\n") == 1


async def test_a_process_that_refuses_says_so_without_a_trace() -> None:
    async with command(THANOXY_LOG_LEVEL="loud") as process:
        code, errors = await ended(process)
    assert code == 2
    assert errors == "thanoxy: --log.level=loud: debug, info, warn or error is expected\n"


def test_help_is_no_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["thanoxy", "--help"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    output, errors = capsys.readouterr()
    assert "--query-frontend.downstream-url" in output
    assert errors == ""


async def test_flags_of_query_frontend_without_effect_are_named_in_the_log(
    upstream: FakeUpstream,
) -> None:
    upstream.script = always(reply(200, b""))
    flags = ("--query-frontend.vertical-shards=2", f"--query-frontend.downstream-url={upstream.url}")
    async with started(*ARGUMENTS, *flags, THANOXY_LOG_LEVEL="warn") as (process, url):
        assert (await get(f"{url}/-/ready")).status == 200
        process.terminate()
        code, errors = await ended(process)
    assert code == 0
    (line,) = errors.splitlines()
    assert LOGFMT.fullmatch(line)
    assert 'level=warn msg="--query-frontend.vertical-shards has no effect: ' in line
