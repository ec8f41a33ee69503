"""What an answer holds of the memory that all answers under way share."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Budget(Protocol):
    """Where tickets are counted: `engine.memory`."""

    def take(self, ticket: Ticket, size_bytes: int) -> bool:
        """See `Ticket.take`."""
        ...

    async def wait(self, ticket: Ticket, size_bytes: int) -> None:
        """See `Ticket.grow`."""
        ...

    def change(self, ticket: Ticket, size_bytes: int) -> None:
        """Count memory that comes or goes."""
        ...

    def release(self, ticket: Ticket, size_bytes: int) -> None:
        """Take memory back, and give it to those who wait."""
        ...


@dataclass(eq=False, slots=True)
class Answer:
    """All tickets of one answer together. number: its age, the oldest has the least."""

    number: int
    held_bytes: int = 0
    large_bytes: int = 0


PART_OF: ContextVar[Answer | None] = ContextVar("answer", default=None)


class Ticket:
    """Implements `engine.ports.MemoryTicket`: what an answer, or a part of it, holds.

    peak_bytes: the most that it held. promised_bytes: what is to be there for it while it grows.
    """

    __slots__ = ("_budget", "answer", "held_bytes", "peak_bytes", "promised_bytes")

    def __init__(self, budget: Budget, answer: Answer) -> None:
        self._budget = budget
        self.answer = answer
        self.held_bytes = 0
        self.peak_bytes = 0
        self.promised_bytes = 0

    @property
    def missing_bytes(self) -> int:
        """What it is promised and does not hold yet."""
        return max(self.promised_bytes - self.held_bytes, 0)

    @contextmanager
    def parts(self) -> Iterator[None]:
        """What is opened in this context, and in tasks that are started in it, is the same answer's."""
        token = PART_OF.set(self.answer)
        try:
            yield
        finally:
            PART_OF.reset(token)

    async def grow(self, size_bytes: int) -> None:
        """Hold more; waits for it. Who is not given it holds what it held before.

        Raises:
            TooManyRequestsError: it did not become free in time.
            LimitError: there never is as much.
        """
        if not self.take(size_bytes):
            await self._budget.wait(self, size_bytes)

    def take(self, size_bytes: int) -> bool:
        """Hold more, if there is as much at once and nobody goes first."""
        return size_bytes <= 0 or self._budget.take(self, size_bytes)

    def add(self, size_bytes: int) -> None:
        """Hold more although there may be no room: it is there already."""
        self._budget.change(self, size_bytes)

    def shrink(self, size_bytes: int) -> None:
        """Hold less, if only by nothing: it is known now how large the answer is."""
        self._budget.release(self, max(min(size_bytes, self.held_bytes), 0))

    def close(self) -> None:
        """Hold nothing; may be called more than once."""
        self._budget.release(self, self.held_bytes)
