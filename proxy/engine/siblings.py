"""One fetch for all workers of a machine: who finds another one at the same question waits for it.

It is what joining a flight is within a process, with the same rules. The one that asks holds a lease,
which ends with its fetch or with the process. It writes the answer down only if somebody waits, and
when it was asked for and complete. Who takes it over treats it as if it had asked itself at those
times: its own looks at the stores confirm it. It must have been complete after the question came, for
what is older is no answer to that; and it must be of the same addresses.
"""

from __future__ import annotations

import asyncio
import hashlib
import struct
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from proxy.engine.ports import UpstreamAnswer
from proxy.telemetry.metrics import SIBLING_FLIGHTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from proxy.engine.ports import Clock, MemoryTicket, Threads

T = TypeVar("T")
_HEAD = struct.Struct("<32s16shqqqBq")
"""Digests of the question and of the addresses; which of these; began (wall), began, ended; no-store;
length."""
_NOBODY = -1
"""In the place of an address."""
_MOST_ADDRESSES = 1 << 15
_NUMBER_BITS = 61
_FIRST_PAUSE_S, _MOST_PAUSE_S = 0.002, 0.02
_LINGER_S = 1.0
"""How long an answer lies there: who waits looks far more often."""
_MOST_WRITTEN_BYTES = 128 << 20


class Asked(NamedTuple, Generic[T]):
    """An answer, when it was asked for and complete, and what was read in it.

    read: None of an answer that another worker was given.
    """

    answer: UpstreamAnswer
    began_wall_ms: int
    began_ms: int
    ended_ms: int
    read: T | None = None


class Board(Protocol):
    """Where the workers of a machine see what the others do. Questions are numbers below 2 ** 61.

    Nothing here raises. A lease ends with the process that holds it.
    """

    def take(self, number: int) -> bool:
        """Get the lease; False when another process holds it. True also when nobody can say."""
        ...

    def release(self, number: int) -> None:
        """Give the lease back."""
        ...

    def want(self, number: int) -> None:
        """Say that somebody waits here."""
        ...

    def unwant(self, number: int) -> None:
        """Say that nobody waits here any more."""
        ...

    def is_wanted(self, number: int) -> bool:
        """Whether another process waits."""
        ...

    def write(self, number: int, head: bytes, body: bytes) -> None:
        """Write an answer down; blocks."""
        ...

    def read_head(self, number: int, size: int) -> bytes:
        """How what is written down begins; b"" when there is nothing."""
        ...

    def read(self, number: int, head: bytes) -> bytes:
        """The body under a head; b"" when there is another by now. Blocks."""
        ...

    def remove(self, number: int) -> None:
        """Throw away what is written down."""
        ...


class Origin(Protocol):
    """The addresses that answers come from."""

    def addresses(self) -> str:
        """All that are known, line by line."""
        ...

    async def take_over(self, size_bytes: int, url: str) -> MemoryTicket:
        """Get ready for an answer that another process was given.

        url: the address that gave it; "" where any of them may have.
        Returns a ticket for its memory. Raises `QueryError`s: there is none.
        """
        ...


class Siblings:
    """Asks the upstream, or takes over what another worker is being answered.

    most_wait_s: how long another one is waited for.
    """

    def __init__(
        self,
        board: Board,
        origin: Origin,
        clock: Clock,
        threads: Threads,
        most_wait_s: float,
    ) -> None:
        self._board = board
        self._origin = origin
        self._clock = clock
        self._threads = threads
        self._most_wait_s = most_wait_s
        self._held: set[int] = set()
        self._written_bytes = 0
        self._forgotten_ms = -1

    def forget(self) -> None:
        """Take over nothing that was asked for until now, after a purge."""
        self._forgotten_ms = self._clock.monotonic_ms()

    async def ask(
        self, identity: bytes, fetch: Callable[[], Awaitable[Asked[T]]], until_s: float
    ) -> Asked[T]:
        """The answer to a question, by `fetch` or by another worker that is at it.

        identity: all that an answer or a failure depends on. until_s: the asker's deadline.

        Raises:
            QueryError: as `fetch`.
        """
        digest = hashlib.blake2b(identity, digest_size=32).digest()
        number = int.from_bytes(digest[:8], "big") >> (64 - _NUMBER_BITS)
        if number in self._held:
            return await fetch()
        if not self._board.take(number):
            found = await self._follow(number, digest, until_s)
            if found is not None:
                return found
            if number in self._held or not self._board.take(number):
                return await fetch()
        return await self._lead(number, digest, fetch)

    async def _lead(
        self, number: int, digest: bytes, fetch: Callable[[], Awaitable[Asked[T]]]
    ) -> Asked[T]:
        self._held.add(number)
        try:
            found = await fetch()
            if self._board.is_wanted(number):
                await self._write(number, digest, found)
            return found
        finally:
            self._held.discard(number)
            self._board.release(number)

    async def _write(self, number: int, digest: bytes, found: Asked[Any]) -> None:
        body = found.answer.body
        if self._written_bytes + len(body) > _MOST_WRITTEN_BYTES:
            return
        self._written_bytes += len(body)
        addresses = self._origin.addresses()
        by, no_store = _place(addresses, found.answer.url), found.answer.no_store
        head = _HEAD.pack(digest, _digest(addresses), by, *found[1:4], no_store, len(body))
        loop = asyncio.get_running_loop()
        try:
            await self._threads.run(lambda text: self._board.write(number, head, text), body, len(body))
        finally:
            loop.call_later(_LINGER_S, self._throw_away, number, len(body))

    def _throw_away(self, number: int, size_bytes: int) -> None:
        self._written_bytes -= size_bytes
        self._board.remove(number)

    async def _follow(self, number: int, digest: bytes, until_s: float) -> Asked[Any] | None:
        """What another worker writes down; None when it does not, or does not in time."""
        loop = asyncio.get_running_loop()
        came_ms, pause_s = self._clock.monotonic_ms(), _FIRST_PAUSE_S
        until_s = min(until_s, loop.time() + self._most_wait_s)
        try:
            while loop.time() < until_s:
                self._board.want(number)  # again: the first time the holder may have been looking
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _MOST_PAUSE_S)
                is_over = self._is_free(number)
                if found := await self._taken_over(number, digest, came_ms):
                    SIBLING_FLIGHTS.labels("followed").inc()
                    return found
                if is_over:
                    break
        finally:
            self._board.unwant(number)
        SIBLING_FLIGHTS.labels("in_vain").inc()
        return None

    def _is_free(self, number: int) -> bool:
        """Whether no other worker is at it; a lease that this one holds stays."""
        if number in self._held:
            return True
        is_free = self._board.take(number)
        if is_free:
            self._board.release(number)
        return is_free

    async def _taken_over(self, number: int, digest: bytes, came_ms: int) -> Asked[Any] | None:
        head = self._board.read_head(number, _HEAD.size)
        if len(head) != _HEAD.size:
            return None
        of, their, by, began_wall_ms, began_ms, ended_ms, no_store, size_bytes = _HEAD.unpack(head)
        addresses = self._origin.addresses()
        is_answer = of == digest and their == _digest(addresses) and ended_ms >= came_ms
        if not is_answer or began_ms <= self._forgotten_ms:
            return None
        url = "" if by == _NOBODY else addresses.split("\n")[by]
        taken_ms = self._clock.monotonic_ms()
        memory = await self._origin.take_over(size_bytes, url)
        try:
            body = await self._threads.run(lambda one: self._board.read(number, one), head, size_bytes)
        except BaseException:
            memory.close()
            raise
        if len(body) != size_bytes:
            memory.close()
            return None
        answer = UpstreamAnswer(body, bool(no_store), memory=memory)
        # Looks of this process that began before may not have asked the address that answered.
        return Asked(answer, began_wall_ms, began_ms, max(ended_ms, taken_ms))


def _digest(addresses: str) -> bytes:
    return hashlib.blake2b(addresses.encode(), digest_size=16).digest()


def _place(addresses: str, url: str) -> int:
    known = addresses.split("\n")[:_MOST_ADDRESSES]
    return known.index(url) if url in known else _NOBODY
