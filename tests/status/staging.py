"""A stage for faults: a running proxy under some load, and somebody who looks at it again and again."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from proxy.status.snapshot import Snapshot
from proxy.status.watchman import Watchman
from proxy.wiring_status import build_collector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from proxy.status.snapshot import Finding
    from tests.clients import Proxy

NAMED_WITHIN_S = 10.0
GONE_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.1
_FAST = 10
"""How much faster the watchman's time goes while the end of a fault is waited for."""


class Stage:
    """Looks at a proxy every tenth of a second."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.collector = build_collector(proxy.app.engine, proxy.app.access.watch)
        self.watchman = Watchman()
        self._ahead_ms = 0
        self.look()

    def look(self) -> tuple[Finding, ...]:
        now_ms = time.time_ns() // 1_000_000 + self._ahead_ms
        return self.watchman.look(Snapshot(now_ms, 1, **self.collector.collect(now_ms)))

    async def watch(self, seconds: float) -> set[str]:
        """All that is found within some time."""
        found: set[str] = set()
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            found |= {finding.fault for finding in self.look()}
            await asyncio.sleep(_LOOK_EVERY_S)
        return found

    async def named(self, fault: str) -> Finding:
        """The first line, as soon as it names this fault."""
        until_s, found = time.monotonic() + NAMED_WITHIN_S, self.look()
        while not found or found[0].fault != fault:
            assert time.monotonic() < until_s, (fault, found)
            await asyncio.sleep(_LOOK_EVERY_S)
            found = self.look()
        return found[0]

    async def gone(self, fault: str) -> None:
        """Wait until it is told no more; the watchman's time goes faster meanwhile."""
        began_ms = self._ahead_ms
        while any(finding.fault == fault for finding in self.look()):
            assert self._ahead_ms - began_ms < GONE_WITHIN_S * 1000, fault
            await asyncio.sleep(_LOOK_EVERY_S)
            self._ahead_ms += round(_LOOK_EVERY_S * 1000) * (_FAST - 1)


@asynccontextmanager
async def load(
    ask: Callable[[int], Awaitable[object]], at_once: int, pause_s: float = 0.02
) -> AsyncIterator[None]:
    """So many clients ask all the time; `ask` is given a number that grows."""
    number = 0

    async def client() -> None:
        nonlocal number
        while True:
            number += 1
            await ask(number)
            await asyncio.sleep(pause_s)

    clients = [asyncio.create_task(client()) for _ in range(at_once)]
    try:
        yield
    finally:
        for one in clients:
            one.cancel()
        ended = await asyncio.gather(*clients, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended
