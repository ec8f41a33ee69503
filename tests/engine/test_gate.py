"""Who is let in, who waits, who is sent away."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from proxy.engine.gate import Gate, GatePolicy
from proxy.engine.memory import MemoryBudget, MemoryPolicy
from proxy.errors import TooManyRequestsError
from proxy.telemetry.metrics import QUEUE_REFUSED, READS_WAITING
from proxy.telemetry.registry import REGISTRY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def gate(running: int = 2, tenant: int = 2, waiting: int = 10, wait_ms: int = 5000) -> Gate:
    return Gate(GatePolicy(running, tenant, waiting, wait_ms), READS_WAITING)


@dataclass(eq=False)
class Visit:
    """Somebody who wants to enter, and stays until told to leave."""

    gate: Gate
    tenant: str
    log: list[str]
    name: str
    may_leave: asyncio.Event = field(default_factory=asyncio.Event)
    is_inside: bool = False
    task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        async with self.gate.enter(self.tenant):
            self.is_inside = True
            self.log.append(self.name)
            await self.may_leave.wait()
        self.is_inside = False

    async def leave(self) -> None:
        self.may_leave.set()
        assert self.task
        await self.task
        await turns()

    async def give_up(self) -> None:
        assert self.task
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task
        await turns()

    async def refusal(self) -> TooManyRequestsError:
        assert self.task
        with pytest.raises(TooManyRequestsError) as raised:
            await self.task
        return raised.value


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class Scene:
    """Visits to one gate; `log` has their names in the order in which they came in."""

    def __init__(self, visited: Gate) -> None:
        self.gate = visited
        self.log: list[str] = []
        self.visits: list[Visit] = []

    async def comes(self, name: str) -> Visit:
        """The name's first letter is the tenant."""
        visit = Visit(self.gate, name[0], self.log, name)
        visit.task = asyncio.create_task(visit.run())
        self.visits.append(visit)
        await turns()
        return visit

    @property
    def inside(self) -> set[str]:
        return {visit.name for visit in self.visits if visit.is_inside}


@asynccontextmanager
async def scene(visited: Gate) -> AsyncIterator[Scene]:
    made = Scene(visited)
    yield made
    for visit in made.visits:
        visit.may_leave.set()
    await asyncio.gather(*(v.task for v in made.visits if v.task), return_exceptions=True)
    assert REGISTRY.get_sample_value("thanoxy_remote_reads_waiting") == 0
    assert not visited._running
    assert not visited._waiters


async def test_as_many_as_may_run_at_once_and_the_next_in_turn() -> None:
    async with scene(gate()) as s:
        first, second = await s.comes("a1"), await s.comes("b1")
        for name in ("c1", "d1", "e1"):
            await s.comes(name)
        assert s.inside == {"a1", "b1"}
        assert REGISTRY.get_sample_value("thanoxy_remote_reads_waiting") == 3
        await second.leave()
        assert s.inside == {"a1", "c1"}
        await first.leave()
        assert s.inside == {"c1", "d1"}
        assert s.log == ["a1", "b1", "c1", "d1"]


async def test_a_tenant_that_has_its_share_waits_while_others_pass() -> None:
    async with scene(gate(running=3, tenant=1)) as s:
        first = await s.comes("a1")
        await s.comes("a2")
        await s.comes("b1")
        assert s.inside == {"a1", "b1"}
        await first.leave()
        assert s.inside == {"a2", "b1"}


async def test_who_runs_least_is_let_in_first() -> None:
    async with scene(gate(running=3, tenant=3)) as s:
        runs = [await s.comes(name) for name in ("a1", "a2", "b1")]
        for name in ("a3", "a4", "b2", "c1"):
            await s.comes(name)
        await runs[1].leave()
        assert s.inside == {"a1", "b1", "c1"}
        await runs[0].leave()
        assert s.inside == {"b1", "c1", "a3"}


async def test_a_failure_inside_gives_the_place_back() -> None:
    visited = gate(running=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with visited.enter("a"):
                raise ZeroDivisionError
    async with visited.enter("a"):
        pass


async def test_who_gives_up_waiting_leaves_no_trace() -> None:
    async with scene(gate(running=1)) as s:
        first = await s.comes("a1")
        gone = await s.comes("b1")
        await s.comes("c1")
        await gone.give_up()
        await first.leave()
        assert s.inside == {"c1"}


@pytest.mark.parametrize("is_given_first", [True, False])
async def test_a_place_that_came_too_late_goes_to_the_next(is_given_first: bool) -> None:
    """The place is given and the wait is cancelled in the same turn of the loop."""
    async with scene(gate(running=1)) as s, AsyncExitStack() as inside:
        await inside.enter_async_context(s.gate.enter("a"))
        gone = await s.comes("b1")
        await s.comes("c1")
        assert gone.task
        if is_given_first:
            await inside.aclose()  # takes no turn of the loop
            gone.task.cancel()
        else:
            gone.task.cancel()
            await inside.aclose()
        await turns()
        assert gone.task.cancelled()
        assert s.inside == {"c1"}


async def test_a_wait_that_is_too_long_ends_with_429() -> None:
    async with scene(gate(running=1, tenant=1, wait_ms=20)) as s:
        first = await s.comes("a1")
        refusal = await (await s.comes("b1")).refusal()
        assert refusal.status == 429
        assert refusal.retry_after_s == 1
        assert str(refusal) == (
            "too many remote reads: 1 may run at once (--remote-read.max-concurrent), 1 of one tenant "
            "(--remote-read.max-concurrent-per-tenant), and no turn came within 20 ms"
        )
        await first.leave()
        await s.comes("c1")
        assert s.inside == {"c1"}


@pytest.mark.parametrize(("wait_ms", "retry_after_s"), [(0, 1), (1000, 1), (1001, 2), (30_000, 30)])
async def test_who_is_sent_away_hears_when_to_come_again(wait_ms: int, retry_after_s: int) -> None:
    async with scene(gate(running=1, waiting=0, wait_ms=wait_ms)) as s:
        await s.comes("a1")
        refusal = await (await s.comes("b1")).refusal()
        assert refusal.retry_after_s == retry_after_s
        assert "0 wait already (--remote-read.max-waiting)" in str(refusal)


async def test_a_tenant_cannot_fill_the_waiting_places_against_others() -> None:
    async with scene(gate(running=1, waiting=4)) as s:
        first = await s.comes("a1")
        waiting = {name: await s.comes(name) for name in ("a2", "a3", "a4", "a5")}
        assert "4 wait already" in str(await (await s.comes("a6")).refusal())
        for name in ("b1", "b2"):
            await s.comes(name)
        assert "others came who have fewer" in str(await waiting["a5"].refusal())
        assert "others came who have fewer" in str(await waiting["a4"].refusal())
        assert "4 wait already" in str(await (await s.comes("b3")).refusal())
        await first.leave()
        assert s.inside == {"a2"}


async def test_nobody_is_sent_away_for_one_who_would_then_wait_most() -> None:
    async with scene(gate(running=1, waiting=3)) as s:
        for name in ("c1", "a1", "a2", "b1"):
            await s.comes(name)
        assert "3 wait already" in str(await (await s.comes("b2")).refusal())
        assert [waiter.tenant for waiter in s.gate._waiters] == ["a", "a", "b"]


async def test_one_who_is_sent_away_while_it_gives_up_is_no_lost_error() -> None:
    async with scene(gate(running=1, waiting=2)) as s:
        await s.comes("a1")
        await s.comes("a2")
        gone = await s.comes("a3")
        newcomer = Visit(s.gate, "b", s.log, "b1")
        newcomer.task = asyncio.create_task(newcomer.run())
        s.visits.append(newcomer)
        assert gone.task
        gone.task.cancel()
        await turns()
        assert gone.task.cancelled()
        assert [waiter.tenant for waiter in s.gate._waiters] == ["a", "b"]


@dataclass
class Crowd:
    """Many come, leave and give up; counted is who is inside."""

    gate: Gate
    inside: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)

    async def visit(self, number: int) -> None:
        outcome, tenant = "done", "abc"[number % 3]
        try:
            async with asyncio.timeout(0.001 * (number % 70)), self.gate.enter(tenant):
                await self.stay(tenant, 0.001 * (number % 5))
        except TooManyRequestsError:
            outcome = "refused"
        except TimeoutError:
            outcome = "gave up"
        self.outcomes[outcome] += 1

    async def stay(self, tenant: str, how_long_s: float) -> None:
        self.inside[tenant] += 1
        assert self.inside.total() <= 4
        assert self.inside[tenant] <= 2
        try:
            await asyncio.sleep(how_long_s)
        finally:
            self.inside[tenant] -= 1


async def test_no_more_run_than_may_whatever_happens() -> None:
    crowd = Crowd(gate(running=4, tenant=2, waiting=20, wait_ms=30))
    async with asyncio.TaskGroup() as group:
        for number in range(300):
            group.create_task(crowd.visit(number))
            if number % 10 == 0:
                await asyncio.sleep(0.002)
    assert crowd.outcomes.total() == 300
    assert len(crowd.outcomes) == 3
    assert min(crowd.outcomes.values()) > 5
    assert not crowd.gate._running
    assert not crowd.gate._waiters


async def test_a_request_of_a_few_parts_does_not_wait_behind_all_parts_of_another() -> None:
    memory = MemoryBudget(MemoryPolicy(1 << 20, 100))
    narrow_gate = gate(running=2, tenant=2)
    log: list[str] = []
    may_leave = {name: asyncio.Event() for name in ("many 0", "many 1", "many 2", "many 3", "few")}

    async def run(name: str) -> None:
        async with narrow_gate.enter("a"):
            log.append(name)
            await may_leave[name].wait()

    many, few = memory.open(), memory.open()
    with many.parts():
        tasks = [asyncio.create_task(run(f"many {number}")) for number in range(4)]
    await turns()
    with few.parts():
        tasks.append(asyncio.create_task(run("few")))
    await turns()
    may_leave["many 0"].set()
    await turns()
    assert log == ["many 0", "many 1", "few"]
    for event in may_leave.values():
        event.set()
    await asyncio.gather(*tasks)
    assert not narrow_gate._answers


@pytest.mark.parametrize(("own", "runs"), [(0, 2), (1, 1), (3, 3)])
async def test_a_tenants_own_limit_counts_where_there_is_one(own: int, runs: int) -> None:
    limited = Gate(GatePolicy(9, 2, 9, 5_000), READS_WAITING, lambda _tenant: own)
    inside = 0

    async def visit() -> None:
        nonlocal inside
        async with limited.enter("a"):
            inside += 1
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(visit()) for _ in range(5)]
    await turns()
    assert inside == runs
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_runs_and_who_waits_can_be_seen() -> None:
    async with scene(gate(running=3, tenant=3)) as s:
        for name in ("a1", "b1", "a2", "a3", "c1", "a4"):
            await s.comes(name)
        assert (s.gate.running, s.gate.waiting, s.gate.most, s.gate.let_in) == (3, 3, 3, 3)
        seen = {one.tenant: (one.running, one.waiting) for one in s.gate.turns(10)}
        assert seen == {"a": (2, 2), "b": (1, 0), "c": (0, 1)}
        assert [one.tenant for one in s.gate.turns(1)] == ["a"]
        await s.visits[0].leave()
        assert s.gate.let_in == 4


async def test_refusals_are_counted_by_their_reason() -> None:
    def refused(reason: str) -> float:
        labels = {"reason": reason}
        return REGISTRY.get_sample_value("thanoxy_upstream_queue_refused_total", labels) or 0.0

    reasons = ("too_many_wait", "gave_way", "waited_too_long")
    before = [refused(reason) for reason in reasons]
    policy = GatePolicy(max_running=1, max_tenant_running=1, max_waiting=2, max_wait_ms=50)
    async with scene(Gate(policy, READS_WAITING, refused=QUEUE_REFUSED)) as s:
        await s.comes("a1")
        late, gone = await s.comes("a2"), await s.comes("a3")
        refused_at_once = await s.comes("a4")
        assert (await refused_at_once.refusal()).reason == "queue_too_many_wait"
        other = await s.comes("b1")
        assert (await gone.refusal()).reason == "queue_gave_way"
        assert (await late.refusal()).reason == "queue_waited_too_long"
        await other.refusal()
    assert [refused(reason) - was for reason, was in zip(reasons, before, strict=True)] == [1, 1, 2]
