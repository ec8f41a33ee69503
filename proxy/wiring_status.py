"""Builds what asks the parts how they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.status.collect import Collector, Sources
from proxy.store.tiered import TieredStore

if TYPE_CHECKING:
    from proxy.file_watch import FileWatch
    from proxy.wiring import Engine


def build_collector(engine: Engine, files: FileWatch) -> Collector:
    """Of all parts of a running proxy."""
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
        )
    )
