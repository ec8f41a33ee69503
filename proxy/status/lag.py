"""Whether the event loop comes around in time, and how much of a core it uses."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

from proxy.telemetry.signals import LOOP_BUSY, LOOP_LAG

_EVERY_S = 0.1


class Lag(NamedTuple):
    """worst_ms: how late the loop was at most. busy: the share of a core that its thread used."""

    worst_ms: float = 0.0
    busy: float = 0.0


class LagMeter:
    """Asks to be called ten times a second, and looks how late that happens."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._worst_s = 0.0
        self._read_s, self._used_s = time.perf_counter(), time.thread_time()
        self._due_s = 0.0
        self._handle: asyncio.TimerHandle | None = None
        self._ask()

    def _ask(self) -> None:
        self._due_s = self._loop.time() + _EVERY_S
        self._handle = self._loop.call_at(self._due_s, self._called)

    def _called(self) -> None:
        late_s = max(self._loop.time() - self._due_s, 0.0)
        self._worst_s = max(self._worst_s, late_s)
        LOOP_LAG.observe(late_s)
        self._ask()

    def read(self) -> Lag:
        """Since the last reading; to be asked in the loop's own thread."""
        now_s, used_s = time.perf_counter(), time.thread_time()
        took_s, busy_s = now_s - self._read_s, used_s - self._used_s
        lag = Lag(self._worst_s * 1000, min(busy_s / took_s, 1.0) if took_s > 0 else 0.0)
        self._read_s, self._used_s, self._worst_s = now_s, used_s, 0.0
        LOOP_BUSY.inc(busy_s)
        return lag

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
