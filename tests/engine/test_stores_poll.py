"""The poll of the upstream's stores: what it tells the watch, and what failing looks do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar

import pytest

from proxy.engine.stores_poll import poll_stores
from proxy.errors import BadUpstreamAnswerError, UpstreamUnreachableError
from proxy.plan.holes import Store, StoreWatch, Trust
from proxy.plan.store_views import Look
from tests.engine.cached import ManualClock
from tests.plan.stores import ALL, broken, store

if TYPE_CHECKING:
    from proxy.engine.ports import Read
    from proxy.model.query import Caller

T = TypeVar("T")

A, B = store("a"), store("b")
INTERVAL_S = 0.001

Looking = Callable[[], Awaitable[Look | None]]


@dataclass(slots=True)
class Listing:
    """An upstream that is asked for its stores only."""

    look: Looking
    looks: int = 0

    async def ask(
        self, path: str, form: bytes, caller: Caller, read: Read[T], kind: object = None
    ) -> T:
        raise AssertionError(path)

    async def get(self, path_and_query: str, caller: Caller, read: Read[T], kind: object = None) -> T:
        raise AssertionError(path_and_query)

    async def stores(self) -> Look | None:
        self.looks += 1
        return await self.look()


def finds(*stores: Store) -> Looking:
    async def look() -> Look | None:
        return Look(list(stores))

    return look


def fails(error: Exception) -> Looking:
    async def look() -> Look | None:
        raise error

    return look


async def no_endpoint() -> Look | None:
    return None


@asynccontextmanager
async def polling(
    upstream: Listing, watch: StoreWatch, clock: ManualClock | None = None
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """A poll that runs; gives a way to wait for two more looks (the first may be under way)."""
    poll = asyncio.create_task(poll_stores(upstream, watch, clock or ManualClock(), INTERVAL_S))

    async def two_more_looks() -> None:
        wanted = upstream.looks + 2
        async with asyncio.timeout(5):
            while upstream.looks < wanted:  # noqa: ASYNC110  it is the looks that are waited for
                await asyncio.sleep(INTERVAL_S)

    yield two_more_looks
    poll.cancel()
    with pytest.raises(asyncio.CancelledError):
        await poll


async def test_the_watch_learns_of_losses_and_returns() -> None:
    watch, upstream = StoreWatch(10**9), Listing(finds(A, B))
    async with polling(upstream, watch) as two_more_looks:
        await two_more_looks()
        assert watch.away == []
        upstream.look = finds(A, broken(B))
        await two_more_looks()
        assert watch.away == ["b"]
        upstream.look = finds(A, B)
        await two_more_looks()
        assert watch.away == []


class Remembering(StoreWatch):
    """A watch that knows when each look began and ended."""

    looks: ClassVar[list[tuple[int, int]]] = []

    def look(
        self, began_ms: int, ended_ms: int, stores: list[Store], has_lost_sight: bool = False
    ) -> None:
        self.looks.append((began_ms, ended_ms))


async def test_a_look_counts_from_when_it_was_sent_to_when_it_was_answered() -> None:
    watch, clock = Remembering(10**9), ManualClock(monotonic=1000)

    async def slow() -> Look | None:
        clock.monotonic += 500
        return Look([A])

    async with polling(Listing(slow), watch, clock) as two_more_looks:
        await two_more_looks()
    assert watch.looks[:2] == [(1000, 1500), (1500, 2000)]


@pytest.mark.parametrize(
    "error", [UpstreamUnreachableError("gone"), BadUpstreamAnswerError("html"), TimeoutError()]
)
async def test_a_look_that_fails_confirms_nothing_and_the_next_one_is_taken(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    watch, upstream = StoreWatch(10**9), Listing(fails(error))
    async with polling(upstream, watch) as two_more_looks:
        await two_more_looks()
        assert watch.trust(0, 0, ALL) is Trust.PENDING
        warnings = [r for r in caplog.records if r.levelname == "WARNING"]
        assert len(warnings) == 1, "said once, not at every look"
        upstream.look = finds(A)
        await two_more_looks()
        assert watch.trust(0, 0, ALL) is Trust.CONFIRMED


async def test_an_upstream_without_the_endpoint_is_whole() -> None:
    watch, upstream = StoreWatch(10**9), Listing(no_endpoint)
    async with polling(upstream, watch) as two_more_looks:
        await two_more_looks()
        assert watch.trust(10**9, 10**9, ALL) is Trust.CONFIRMED


async def test_a_change_is_said_in_the_log_and_calm_is_not(caplog: pytest.LogCaptureFixture) -> None:
    watch, upstream = StoreWatch(10**9), Listing(finds(A, B))
    async with polling(upstream, watch) as two_more_looks:
        await two_more_looks()
        assert not caplog.records
        upstream.look = finds(A)
        await two_more_looks()
        await two_more_looks()
        assert len(caplog.records) == 1
