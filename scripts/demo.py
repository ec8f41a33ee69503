"""A real Thanos with a few days of sample data that go on while it runs: `make demo`.

    python -m scripts.demo                          prints the URL of Thanos Query and stays
    python -m scripts.demo --days 7                 more history
    python -m scripts.demo --exec -- CMD {url} ...  runs CMD, `{url}` replaced, and ends with it

Ctrl-C and SIGTERM stop everything. The samples are synthetic; Thanos is real.
"""

from __future__ import annotations

import argparse
import itertools
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from scripts.demo_series import dashboard_series
from scripts.real_servers import binary
from tests.thanos.cluster import ThanosCluster
from tests.thanos.processes import start_watchdog, stop_watchdog
from tests.thanos.timeline import DAY_MS, SECOND_MS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HISTORY_INTERVAL_MS = 30 * SECOND_MS
LIVE_INTERVAL_MS = 15 * SECOND_MS
POLL_S = 0.2
GRACE_S = 30.0

URL_PLACEHOLDER = "{url}"
EXAMPLE_QUERY = 'sum by (service) (rate(http_requests_total{code="500"}[5m]))'


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status of a command that ended by itself, else 0."""
    days, command = parse(arguments)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    binary("thanos")  # built here, with its progress shown, before anything is promised
    end_ms = now_ms() // LIVE_INTERVAL_MS * LIVE_INTERVAL_MS
    times = np.arange(end_ms - int(days * DAY_MS), end_ms + 1, HISTORY_INTERVAL_MS)
    history = dashboard_series(times)
    say(f"demo: loading {days:g} days of synthetic samples, {len(history)} series")
    with ThanosCluster(history, end_ms=int(times[-1])) as thanos:
        say(f"demo: Thanos Query answers at {thanos.query_url}, for example to")
        say(f"demo:   {EXAMPLE_QUERY}")
        with running(command, thanos.query_url) as process:
            keep_writing(thanos, stopped, process)
        return 0 if process is None or stopped.is_set() else process.returncode


def parse(arguments: Sequence[str]) -> tuple[float, list[str]]:
    """Days of history, and the command: everything after `--`, whatever it looks like."""
    ours, command = split_at(arguments, "--")
    parser = argparse.ArgumentParser(
        prog="scripts.demo", description="A real Thanos with synthetic samples that go on."
    )
    parser.add_argument("--days", type=float, default=3.0, help="days of history (3)")
    parser.add_argument("--exec", action="store_true", help="run the command after --")
    options = parser.parse_args(ours)
    if options.exec != bool(command):
        parser.error("--exec and a command after -- go together")
    return options.days, command


def split_at(arguments: Sequence[str], mark: str) -> tuple[list[str], list[str]]:
    """What stands before the mark and after it; without a mark, nothing after it."""
    before = list(itertools.takewhile(lambda argument: argument != mark, arguments))
    return before, list(arguments[len(before) + 1 :])


@contextmanager
def running(command: Sequence[str], url: str) -> Iterator[subprocess.Popen[bytes] | None]:
    """The command with its URL, if there is one; ended by SIGTERM, and gone if this dies.

    In a session of its own: Ctrl-C reaches this process alone, which then stops the command
    before the Thanos that it talks to.
    """
    if not command:
        yield None
        return
    arguments = [argument.replace(URL_PLACEHOLDER, url) for argument in command]
    try:
        process = subprocess.Popen(arguments, start_new_session=True)
    except OSError as error:
        raise SystemExit(f"demo: cannot run {arguments[0]}: {error.strerror}") from error
    watchdog = start_watchdog(process.pid)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        stop_watchdog(watchdog)


def keep_writing(
    thanos: ThanosCluster,
    stopped: threading.Event,
    process: subprocess.Popen[bytes] | None,
) -> None:
    """Write live samples until a signal comes or the command ends."""
    last_ms = thanos.end_ms
    while not stopped.wait(POLL_S) and (process is None or process.poll() is None):
        times = np.arange(last_ms + LIVE_INTERVAL_MS, now_ms() + 1, LIVE_INTERVAL_MS)
        if len(times):
            thanos.write(dashboard_series(times))
            last_ms = int(times[-1])


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
