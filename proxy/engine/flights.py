"""One fetch for each gap, shared by all who wait for it, also when their ranges only overlap.

A flight belongs to nobody: a waiter that leaves cancels only its own wait, the last one that
leaves cancels the fetch. Who is given a share has a seat from that moment on, so that a flight is
not given up between being found and being waited for.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Generic, TypeVar

from proxy.engine.deadline import GRACE_S
from proxy.errors import NotSplittableError, QueryError, QueryTimeoutError, UpstreamAnswerError
from proxy.plan.partition import Run, without
from proxy.telemetry.log import LOG
from proxy.telemetry.metrics import FLIGHTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

T = TypeVar("T")


class OutlivedError(Exception):
    """Not for clients: the deadline of who started a flight has come, one's own has not. Ask again."""


class Flight(Generic[T]):
    """A fetch of the grid indices `run` under one key, and what is done with it afterwards.

    until_s: the deadline of who started it, on the event loop's clock.
    """

    def __init__(
        self,
        run: Run,
        until_s: float,
        task: asyncio.Task[None],
        arrival: asyncio.Future[T],
        drop: Callable[[T], None] | None,
    ) -> None:
        self.run = run
        self.until_s = until_s
        self._task = task
        self._arrival = arrival
        self._drop = drop
        self._seats = 0
        self._is_dropped = False

    @property
    def is_landing(self) -> bool:
        """Whether it has been given up and only its end has not come yet."""
        return self._task.done() or self._task.cancelling() > 0

    @property
    def has_arrived(self) -> bool:
        """Whether the fetch has ended, well or not."""
        return self._arrival.done()

    def share(self, run: Run) -> Share[T]:
        """A seat, for the part `run` of what the flight brings."""
        self._seats += 1
        return Share(run, self)

    async def result(self) -> T:
        """What the fetch brings or raises. To cancel this wait does not cancel the fetch."""
        return await asyncio.shield(self._arrival)

    def leave(self) -> None:
        """Give a seat back; with the last one the fetch is cancelled."""
        self._seats -= 1
        if self._seats:
            return
        if self._arrival.done():
            self.drop_unless_wanted()
        else:
            self._task.cancel()

    def drop_unless_wanted(self) -> None:
        """Once, when something was brought and nobody has a seat; it may come in spite of `cancel`."""
        arrival = self._arrival
        is_there = arrival.done() and not arrival.cancelled() and arrival.exception() is None
        if is_there and not self._seats and not self._is_dropped and self._drop:
            self._is_dropped = True
            self._drop(arrival.result())


class Share(Generic[T]):
    """The part of a wanted run that a flight brings, and a seat in it."""

    __slots__ = ("_flight", "_is_seated", "run")

    def __init__(self, run: Run, flight: Flight[T]) -> None:
        self.run = run
        self._flight = flight
        self._is_seated = True

    @property
    def flown(self) -> Run:
        """All that the flight is for; its failure may be that of any part of this."""
        return self._flight.run

    @property
    def has_arrived(self) -> bool:
        """Whether `join` would not wait."""
        return self._flight.has_arrived

    async def result(self, until_s: float = -math.inf) -> T:
        """Wait for the result, and stay; raises what the fetch raised.

        Raises:
            OutlivedError: who started it had less time than until `until_s`.
        """
        try:
            return await self._flight.result()
        except (QueryTimeoutError, UpstreamAnswerError) as error:
            if self._is_outlived(until_s):
                raise OutlivedError from error
            raise

    def _is_outlived(self, until_s: float) -> bool:
        """The upstream is told the deadline, and may say a little early that it has come."""
        now_s, ended_s = asyncio.get_running_loop().time(), self._flight.until_s
        return ended_s - GRACE_S <= now_s < until_s and ended_s < until_s

    async def join(self) -> T:
        """Wait for the result, and leave; raises what the fetch raised."""
        try:
            return await self._flight.result()
        finally:
            self.leave()

    def leave(self) -> None:
        """Want it no longer. May be called more than once."""
        if self._is_seated:
            self._is_seated = False
            self._flight.leave()


class Flights(Generic[T]):
    """The fetches under way, by key. drop: told what was brought, when nobody needs it any more."""

    def __init__(self, drop: Callable[[T], None] | None = None) -> None:
        self._drop = drop
        self._under_way: dict[Hashable, list[Flight[T]]] = {}

    def cover(
        self,
        key: Hashable,
        wanted: list[Run],
        split: Callable[[Run], list[Run]],
        fetch: Callable[[Run], Awaitable[T]],
        keep: Callable[[Run, T], Awaitable[None]] | None = None,
        until_s: float = math.inf,
    ) -> list[Share[T]]:
        """Flights that bring every index of `wanted`: those under way, and new ones for the rest.

        `until_s` is the asker's deadline, see `OutlivedError`. `keep` is for work that no waiter has
        to wait for. Until it is done the flight can be joined, so nobody finds neither a flight nor
        what it has left behind.
        Synchronous, so that nobody can ask for the same steps between look and start. The caller
        must join or leave every share.
        """
        shares = []
        others = [f for f in self._under_way.get(key, ()) if not f.is_landing]
        for flight in others:
            shares += [flight.share(run) for run in _common(wanted, flight.run)]
        taken = sorted(share.run for share in shares)
        FLIGHTS.labels("joined").inc(len(shares))
        for run in without(wanted, taken):
            for part in split(run):
                FLIGHTS.labels("led").inc()
                shares.append(self._start(key, part, fetch, keep, until_s).share(part))
        return sorted(shares, key=lambda share: share.run)

    def forget(self) -> None:
        """Let nobody else join what is under way: it may bring what has just been purged."""
        self._under_way = {}

    def _start(
        self,
        key: Hashable,
        run: Run,
        fetch: Callable[[Run], Awaitable[T]],
        keep: Callable[[Run, T], Awaitable[None]] | None,
        until_s: float,
    ) -> Flight[T]:
        loop = asyncio.get_running_loop()
        arrival: asyncio.Future[T] = loop.create_future()

        async def fly() -> None:
            try:
                arrival.set_result(await fetch(run))
            except Exception as error:  # noqa: BLE001  it is the waiters'
                if isinstance(error, QueryError | NotSplittableError):
                    error.__traceback__ = None  # its frames hold what was fetched so far
                arrival.set_exception(error)
                return
            if keep is not None:
                await keep(run, arrival.result())

        task = loop.create_task(fly())
        flight = Flight(run, until_s, task, arrival, self._drop)
        self._under_way.setdefault(key, []).append(flight)
        task.add_done_callback(lambda done: self._land(key, flight, arrival, done))
        return flight

    def _land(
        self, key: Hashable, flight: Flight[T], arrival: asyncio.Future[T], task: asyncio.Task[None]
    ) -> None:
        flights = self._under_way.get(key, [])
        if flight in flights:
            flights.remove(flight)
            if not flights:
                del self._under_way[key]
        if not arrival.done():
            arrival.cancel()
        elif not arrival.cancelled():
            arrival.exception()  # waiters raise it; without one it would count as never looked at
            flight.drop_unless_wanted()
        if not task.cancelled() and (error := task.exception()):
            LOG.error("what was fetched could not be kept", exc_info=error)


def _common(wanted: list[Run], other: Run) -> list[Run]:
    both = (Run(max(run.first, other.first), min(run.end, other.end)) for run in wanted)
    return [run for run in both if run.first < run.end]
