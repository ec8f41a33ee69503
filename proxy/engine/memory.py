"""How much memory answers under way may take, all together.

An answer's size is known only when it has arrived, so each takes more as it grows. What does not fit
waits, the oldest first; what waits too long is refused. Some room is for small answers alone, so that a
dashboard's many small queries pass by the few large ones.

Answers that have memory and wait for more could wait for each other for ever. So when all large
ones wait, the youngest is refused, and what it held lets the older ones go on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from math import ceil

from proxy.errors import LimitError, TooManyRequestsError
from proxy.telemetry.metrics import MEMORY_HELD, MEMORY_REFUSED, MEMORY_WAITING


@dataclass(frozen=True, slots=True)
class MemoryPolicy:
    """total_bytes: of all answers under way. max_wait_ms: for more memory, at each growth.

    small_bytes: what an answer may hold and still count as small. small_share: of the total, for
    small answers alone.
    """

    total_bytes: int
    max_wait_ms: int
    small_bytes: int = 1 << 20
    small_share: float = 0.15

    @property
    def large_bytes(self) -> int:
        """What large answers may hold together."""
        return int(self.total_bytes * (1 - self.small_share))


@dataclass(eq=False, slots=True)
class _Waiter:
    ticket: Ticket
    size_bytes: int
    granted: asyncio.Future[None]


class Ticket:
    """Implements `engine.ports.MemoryTicket`: what one answer holds."""

    __slots__ = ("_budget", "held_bytes", "number")

    def __init__(self, budget: MemoryBudget, number: int) -> None:
        self._budget = budget
        self.number = number
        self.held_bytes = 0

    async def grow(self, size_bytes: int) -> None:
        """Hold more; waits for it.

        Raises:
            TooManyRequestsError: it did not become free in time.
            LimitError: there never is as much.
        """
        if size_bytes > 0 and not self._budget.take(self, size_bytes):
            await self._budget.wait(self, size_bytes)

    def add(self, size_bytes: int) -> None:
        """Hold more although there may be no room: it is there already."""
        self._budget.hold(self, size_bytes)

    def shrink(self, size_bytes: int) -> None:
        self._budget.release(self, min(size_bytes, self.held_bytes))

    def close(self) -> None:
        """Hold nothing; may be called more than once."""
        self._budget.release(self, self.held_bytes)


class MemoryBudget:
    """Gives memory to answers, by their age."""

    def __init__(self, policy: MemoryPolicy) -> None:
        self._policy = policy
        self._numbers = 0
        self._waiters: list[_Waiter] = []
        self._large: set[Ticket] = set()
        self.used_bytes = 0
        self._large_used_bytes = 0

    def open(self) -> Ticket:
        """A ticket for an answer; it holds nothing yet."""
        self._numbers += 1
        return Ticket(self, self._numbers)

    def take(self, ticket: Ticket, size_bytes: int) -> bool:
        """Give memory at once, if there is some and nobody older waits for it."""
        is_small = self._is_small(ticket, size_bytes)
        is_first = is_small or not any(not self._is_waiting_small(one) for one in self._waiters)
        if not is_first or not self._fits(ticket, size_bytes):
            return False
        self.hold(ticket, size_bytes)
        return True

    def hold(self, ticket: Ticket, size_bytes: int) -> None:
        """Count memory, whether there is room or not."""
        before = ticket.held_bytes
        ticket.held_bytes += size_bytes
        self.used_bytes += size_bytes
        if ticket in self._large:
            self._large_used_bytes += size_bytes
        elif ticket.held_bytes > self._policy.small_bytes:
            self._large.add(ticket)
            self._large_used_bytes += before + size_bytes
        MEMORY_HELD.set(self.used_bytes)

    def release(self, ticket: Ticket, size_bytes: int) -> None:
        """Take memory back, and give it to those who wait."""
        if not size_bytes:
            return
        ticket.held_bytes -= size_bytes
        self.used_bytes -= size_bytes
        if ticket in self._large:
            self._large_used_bytes -= size_bytes
            if ticket.held_bytes <= self._policy.small_bytes:
                self._large.remove(ticket)
                self._large_used_bytes -= ticket.held_bytes
        MEMORY_HELD.set(self.used_bytes)
        self._serve()

    async def wait(self, ticket: Ticket, size_bytes: int) -> None:
        """See `Ticket.grow`."""
        if ticket.held_bytes + size_bytes > self._policy.large_bytes:
            MEMORY_REFUSED.labels("never_fits").inc()
            raise LimitError(
                f"the answer needs more memory than the {self._policy.large_bytes} bytes that large "
                "answers may take together (--limits.memory-in-flight): ask for fewer series, a "
                "shorter range or a larger step"
            )
        waiter = _Waiter(ticket, size_bytes, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        self._waiters.sort(key=lambda one: one.ticket.number)
        MEMORY_WAITING.inc()
        try:
            self._break_the_ring()
            async with asyncio.timeout(self._policy.max_wait_ms / 1000):
                await waiter.granted
        except TimeoutError:
            raise self._refusal("waited_too_long") from None
        finally:
            MEMORY_WAITING.dec()
            self._drop(waiter)

    def _drop(self, waiter: _Waiter) -> None:
        """Wait no longer; who waits behind may go on. What was given just now is the ticket's."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
            self._serve()

    def _serve(self) -> None:
        """Give to the oldest first. A large one that must wait lets only small ones pass."""
        is_blocked = False
        for waiter in list(self._waiters):
            if is_blocked and not self._is_waiting_small(waiter):
                continue
            if not self._fits(waiter.ticket, waiter.size_bytes):
                is_blocked = True
                continue
            self._waiters.remove(waiter)
            if not waiter.granted.done():
                self.hold(waiter.ticket, waiter.size_bytes)
                waiter.granted.set_result(None)
        self._break_the_ring()

    def _break_the_ring(self) -> None:
        """When all that hold much wait for more, the youngest of them gives up."""
        waiting = {waiter.ticket for waiter in self._waiters}
        if len(self._large) > 1 and self._large <= waiting:
            youngest = max(self._large, key=lambda ticket: ticket.number)
            waiter = next(one for one in self._waiters if one.ticket is youngest)
            self._waiters.remove(waiter)
            if not waiter.granted.done():
                waiter.granted.set_exception(self._refusal("ring"))

    def _fits(self, ticket: Ticket, size_bytes: int) -> bool:
        if self.used_bytes + size_bytes > self._policy.total_bytes:
            return False
        if self._is_small(ticket, size_bytes):
            return True
        held_bytes = 0 if ticket in self._large else ticket.held_bytes
        return self._large_used_bytes + held_bytes + size_bytes <= self._policy.large_bytes

    def _is_small(self, ticket: Ticket, size_bytes: int) -> bool:
        return ticket.held_bytes + size_bytes <= self._policy.small_bytes

    def _is_waiting_small(self, waiter: _Waiter) -> bool:
        return self._is_small(waiter.ticket, waiter.size_bytes)

    def _refusal(self, reason: str) -> TooManyRequestsError:
        MEMORY_REFUSED.labels(reason).inc()
        seconds = max(1, ceil(self._policy.max_wait_ms / 1000))
        return TooManyRequestsError(
            f"no memory is free for this answer: answers under way may take {self._policy.total_bytes} "
            "bytes together (--limits.memory-in-flight): ask again later, or for less",
            seconds,
        )


class Uncounted:
    """A ticket for what is small and bounded otherwise."""

    held_bytes = 0

    async def grow(self, size_bytes: int) -> None:
        """Always."""

    def add(self, size_bytes: int) -> None:
        """Always."""

    def shrink(self, size_bytes: int) -> None:
        """Nothing was held."""

    def close(self) -> None:
        """Nothing was held."""


UNCOUNTED = Uncounted()
