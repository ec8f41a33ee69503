"""Child processes, tried with Python's own HTTP server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.thanos.loopback import ADDRESS, ask, free_ports, is_free
from tests.thanos.processes import ServerError, ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


def http_server(folder: Path, port: int, path: str = "/") -> ServerProcess:
    return ServerProcess(
        "files",
        [sys.executable, "-m", "http.server", str(port), "--bind", ADDRESS],
        log_path=folder / "files.log",
        ready_url=f"http://{ADDRESS}:{port}{path}",
    )


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture
def server(tmp_path: Path, port: int) -> Iterator[ServerProcess]:
    server = http_server(tmp_path, port)
    server.start()
    server.wait_until_ready()
    yield server
    server.stop()


def answers(port: int) -> bool:
    try:
        return ask(f"http://{ADDRESS}:{port}/", timeout_s=0.3).status == HTTPStatus.OK
    except OSError:
        return False


def test_a_stopped_server_can_be_started_again(server: ServerProcess, port: int) -> None:
    server.stop()
    server.stop()
    assert not answers(port)
    server.start()
    server.wait_until_ready()
    assert answers(port)


def test_a_running_server_is_not_started_twice(server: ServerProcess) -> None:
    with pytest.raises(ServerError, match="runs already"):
        server.start()


def test_a_paused_server_does_not_answer_until_it_goes_on(server: ServerProcess, port: int) -> None:
    server.pause()
    assert not answers(port)
    server.resume()
    assert answers(port)


def test_a_paused_server_can_be_stopped(server: ServerProcess, port: int) -> None:
    server.pause()
    begun_s = time.monotonic()
    server.stop(grace_s=20.0)
    assert time.monotonic() - begun_s < 10.0
    assert not server.is_running
    assert is_free(port)


def test_a_server_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    stubborn = ServerProcess(
        "stubborn",
        ["/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"],
        log_path=tmp_path / "log",
        ready_url="",
    )
    stubborn.start()
    while "up" not in stubborn.log_tail():
        time.sleep(0.01)
    stubborn.stop(grace_s=0.3)
    assert not stubborn.is_running


def test_a_server_that_ends_while_it_starts_is_reported_with_its_log(tmp_path: Path) -> None:
    broken = ServerProcess(
        "broken",
        [sys.executable, "-c", "raise SystemExit('flag --x is not known')"],
        log_path=tmp_path / "broken.log",
        ready_url=f"http://{ADDRESS}:1/",
    )
    broken.start()
    with pytest.raises(ServerError, match=r"(?s)broken ended while .*flag --x is not known"):
        broken.wait_until_ready()
    broken.stop()


def test_a_server_that_is_not_ready_in_time_is_reported_with_its_answer(
    tmp_path: Path, port: int
) -> None:
    server = http_server(tmp_path, port, path="/-/ready")
    server.start()
    with pytest.raises(ServerError, match=rf"not ready after 1 s: .*:{port}/-/ready .*404"):
        server.wait_until_ready(timeout_s=1.0)
    server.stop()


def test_a_server_does_not_outlive_a_python_that_is_killed(tmp_path: Path, port: int) -> None:
    owner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path;"
            "from tests.thanos.test_processes import http_server;"
            "server = http_server(Path(sys.argv[1]), int(sys.argv[2]));"
            "server.start(); server.wait_until_ready();"
            "print('ready', flush=True); time.sleep(60)",
            str(tmp_path),
            str(port),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        assert answers(port)
        owner.send_signal(signal.SIGKILL)
    # A dying process resets its connections before its port is free: only the port counts.
    deadline_s = time.monotonic() + 30.0
    while not is_free(port) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert is_free(port)
