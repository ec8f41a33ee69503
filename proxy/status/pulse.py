"""Once a second: how the parts are, what is wrong, and what others may know of it."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from typing import TYPE_CHECKING

from proxy import __version__
from proxy.status.gauges import Gauges
from proxy.status.joining import together
from proxy.status.lag import LagMeter
from proxy.status.runs import Runs, cancel_here
from proxy.status.snapshot import Snapshot
from proxy.status.tempo import Tempo
from proxy.status.watchman import Watchman
from proxy.telemetry.book import pace
from proxy.telemetry.log import LOG
from proxy.telemetry.registry import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.codec.active_slot import ActiveQuery
    from proxy.engine.ports import Clock
    from proxy.status.board import Board
    from proxy.status.collect import Collector
    from proxy.telemetry.book import Book

_EVERY_S = 1.0


class Pulse:
    """Makes a snapshot of this process a second. board: where all workers leave theirs, if several.

    every_s: the time between two, for tests. is_leaving: whether the process is on its way out.
    """

    def __init__(
        self,
        collector: Collector,
        book: Book,
        clock: Clock,
        board: Board | None = None,
        workers: int = 1,
        every_s: float = _EVERY_S,
    ) -> None:
        self._collector = collector
        self._book = book
        self._clock = clock
        self._board = board
        self._workers = workers
        self._every_s = every_s
        self._tempo = Tempo(pace)
        self._runs = Runs(book, clock, collector.failing)
        self._watchman = Watchman(scale=every_s)
        self._gauges = Gauges()
        self._started_ms = clock.wall_ms()
        self._last = Snapshot(self._started_ms, os.getpid(), started_ms=self._started_ms)
        self.is_leaving: Callable[[], bool] = lambda: False
        self.left: tuple[ActiveQuery, ...] = ()

    def mourn(self, left: tuple[ActiveQuery, ...]) -> None:
        """Remember what ran in a process before this one when that died."""
        self.left = left
        for one in left:
            self._collector.failing.died(one.expr, one.dashboard, one.tenant, self._started_ms)

    async def run(self) -> None:
        """For as long as the process lives."""
        meter = LagMeter()
        try:
            while True:
                self._safely_beat(meter)
                await asyncio.sleep(self._every_s)
        finally:
            meter.close()
            if self._board is not None:
                self._board.leave()

    def _safely_beat(self, meter: LagMeter) -> None:
        """What goes wrong here must not end the watch, nor anything else."""
        try:
            self.beat(meter)
        except Exception:  # noqa: BLE001  the log gets the trace
            LOG.exception("the state of this process could not be told")

    def beat(self, meter: LagMeter) -> None:
        """One look at everything."""
        now_ms = self._clock.wall_ms()
        REGISTRY.carry()
        self._runs.forget(now_ms)
        parts = self._collector.collect(now_ms)
        rates = self._tempo.look(now_ms, meter.read())
        snapshot = Snapshot(
            at_ms=now_ms,
            pid=os.getpid(),
            version=__version__,
            started_ms=self._started_ms,
            workers=self._workers,
            is_leaving=self.is_leaving(),
            rates=rates,
            history=self._tempo.curve(now_ms, rates, parts["queue"], parts["memory"]),
            **parts,
        )
        findings = self._watchman.look(snapshot)
        self._gauges.show(parts, findings)
        self._last = dataclasses.replace(snapshot, findings=findings)
        if self._board is not None:
            self._board.leave_word(self._with_runs())
            for wanted in self._board.take_cancels():
                cancel_here(self._book, wanted)

    def _with_runs(self) -> Snapshot:
        """The last look; what runs as it does now."""
        return dataclasses.replace(
            self._last,
            running=self._runs.running(),
            slowest=self._runs.slowest(),
            costliest=self._runs.costliest(),
        )

    def snapshot(self) -> Snapshot:
        """Of all workers together."""
        own = self._with_runs()
        others = self._board.others(self._clock.wall_ms()) if self._board else []
        return together([own, *others])

    def cancel(self, run_id: str) -> bool:
        """End a request that runs, here or in another worker; False when there is none (any more)."""
        if cancel_here(self._book, run_id):
            return True
        return self._board is not None and self._board.ask_to_cancel(run_id)
