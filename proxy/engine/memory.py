"""How much memory answers under way may take, all together.

An answer's size is known only when it has arrived, so each takes more as it grows. What does not fit
waits. Small answers go first, and have some room for themselves, so that a dashboard's many small
queries pass by the few large ones. Then come answers that hold much already, since what they hold is
free again once they are done; then the others. Among equals the oldest goes first. Nobody begins to
hold much before there is room for as much as such answers mostly take: a few that end are better
than many that are in each other's way.

Answers that hold memory and wait for more could wait for each other for ever. So when whoever does not
wait cannot free enough for the first that does, the youngest that waits is refused. An answer is all
that is fetched for it: where one part waits, the others cannot be let go either.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from proxy.engine.memory_policy import MemoryPolicy
from proxy.engine.ticket import PART_OF, Answer, Ticket
from proxy.telemetry.metrics import MEMORY_HELD, MEMORY_WAITING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.errors import QueryError


__all__ = ["UNCOUNTED", "MemoryBudget", "MemoryPolicy"]

_SMALL, _LARGE, _BEGUN = range(3)
_TYPICAL_BYTES = 32 << 20
"""What a large answer is thought to take until there have been some."""
_STEP_BYTES = 4 << 20
"""What arrives is taken on in smaller steps than this."""


@dataclass(eq=False, slots=True)
class _Waiter:
    number: int
    ticket: Ticket
    size_bytes: int
    granted: asyncio.Future[None]


class MemoryBudget:
    """Gives memory to answers."""

    def __init__(self, policy: MemoryPolicy) -> None:
        self._policy = policy
        self._numbers = count(1)
        self._waiters: list[_Waiter] = []
        self.used_bytes = 0
        self._large_used_bytes = 0
        self._promised_bytes = 0
        self._typical_bytes = min(policy.large_bytes, _TYPICAL_BYTES)

    @property
    def total_bytes(self) -> int:
        """What all answers may take together."""
        return self._policy.total_bytes

    @property
    def waiting(self) -> int:
        """How many wait for memory."""
        return len(self._waiters)

    def open(self) -> Ticket:
        """A ticket for an answer, or for a part of one (`Ticket.parts`); it holds nothing yet."""
        return Ticket(self, PART_OF.get() or Answer(next(self._numbers)))

    def take(self, ticket: Ticket, size_bytes: int) -> bool:
        """See `Ticket.take`."""
        if self._waiters:
            rank = self._rank(ticket, size_bytes)
            if any(self._rank(one.ticket, one.size_bytes) < rank for one in self._waiters):
                return False
        if not self._fits(ticket, size_bytes):
            return False
        self._give(ticket, size_bytes)
        return True

    def _give(self, ticket: Ticket, size_bytes: int) -> None:
        """One that begins to hold much, and in small steps, is promised as much as others took."""
        begins = not self._policy.large_part(ticket.held_bytes) and size_bytes <= _STEP_BYTES
        if begins and not self._is_small(ticket, size_bytes):
            self._promise(ticket, self._typical_bytes)
        self.change(ticket, size_bytes)

    def _promise(self, ticket: Ticket, promised_bytes: int) -> None:
        self._promised_bytes -= ticket.missing_bytes
        ticket.promised_bytes = promised_bytes
        self._promised_bytes += ticket.missing_bytes

    def change(self, ticket: Ticket, size_bytes: int) -> None:
        """Count memory that comes or goes."""
        before_bytes = self._policy.large_part(ticket.held_bytes)
        self._promised_bytes -= ticket.missing_bytes
        ticket.held_bytes += size_bytes
        ticket.peak_bytes = max(ticket.peak_bytes, ticket.held_bytes)
        self._promised_bytes += ticket.missing_bytes
        large_bytes = self._policy.large_part(ticket.held_bytes) - before_bytes
        ticket.answer.held_bytes += size_bytes
        ticket.answer.large_bytes += large_bytes
        self.used_bytes += size_bytes
        self._large_used_bytes += large_bytes
        MEMORY_HELD.set(self.used_bytes)

    def release(self, ticket: Ticket, size_bytes: int) -> None:
        """Take memory back, and give it to those who wait. Who gives back, be it nothing, has grown."""
        if ticket.promised_bytes:
            self._promise(ticket, 0)
            self._learn(ticket.peak_bytes)
        elif not size_bytes:
            return
        self.change(ticket, -size_bytes)
        self._serve()

    def _learn(self, peak_bytes: int) -> None:
        """At once that answers are larger, slowly that they are smaller."""
        nearer_bytes = self._typical_bytes + (peak_bytes - self._typical_bytes) // 4
        self._typical_bytes = min(max(peak_bytes, nearer_bytes), self._policy.large_bytes)

    async def wait(self, ticket: Ticket, size_bytes: int) -> None:
        """See `Ticket.grow`."""
        if ticket.answer.held_bytes + size_bytes > self._policy.large_bytes:
            raise self._policy.never()
        granted = asyncio.get_running_loop().create_future()
        waiter = _Waiter(next(self._numbers), ticket, size_bytes, granted)
        self._waiters.append(waiter)
        MEMORY_WAITING.inc()
        try:
            self._serve()
            async with asyncio.timeout(self._policy.max_wait_ms / 1000):
                await granted
        except TimeoutError:
            self._abandon(waiter)
            raise self._policy.refusal("waited_too_long") from None
        except BaseException:
            self._abandon(waiter)
            raise
        finally:
            MEMORY_WAITING.dec()

    def _abandon(self, waiter: _Waiter) -> None:
        """Wait no longer; what was given at this very moment goes to the next."""
        granted = waiter.granted
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        elif not granted.cancelled() and granted.exception() is None:
            self.change(waiter.ticket, -waiter.size_bytes)
            if not self._policy.large_part(waiter.ticket.held_bytes):
                self._promise(waiter.ticket, 0)
        self._serve()

    def _serve(self) -> None:
        """Give to the first; where one must wait, all behind it do. Then see that one can go on."""
        if not self._waiters:
            return
        while (waiter := self._first()) and self._fits(waiter.ticket, waiter.size_bytes):
            self._waiters.remove(waiter)
            self._give(waiter.ticket, waiter.size_bytes)
            waiter.granted.set_result(None)
        self._send_begun_away()
        while (waiter := self._first()) and self._is_stuck(waiter):
            self._refuse_for(waiter)

    def _first(self) -> _Waiter | None:
        waiting = self._waiting()
        return min(waiting, key=self._place) if waiting else None

    def _waiting(self) -> list[_Waiter]:
        """Those who have not gone; of who was cancelled just now, the task has not run yet."""
        return [waiter for waiter in self._waiters if not waiter.granted.done()]

    def _place(self, waiter: _Waiter) -> tuple[int, int, int]:
        return *self._rank(waiter.ticket, waiter.size_bytes), waiter.number

    def _rank(self, ticket: Ticket, size_bytes: int) -> tuple[int, int]:
        """Small ones, those that hold much, the others; by age."""
        if self._is_small(ticket, size_bytes):
            return _SMALL, ticket.answer.number
        return _LARGE if ticket.answer.large_bytes else _BEGUN, ticket.answer.number

    def _is_stuck(self, first: _Waiter) -> bool:
        """Whether it would not fit even if all who do not wait let go of everything."""
        answers = {waiter.ticket.answer for waiter in self._waiting()}
        held_bytes = sum(answer.held_bytes for answer in answers)
        large_bytes = sum(answer.large_bytes for answer in answers)
        return not self._would_fit(first.ticket, first.size_bytes, held_bytes, large_bytes)

    def _refuse_for(self, first: _Waiter) -> None:
        """The youngest that waits gives way, rather one that holds much; none but the first: it."""
        others = [w for w in self._waiting() if w.ticket.answer is not first.ticket.answer]
        holding = [w for w in others if w.ticket.answer.large_bytes] or [
            w for w in others if w.ticket.answer.held_bytes
        ]
        if holding:
            youngest = max(holding, key=lambda w: (w.ticket.answer.number, w.number))
            self._refuse(youngest, self._policy.refusal("ring"))
        else:
            self._refuse(first, self._policy.never())

    def _send_begun_away(self) -> None:
        """The youngest of those that would become large, when they are too many."""
        begun = [w for w in self._waiting() if w.ticket.held_bytes and self._place(w)[0] == _BEGUN]
        begun.sort(key=self._place)
        held_bytes = sum(w.ticket.held_bytes for w in begun)
        while len(begun) > self._policy.most_begun or held_bytes > self._policy.begun_bytes:
            youngest = begun.pop()
            held_bytes -= youngest.ticket.held_bytes
            self._refuse(youngest, self._policy.refusal("too_many_wait"))

    def _refuse(self, waiter: _Waiter, refusal: QueryError) -> None:
        self._promise(waiter.ticket, 0)  # what it held says nothing of what it would have taken
        self._waiters.remove(waiter)
        waiter.granted.set_exception(refusal)

    def _fits(self, ticket: Ticket, size_bytes: int) -> bool:
        if not self._would_fit(ticket, size_bytes, self.used_bytes, self._large_used_bytes):
            return False
        expected_bytes = self._large_used_bytes + self._promised_bytes
        if self._rank(ticket, size_bytes)[0] != _BEGUN or not expected_bytes:
            return True
        needed_bytes = ticket.held_bytes + size_bytes
        if size_bytes <= _STEP_BYTES:  # a large step says all, a small one is the first
            needed_bytes = max(needed_bytes, self._typical_bytes)
        return expected_bytes + needed_bytes <= self._policy.large_bytes

    def _would_fit(
        self, ticket: Ticket, size_bytes: int, used_bytes: int, large_used_bytes: int
    ) -> bool:
        if used_bytes + size_bytes > self._policy.total_bytes:
            return False
        if self._is_small(ticket, size_bytes):
            return True
        if not self._policy.large_part(ticket.held_bytes):
            size_bytes += ticket.held_bytes
        return large_used_bytes + size_bytes <= self._policy.large_bytes

    def _is_small(self, ticket: Ticket, size_bytes: int) -> bool:
        return ticket.held_bytes + size_bytes <= self._policy.small_bytes


class Uncounted:
    """A ticket for what is small and bounded otherwise."""

    held_bytes = 0

    @contextmanager
    def parts(self) -> Iterator[None]:
        """Nothing is told apart."""
        yield

    async def grow(self, size_bytes: int) -> None:
        """Always."""

    def take(self, size_bytes: int) -> bool:
        """Whatever it is."""
        return size_bytes >= 0

    def add(self, size_bytes: int) -> None:
        """Always."""

    def shrink(self, size_bytes: int) -> None:
        """Nothing was held."""

    def close(self) -> None:
        """Nothing was held."""


UNCOUNTED = Uncounted()
