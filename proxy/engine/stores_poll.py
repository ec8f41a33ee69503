"""Asks the upstream for its stores again and again, and tells the watch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from proxy.errors import QueryError
from proxy.telemetry.log import LOG
from proxy.telemetry.metrics import STORES_AWAY

if TYPE_CHECKING:
    from proxy.engine.ports import Clock, Upstream
    from proxy.engine.stores_memory import StoresMemory
    from proxy.plan.holes import StoreWatch
    from proxy.plan.store_views import Look


async def poll_stores(
    upstream: Upstream,
    watch: StoreWatch,
    clock: Clock,
    interval_s: float,
    memory: StoresMemory | None = None,
) -> None:
    """Until cancelled. A look that fails confirms nothing, and that is all it does.

    memory: of which stores are expected, beyond this process.
    """
    if memory is not None:
        await memory.recall(watch)
    away: list[str] = []
    is_failing = False
    while True:
        began_ms = clock.monotonic_ms()
        try:
            async with asyncio.timeout(max(interval_s, 1) * 2):
                look = await upstream.stores()
        except (QueryError, TimeoutError) as error:
            log = LOG.debug if is_failing else LOG.warning
            log("no look at the upstream's stores: answers live shortly", extra={"err": str(error)})
            is_failing = True
        else:
            is_failing = False
            _take(watch, look, began_ms, clock.monotonic_ms())
            if memory is not None:
                memory.note(watch)
        if watch.away != away:
            away = watch.away
            STORES_AWAY.set(len(away))
            LOG.warning("stores of the upstream", extra={"away": "; ".join(away) or "none"})
        await asyncio.sleep(interval_s)


def _take(watch: StoreWatch, look: Look | None, began_ms: int, ended_ms: int) -> None:
    if look is None:
        watch.no_such_endpoint()
    else:
        watch.look(began_ms, ended_ms, look.stores, look.has_lost_sight)
