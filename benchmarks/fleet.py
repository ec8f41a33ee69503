"""A thanoxy of several workers: what they use together, and what they have counted."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from benchmarks.client import Client
from benchmarks.servers import Thanoxy
from tests.thanos.loopback import ask

if TYPE_CHECKING:
    from types import TracebackType

_PSS = re.compile(r"^(Pss|Pss_Anon):\s+(\d+) kB", re.MULTILINE)
_STEPS = re.compile(r'^thanoxy_cache_steps_total\{event="(\w+)"\} (\S+)', re.MULTILINE)
_START_S = 30.0


class Pss(NamedTuple):
    """Memory in use, pages that several processes share counted in parts.

    anon_bytes: of that, what is no file: the rest can be dropped whenever somebody needs it.
    """

    all_bytes: int
    anon_bytes: int


class Fleet(Thanoxy):
    """So many workers; one is a process without a supervisor, as it always was."""

    def __init__(self, upstream: str, count: int, *flags: str) -> None:
        super().__init__(upstream, f"--workers={count}", "--log.level=info", *flags)
        self.count = count
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed when the processes have ended

    def __enter__(self) -> Self:
        self._stderr = self._log
        super().__enter__()
        deadline_s = time.monotonic() + _START_S
        while self._text().count("msg=listening") < self.count:
            if time.monotonic() > deadline_s:
                raise SystemExit(f"not all workers have started:\n{self._text()}")
            time.sleep(0.02)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self._log.close()

    def _text(self) -> str:
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode()

    def serving(self) -> list[int]:
        """The processes that answer."""
        pid = self._process.pid
        if self.count == 1:
            return [pid]
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def cpu_s(self) -> float:
        """Of all that answer."""
        return sum(_cpu_s(pid) for pid in self.serving())

    def pss(self) -> Pss:
        """Of all processes, the supervisor included."""
        sizes = [_pss(pid) for pid in {self._process.pid, *self.serving()}]
        return Pss(sum(one.all_bytes for one in sizes), sum(one.anon_bytes for one in sizes))

    def spread(self) -> None:
        """Each worker on a processor of its own, as far as there are any."""
        allowed = sorted(os.sched_getaffinity(0))
        for number, pid in enumerate(self.serving()):
            pin(pid, {allowed[number % len(allowed)]})

    def hit_ratio(self) -> float:
        """Of all steps that were asked for, those that were kept, since the start."""
        counted = dict(_STEPS.findall(ask(f"{self.url}/metrics").body.decode()))
        return float(counted.get("hit", 0)) / float(counted["requested"])

    def ask_everywhere(self, path: str, *, gzip: bool = True) -> None:
        """Over so many connections that each worker has very probably answered."""
        for _ in range(1 if self.count == 1 else 8 * self.count):
            with contextlib.closing(Client(self.url)) as client:
                client.ask(path, gzip)


def pin(pid: int, cores: set[int]) -> None:
    """All threads of a process."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), cores)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _pss(pid: int) -> Pss:
    found = dict(_PSS.findall(Path(f"/proc/{pid}/smaps_rollup").read_text()))
    return Pss(int(found["Pss"]) * 1024, int(found["Pss_Anon"]) * 1024)
