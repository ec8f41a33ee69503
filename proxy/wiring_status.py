"""Builds what asks the parts how they are, and tells others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from proxy.status.board import Board
from proxy.status.collect import Collector, Sources
from proxy.status.pulse import Pulse
from proxy.store.tiered import TieredStore
from proxy.telemetry.registry import METRICS_VARIABLE
from proxy.worker import worker_count

if TYPE_CHECKING:
    from proxy.file_watch import FileWatch
    from proxy.telemetry.book import Book
    from proxy.wiring import Engine


def build_collector(engine: Engine, files: FileWatch, scale: float = 1.0) -> Collector:
    """Of all parts of a running proxy. scale: see `Collector`."""
    store = engine.store
    return Collector(
        Sources(
            pool=engine.client.pool,
            admission=engine.admission,
            memory=store.memory if isinstance(store, TieredStore) else store,
            watch=engine.watch,
            files=files,
            clock=engine.clock,
            tier=engine.sharing.tier if engine.sharing else None,
            discovery=engine.ground.discovery,
        ),
        scale,
    )


def build_pulse(engine: Engine, files: FileWatch, book: Book, every_s: float) -> Pulse:
    """Of this process; workers leave word of themselves where their metrics are."""
    folder = os.environ.get(METRICS_VARIABLE, "")
    return Pulse(
        build_collector(engine, files, every_s),
        book,
        engine.clock,
        Board(folder) if folder else None,
        worker_count(),
        every_s,
    )
