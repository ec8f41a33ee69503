"""What the soak has found, each as short as it can be told. Mended, a test here passes, and says so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from proxy.engine.background import Background
from proxy.engine.fan_out import fan_out
from proxy.engine.stores_poll import poll_stores
from proxy.errors import UpstreamUnreachableError
from proxy.plan.holes import StoreWatch
from tests.soak.clock import HOUR_MS, MINUTE_MS, SECOND_MS, START_MS, SoakClock
from tests.soak.faults import KIND_OF, Fault
from tests.soak.panels import Request
from tests.soak.questions import PODS_PATH, MetadataQuestion, Question, RangeQuestion
from tests.soak.replicas import Sky
from tests.soak.simulation import Simulation, sights, told
from tests.soak.views import Absence, Views
from tests.soak.world import EXPR_OF, METRICS, SCRAPE_MS, Batch, World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.plan.store_views import Look

HOUR_AGO_MS = START_MS - HOUR_MS
CPU = RangeQuestion(EXPR_OF["cpu_load"], "team-a", HOUR_AGO_MS, HOUR_AGO_MS + 30 * MINUTE_MS, MINUTE_MS)
PODS = MetadataQuestion(METRICS["cpu_load"], "team-a", HOUR_AGO_MS, START_MS, PODS_PATH)


async def is_right(run: Simulation, question: Question) -> bool:
    """Ask once more; whether the answer is one of those that are allowed."""
    before = run.clients.tally.broken.total()
    await run.clients.ask(Request(question, is_post=False, wants_gzip=False))
    return run.clients.tally.broken.total() == before


async def pass_by(run: Simulation, lengths_ms: Sequence[int]) -> None:
    """Time passes, with looks at the stores as often as they are taken, where they succeed."""
    for by_ms in lengths_ms:
        for part_ms in sights(by_ms):
            await run.move_on(part_ms)
            await run.looked()


async def test_steps_without_series_live_no_longer_than_empty_life() -> None:
    first = (HOUR_AGO_MS + 10 * MINUTE_MS) // SCRAPE_MS
    last = first + 10 * MINUTE_MS // SCRAPE_MS
    late = Batch("cpu_load", frozenset(range(6)), first, last, START_MS + SECOND_MS)
    async with told(Sky(World((late,)), Views(1, ()), SoakClock()), ()) as run:
        assert await is_right(run, CPU)
        await pass_by(run, [SECOND_MS, 2 * MINUTE_MS])
        assert await is_right(run, CPU)


GONE = tuple(
    Absence("ruler", replica, START_MS + MINUTE_MS, START_MS + MINUTE_MS, START_MS + 2 * MINUTE_MS)
    for replica in range(2)
)
NO_LOOKS = (
    Fault(
        0,
        KIND_OF["503"],
        START_MS + 30 * SECOND_MS,
        START_MS + 2 * MINUTE_MS + 5 * SECOND_MS,
        only_looks=True,
    ),
)


@pytest.mark.parametrize("question", [CPU, PODS], ids=["range", "pods"])
async def test_a_hole_from_between_two_looks_far_apart_does_not_stay(question: Question) -> None:
    """The store goes and comes back while `/api/v1/stores` of one address fails."""
    async with told(Sky(World(), Views(2, GONE), SoakClock()), NO_LOOKS) as run:
        await pass_by(run, [SECOND_MS])
        await pass_by(run, [40 * SECOND_MS, 70 * SECOND_MS])
        assert await is_right(run, question)
        await pass_by(run, [15 * SECOND_MS])
        assert await is_right(run, question)


async def test_half_an_answer_to_a_query_that_is_asked_whole_is_no_answer() -> None:
    """`limit` makes the query whole; the same fault is a 502 without it."""
    half = Fault(0, KIND_OF["half, closed"], START_MS, START_MS + HOUR_MS)
    async with told(Sky(World(), Views(1, ()), SoakClock()), (half,)) as run:
        await run.move_on(SECOND_MS)
        split = await run.proxy.get(f"{CPU.path}?{CPU.parameters}")
        assert split.status == 502
        whole = await run.proxy.get(f"{CPU.path}?{CPU.parameters}&limit=9")
        assert whole.status == 502


class FailingUpstream:
    """Two addresses: one fails at once, the other takes a moment to be given up."""

    def __init__(self) -> None:
        self.is_given_up = asyncio.Event()

    async def stores(self) -> Look | None:
        await fan_out(self._ask, [0, 1], 2)
        raise AssertionError("one of them fails")

    async def _ask(self, address: int) -> None:
        if address == 0:
            raise UpstreamUnreachableError("refused")
        try:
            await asyncio.Event().wait()
        finally:
            self.is_given_up.set()
            await asyncio.sleep(0.01)


async def test_looks_at_the_stores_end_when_the_proxy_closes_while_one_fails() -> None:
    """A TaskGroup that fails hides a cancellation (3.11): SIGTERM then never ended the process."""
    upstream = FailingUpstream()
    looks = poll_stores(upstream, StoreWatch(HOUR_MS), SoakClock(), 0.01)  # type: ignore[arg-type]
    background = Background(1)
    background.spawn(looks)
    await upstream.is_given_up.wait()
    async with asyncio.timeout(5):
        await background.close()
