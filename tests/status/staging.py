"""A stage for faults: a running proxy under some load, and somebody who reads its first line."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from proxy.telemetry.registry import REGISTRY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from proxy.status.snapshot import Finding
    from tests.clients import Proxy

PULSE_S = 0.2
"""All times of the watch are so many times shorter here than they are."""
NAMED_WITHIN_S = 10.0
GONE_WITHIN_S = 60.0 * PULSE_S
_OF_THE_STAGE = {"loop_blocked"}
"""Clients, proxy and upstreams share one process here, which may well be busy."""


class Stage:
    """Reads the first line again and again."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy

    def findings(self) -> list[Finding]:
        found = self.proxy.app.pulse.snapshot().findings
        return [finding for finding in found if finding.fault not in _OF_THE_STAGE]

    async def watch(self, seconds: float) -> set[str]:
        """All that is found within some time."""
        found: set[str] = set()
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            found |= {finding.fault for finding in self.findings()}
            await asyncio.sleep(PULSE_S)
        return found

    async def named(self, fault: str) -> Finding:
        """What the first line says, as soon as it names this fault; so does the metric."""
        until_s = time.monotonic() + NAMED_WITHIN_S
        while not (found := self.findings()) or found[0].fault != fault:
            assert time.monotonic() < until_s, (fault, found)
            await asyncio.sleep(PULSE_S)
        assert REGISTRY.get_sample_value("thanoxy_findings", {"fault": fault}) == 1
        return found[0]

    async def gone(self, fault: str) -> None:
        """Wait until it is told no more."""
        until_s = time.monotonic() + GONE_WITHIN_S
        while any(finding.fault == fault for finding in self.findings()):
            assert time.monotonic() < until_s, fault
            await asyncio.sleep(PULSE_S)
        assert REGISTRY.get_sample_value("thanoxy_findings", {"fault": fault}) == 0


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
