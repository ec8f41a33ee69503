"""What the benchmarks run on: cores, memory, versions, and how busy others keep it."""

from __future__ import annotations

import os
import platform
import re
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import proxy
from benchmarks.results import Machine
from scripts.real_servers import SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAMES = {"thanos": "Thanos", "cortex": "Cortex", "prometheus": "Prometheus"}


def this_machine() -> Machine:
    """Takes a second, to see how busy it is."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    versions = {"thanoxy": proxy.__version__, "Python": platform.python_version()}
    versions |= {title: SERVERS[name].version for name, title in _NAMES.items()}
    return Machine(
        cores=os.cpu_count() or 1,
        memory_gb=round(int(found[1]) / 1e6) if found else 0,
        system=f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        busy=round(busy_share(1.0), 2),
        versions=versions,
    )


def busy_share(seconds: float) -> float:
    """The share of all processors' time that was not idle, measured for so long."""
    before = _processor_times()
    time.sleep(seconds)
    spent = [new - old for old, new in zip(before, _processor_times(), strict=True)]
    total = sum(spent)
    return 1 - (spent[3] + spent[4]) / total if total else 0.0


def _processor_times() -> list[int]:
    """user, nice, system, idle, iowait, irq, softirq, steal: ticks since the start."""
    return [int(text) for text in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]


def two_cores() -> tuple[set[int], set[int]]:
    """One processor for a server and another for its clients; the same where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return {allowed[0]}, {allowed[-1]}


@contextmanager
def started_on(cores: set[int]) -> Iterator[None]:
    """Processes that this thread starts meanwhile may use these processors only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Progress:
    """One line for each thing that begins or ended, with the time since the start."""

    def __init__(self) -> None:
        self._start_s = time.monotonic()

    @property
    def took_s(self) -> float:
        return time.monotonic() - self._start_s

    def say(self, text: str) -> None:
        minutes, seconds = divmod(int(self.took_s), 60)
        sys.stderr.write(f"[{minutes:2}:{seconds:02}] {text}\n")
        sys.stderr.flush()


def interruptible(main: Callable[[], None]) -> None:
    """SIGTERM ends a run as Ctrl-C does: whatever was started is stopped on the way out."""

    def end(_number: int, _frame: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    try:
        main()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: nothing is saved, all servers are stopped\n")
        raise SystemExit(128 + signal.SIGINT) from None
