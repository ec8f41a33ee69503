"""How many requests of a kind run at once, over all and for one tenant; others wait their turn.

No tenant can fill the gate, nor the waiting places, against the others: who runs least is let in
first, and where no place to wait is left, who waits most gives one up. Among a tenant's requests
those go first of whose answer fewest run, so that one of a few parts need not wait for all of many.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from operator import itemgetter
from typing import TYPE_CHECKING

from proxy.engine.ticket import PART_OF
from proxy.errors import TooManyRequestsError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from prometheus_client import Counter as Counted
    from prometheus_client import Gauge


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """At most so many run, over all and of one tenant; so many wait, and so long.

    what, flags: how the requests, and the settings of all this, are called.
    """

    max_running: int
    max_tenant_running: int
    max_waiting: int
    max_wait_ms: int
    what: str = "remote reads"
    flags: str = "--remote-read"


@dataclass(frozen=True, slots=True)
class TenantTurns:
    """What a tenant has of the gate now."""

    tenant: str
    running: int
    waiting: int


@dataclass(eq=False, slots=True)
class _Waiter:
    tenant: str
    answer: object
    admitted: asyncio.Future[None]


class Gate:
    """Lets requests in.

    waiting: shows how many wait. tenant_limit: how many of a tenant's may run; 0: as the policy says.
    refused: counts by reason. let_in: how many were let in so far.
    """

    def __init__(
        self,
        policy: GatePolicy,
        waiting: Gauge,
        tenant_limit: Callable[[str], int] | None = None,
        refused: Counted | None = None,
    ) -> None:
        self._policy = policy
        self._waiting = waiting
        self._refused = refused
        self.let_in = 0
        self._tenant_limit = tenant_limit
        self._running: Counter[str] = Counter()
        self._answers: Counter[object] = Counter()
        self._total = 0
        self._waiters: list[_Waiter] = []

    @asynccontextmanager
    async def enter(self, tenant: str) -> AsyncGenerator[None]:
        """Hold a place while the context is open.

        Raises:
            TooManyRequestsError: too many wait already, or the wait was too long.
        """
        answer = PART_OF.get() or object()
        if self._has_room(tenant):
            self._admit(tenant, answer)
        else:
            await self._wait(tenant, answer)
        try:
            yield
        finally:
            self._leave(tenant, answer)

    def _has_room(self, tenant: str) -> bool:
        """Nobody who could enter waits: see `_leave`."""
        if self._total >= self._policy.max_running:
            return False
        own = self._tenant_limit(tenant) if self._tenant_limit else 0
        return self._running[tenant] < (own or self._policy.max_tenant_running)

    def _admit(self, tenant: str, answer: object) -> None:
        self._running[tenant] += 1
        self._answers[answer] += 1
        self._total += 1
        self.let_in += 1

    async def _wait(self, tenant: str, answer: object) -> None:
        if len(self._waiters) >= self._policy.max_waiting:
            self._make_place(tenant)
        waiter = _Waiter(tenant, answer, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        self._waiting.inc()
        try:
            async with asyncio.timeout(self._policy.max_wait_ms / 1000):
                await waiter.admitted
        except TimeoutError:
            self._abandon(waiter)
            late = f"no turn came within {self._policy.max_wait_ms} ms"
            raise self._refusal("waited_too_long", late) from None
        except BaseException:
            self._abandon(waiter)
            raise
        finally:
            self._waiting.dec()

    def _abandon(self, waiter: _Waiter) -> None:
        """Wait no longer; a place that was given at this very moment goes to the next."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        elif not waiter.admitted.cancelled() and waiter.admitted.exception() is None:
            self._leave(waiter.tenant, waiter.answer)

    def _make_place(self, tenant: str) -> None:
        """Send away the youngest waiter of the tenant that waits most, unless `tenant` would then."""
        waiting = Counter(waiter.tenant for waiter in self._waiters)
        greediest, most = max(waiting.items(), key=itemgetter(1), default=("", 0))
        if most <= waiting[tenant] + 1:
            wait = len(self._waiters)
            raise self._refusal(
                "too_many_wait", f"{wait} wait already ({self._policy.flags}.max-waiting)"
            )
        youngest = next(w for w in reversed(self._waiters) if w.tenant == greediest)
        self._waiters.remove(youngest)
        if not youngest.admitted.done():
            flag = f"{self._policy.flags}.max-waiting"
            refusal = self._refusal("gave_way", f"others came who have fewer ({flag})")
            youngest.admitted.set_exception(refusal)

    def _leave(self, tenant: str, answer: object) -> None:
        """Give a place back, and let in all who then may: first those whose tenants run least."""
        self._running[tenant] -= 1
        self._answers[answer] -= 1
        self._total -= 1
        if not self._running[tenant]:
            del self._running[tenant]
        if not self._answers[answer]:
            del self._answers[answer]
        while able := [w for w in self._waiters if self._has_room(w.tenant)]:
            first = min(able, key=lambda w: (self._running[w.tenant], self._answers[w.answer]))
            self._waiters.remove(first)
            if not first.admitted.done():
                self._admit(first.tenant, first.answer)
                first.admitted.set_result(None)

    @property
    def most(self) -> int:
        """How many may run at once."""
        return self._policy.max_running

    @property
    def running(self) -> int:
        return self._total

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    def turns(self, most: int) -> list[TenantTurns]:
        """Who runs and who waits now; of many tenants those that have most."""
        waiting = Counter(waiter.tenant for waiter in self._waiters)
        weights = waiting + self._running
        return [
            TenantTurns(tenant, self._running[tenant], waiting[tenant])
            for tenant, _ in weights.most_common(most)
        ]

    def _refusal(self, reason: str, why: str) -> TooManyRequestsError:
        policy = self._policy
        if self._refused is not None:
            self._refused.labels(reason).inc()
        text = (
            f"too many {policy.what}: {policy.max_running} may run at once "
            f"({policy.flags}.max-concurrent), {policy.max_tenant_running} of one tenant "
            f"({policy.flags}.max-concurrent-per-tenant), and {why}"
        )
        return TooManyRequestsError(text, max(1, ceil(policy.max_wait_ms / 1000)), f"queue_{reason}")
