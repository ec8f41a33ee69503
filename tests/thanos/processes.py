"""Child processes that are servers: started, ready, paused, stopped, and never left behind.

A server must not outlive the tests, also when these are killed and no `finally` runs. Linux's
`PR_SET_PDEATHSIG` would do it with two traps: it fires when the *thread* that started the child
ends, and it needs code between fork and exec, which is unsafe once there are threads. So each
server has a watchdog instead: a shell that reads from a pipe whose other end only this Python
process holds. When Python is gone, however it went, the read ends and the shell kills.

Servers and watchdogs get sessions of their own, so that Ctrl-C in a terminal reaches Python
alone, which then stops them in order.
"""

from __future__ import annotations

import contextlib
import http.client
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from tests.thanos.loopback import ask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LOG_TAIL_LINES = 30
READY_POLL_S = 0.05

# `read` ends when the last writer of the pipe is gone; a paused process dies of KILL as well.
WATCHDOG = 'read -r _; kill -KILL "$1" 2>/dev/null'


class ServerError(Exception):
    """A server did not start or did not become ready; carries the end of its log."""


class ServerProcess:
    """One server. `start` may be called again after `stop`: same ports, same folders."""

    def __init__(self, name: str, command: Sequence[str], *, log_path: Path, ready_url: str) -> None:
        self.name = name
        self.log_path = log_path
        self._command = list(command)
        self._ready_url = ready_url
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ServerError(f"{self.name} was not started")
        return self._process.pid

    def start(self) -> None:
        """Start the server, and do not wait until it is ready; the log is appended to."""
        if self.is_running:
            raise ServerError(f"{self.name} runs already")
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._watchdog = start_watchdog(self._process.pid)

    def wait_until_ready(self, timeout_s: float = 30.0) -> None:
        """Return once the ready URL answers 200.

        Raises:
            ServerError: the server ended, or is not ready in time; with the end of its log.
        """
        deadline_s = time.monotonic() + timeout_s
        last = "nothing"
        while time.monotonic() < deadline_s:
            if not self.is_running:
                raise ServerError(f"{self.name} ended while starting\n{self.log_tail()}")
            try:
                answer = ask(self._ready_url, timeout_s=1.0)
            except (OSError, http.client.HTTPException) as error:
                last = repr(error)
            else:
                if answer.status == http.HTTPStatus.OK:
                    return
                last = f"{answer.status} {answer.body[:200]!r}"
            time.sleep(READY_POLL_S)
        raise ServerError(
            f"{self.name} is not ready after {timeout_s:g} s: {self._ready_url} "
            f"answered {last}\n{self.log_tail()}"
        )

    def pause(self) -> None:
        """Freeze the server: connections stay open and nothing answers (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def stop(self, grace_s: float = 10.0) -> None:
        """Ask the server to end (SIGTERM), insist after `grace_s` (SIGKILL); idempotent."""
        if self.is_running:
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)  # a paused process would not see the other
        self._reap(grace_s)

    def kill(self) -> None:
        """End the server at once, as a crash would (SIGKILL); idempotent."""
        self._reap(0.0)

    def log_tail(self) -> str:
        """The last lines of the log, under a heading that names the file."""
        text = self.log_path.read_text("utf-8", "replace") if self.log_path.exists() else ""
        lines = text.splitlines()[-LOG_TAIL_LINES:]
        return "\n".join([f"--- end of {self.log_path}", *lines])

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _reap(self, grace_s: float) -> None:
        if self._process is not None:
            try:
                self._process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self._process.wait()
        # Last, so that the server is watched while it takes its time to end.
        if self._watchdog is not None:
            stop_watchdog(self._watchdog)
            self._watchdog = None


def start_watchdog(pid: int) -> subprocess.Popen[bytes]:
    """Have a process killed when this Python process is gone."""
    return subprocess.Popen(
        ["/bin/sh", "-c", WATCHDOG, "watchdog", str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def stop_watchdog(watchdog: subprocess.Popen[bytes]) -> None:
    """Call it off, after the process has ended and was waited for."""
    watchdog.kill()
    watchdog.communicate()
