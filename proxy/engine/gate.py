"""How many remote reads are answered at once, over all and for one tenant; others wait their turn.

No tenant can fill the gate, nor the waiting places, against the others: who runs least is let in
first, and where no place to wait is left, who waits most gives one up.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from operator import itemgetter
from typing import TYPE_CHECKING

from proxy.errors import TooManyRequestsError
from proxy.telemetry.metrics import READS_WAITING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """At most so many run, over all and of one tenant; so many wait, and so long."""

    max_running: int
    max_tenant_running: int
    max_waiting: int
    max_wait_ms: int


@dataclass(eq=False, slots=True)
class _Waiter:
    tenant: str
    admitted: asyncio.Future[None]


class Gate:
    """Lets remote reads in."""

    def __init__(self, policy: GatePolicy) -> None:
        self._policy = policy
        self._running: Counter[str] = Counter()
        self._waiters: list[_Waiter] = []

    @asynccontextmanager
    async def enter(self, tenant: str) -> AsyncGenerator[None]:
        """Hold a place while the context is open.

        Raises:
            TooManyRequestsError: too many wait already, or the wait was too long.
        """
        if self._has_room(tenant):
            self._running[tenant] += 1
        else:
            await self._wait(tenant)
        try:
            yield
        finally:
            self._leave(tenant)

    def _has_room(self, tenant: str) -> bool:
        """Nobody who could enter waits: see `_leave`."""
        is_full = self._running.total() >= self._policy.max_running
        return not is_full and self._running[tenant] < self._policy.max_tenant_running

    async def _wait(self, tenant: str) -> None:
        if len(self._waiters) >= self._policy.max_waiting:
            self._make_place(tenant)
        waiter = _Waiter(tenant, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        READS_WAITING.inc()
        try:
            async with asyncio.timeout(self._policy.max_wait_ms / 1000):
                await waiter.admitted
        except TimeoutError:
            self._abandon(waiter)
            raise self._refusal(f"no turn came within {self._policy.max_wait_ms} ms") from None
        except BaseException:
            self._abandon(waiter)
            raise
        finally:
            READS_WAITING.dec()

    def _abandon(self, waiter: _Waiter) -> None:
        """Wait no longer; a place that was given at this very moment goes to the next."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        elif not waiter.admitted.cancelled() and waiter.admitted.exception() is None:
            self._leave(waiter.tenant)

    def _make_place(self, tenant: str) -> None:
        """Send away the youngest waiter of the tenant that waits most, unless `tenant` would then."""
        waiting = Counter(waiter.tenant for waiter in self._waiters)
        greediest, most = max(waiting.items(), key=itemgetter(1), default=("", 0))
        if most <= waiting[tenant] + 1:
            raise self._refusal(f"{len(self._waiters)} wait already (--remote-read.max-waiting)")
        youngest = next(w for w in reversed(self._waiters) if w.tenant == greediest)
        self._waiters.remove(youngest)
        if not youngest.admitted.done():
            refusal = self._refusal("others came who have fewer (--remote-read.max-waiting)")
            youngest.admitted.set_exception(refusal)

    def _leave(self, tenant: str) -> None:
        """Give a place back, and let in all who then may: first those whose tenants run least."""
        self._running[tenant] -= 1
        if not self._running[tenant]:
            del self._running[tenant]
        while able := [w for w in self._waiters if self._has_room(w.tenant)]:
            first = min(able, key=lambda waiter: self._running[waiter.tenant])
            self._waiters.remove(first)
            if not first.admitted.done():
                self._running[first.tenant] += 1
                first.admitted.set_result(None)

    def _refusal(self, reason: str) -> TooManyRequestsError:
        policy = self._policy
        text = (
            f"too many remote reads: {policy.max_running} may run at once "
            f"(--remote-read.max-concurrent), {policy.max_tenant_running} of one tenant "
            f"(--remote-read.max-concurrent-per-tenant), and {reason}"
        )
        return TooManyRequestsError(text, max(1, ceil(policy.max_wait_ms / 1000)))
