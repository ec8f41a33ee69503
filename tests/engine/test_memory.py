"""Memory in flight: who is given it, who waits, who is refused; and that none is ever lost."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.engine.memory import UNCOUNTED, MemoryBudget, MemoryPolicy
from proxy.errors import LimitError, QueryError, TooManyRequestsError

if TYPE_CHECKING:
    from proxy.engine.ticket import Ticket

TOTAL, SMALL = 1000, 10
STEP = 5 << 20
"""Larger than what arrives at once: such a step says how large the answer is."""


def budget(
    total: int = TOTAL, wait_ms: int = 5_000, small: int = SMALL, begun: int = 32
) -> MemoryBudget:
    return MemoryBudget(MemoryPolicy(total, wait_ms, small, 0.2, begun))


async def ticks(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def growing(ticket: Ticket, size_bytes: int) -> asyncio.Task[None]:
    return asyncio.create_task(ticket.grow(size_bytes))


def large(memory: MemoryBudget, size_bytes: int) -> Ticket:
    """A ticket that holds as much already."""
    ticket = memory.open()
    ticket.add(size_bytes)
    return ticket


async def test_what_is_held_is_counted_and_given_back_once() -> None:
    memory = budget()
    ticket = memory.open()
    await ticket.grow(300)
    ticket.add(50)
    ticket.shrink(100)
    assert (memory.used_bytes, ticket.held_bytes) == (250, 250)
    ticket.close()
    ticket.close()
    assert (memory.used_bytes, ticket.held_bytes) == (0, 0)


async def test_more_than_is_held_is_never_given_back() -> None:
    memory = budget()
    ticket = memory.open()
    await ticket.grow(30)
    ticket.shrink(31)
    ticket.shrink(-1)
    assert memory.used_bytes == 0


async def test_who_finds_no_room_waits_until_there_is_some() -> None:
    memory = budget()
    first, second = large(memory, 700), memory.open()
    waiting = growing(second, 200)
    await ticks()
    assert not waiting.done()
    first.close()
    await waiting
    assert memory.used_bytes == 200


async def test_who_waits_too_long_is_refused_and_told_which_setting_it_was() -> None:
    memory = budget(wait_ms=20)
    large(memory, 700)
    with pytest.raises(TooManyRequestsError, match=r"--limits\.memory-in-flight") as refused:
        await memory.open().grow(200)
    assert refused.value.retry_after_s == 1
    assert memory.used_bytes == 700


async def test_what_can_never_fit_is_refused_at_once() -> None:
    memory = budget()
    large(memory, 700)
    with pytest.raises(LimitError, match=r"800 bytes .*--limits\.memory-in-flight"):
        await memory.open().grow(801)


async def test_an_answer_that_has_grown_can_be_too_large_as_well() -> None:
    memory = budget()
    ticket = memory.open()
    await ticket.grow(700)
    with pytest.raises(LimitError):
        await ticket.grow(200)
    assert ticket.held_bytes == 700


async def test_small_ones_pass_by_large_ones_that_wait() -> None:
    memory = budget()
    large(memory, 800)
    waiting = growing(memory.open(), 100)
    await ticks()
    small = memory.open()
    await asyncio.wait_for(small.grow(SMALL), 1)
    assert not waiting.done()
    waiting.cancel()


async def test_large_ones_leave_room_for_small_ones() -> None:
    memory = budget(wait_ms=10)
    large(memory, 750)
    with pytest.raises(TooManyRequestsError):
        await memory.open().grow(100)
    for _ in range(25):
        await memory.open().grow(SMALL)
    with pytest.raises(TooManyRequestsError):
        await memory.open().grow(SMALL)


async def test_among_those_that_hold_nothing_the_oldest_goes_first() -> None:
    memory = budget()
    holder = large(memory, 800)
    old, young = memory.open(), memory.open()
    young_waits = growing(young, 500)
    await ticks()
    old_waits = growing(old, 500)
    await ticks()
    holder.close()
    await old_waits
    assert not young_waits.done()
    old.close()
    await young_waits


async def test_who_holds_much_and_needs_little_does_not_wait_behind_who_holds_nothing() -> None:
    memory = budget()
    empty = memory.open()
    holder = large(memory, 600)
    waiting = growing(empty, 300)
    await ticks()
    await asyncio.wait_for(holder.grow(50), 1)
    assert not waiting.done()
    holder.close()
    await waiting


async def test_when_all_that_hold_much_wait_the_youngest_gives_way() -> None:
    memory = budget()
    old, young = large(memory, 400), large(memory, 400)
    old_waits, young_waits = growing(old, 100), growing(young, 100)
    with pytest.raises(TooManyRequestsError):
        await young_waits
    assert not old_waits.done()
    young.close()
    await old_waits
    assert memory.used_bytes == 500


async def test_the_youngest_gives_way_even_if_it_waited_first() -> None:
    memory = budget()
    old, young = large(memory, 400), large(memory, 400)
    young_waits = growing(young, 100)
    await ticks()
    old_waits = growing(old, 100)
    with pytest.raises(TooManyRequestsError):
        await young_waits
    young.close()
    await old_waits


async def test_nobody_gives_way_while_one_that_runs_may_let_go_of_enough() -> None:
    memory = budget()
    waits, runs = large(memory, 400), large(memory, 400)
    waiting = growing(waits, 100)
    await ticks()
    assert not waiting.done()
    runs.close()
    await waiting


async def test_small_ones_that_come_and_go_do_not_hide_a_ring() -> None:
    memory = budget()
    running = memory.open()
    await running.grow(SMALL)
    old, young = large(memory, 400), large(memory, 400)
    old_waits, young_waits = growing(old, 100), growing(young, 100)
    with pytest.raises(TooManyRequestsError):
        await asyncio.wait_for(young_waits, 1)
    young.close()
    await old_waits


async def test_parts_of_one_answer_that_have_arrived_are_part_of_its_ring() -> None:
    """Two queries of two splits: of each, one split has come and one waits."""
    memory = budget()
    answers = [memory.open(), memory.open()]
    parts: list[tuple[Ticket, Ticket]] = []
    for answer in answers:
        with answer.parts():
            parts.append((large(memory, 350), large(memory, 50)))
    old_waits, young_waits = (growing(waits, 100) for _, waits in parts)
    with pytest.raises(TooManyRequestsError):
        await asyncio.wait_for(young_waits, 1)
    for ticket in parts[1]:
        ticket.close()
    await old_waits


async def test_an_answer_whose_parts_are_too_large_together_never_fits() -> None:
    memory = budget()
    with memory.open().parts():
        arrived, comes = large(memory, 500), large(memory, 200)
    with pytest.raises(LimitError):
        await comes.grow(150)
    assert arrived.held_bytes == 500


async def test_tasks_that_are_started_for_an_answer_open_its_parts() -> None:
    memory = budget()
    answer = memory.open()

    async def opens() -> Ticket:
        return memory.open()

    with answer.parts():
        part = asyncio.create_task(opens())
    assert (await part).answer is answer.answer
    assert memory.open().answer is not answer.answer


async def test_too_many_that_would_begin_are_not_kept_waiting() -> None:
    memory = budget(begun=2)
    large(memory, 795)
    begun = [large(memory, SMALL) for _ in range(4)]
    waiting = [growing(ticket, 20) for ticket in begun]
    await ticks()
    assert [task.done() for task in waiting] == [False, False, True, True]
    for task in waiting[2:]:
        with pytest.raises(TooManyRequestsError):
            await task
    for task in waiting[:2]:
        task.cancel()


async def test_those_that_would_begin_leave_room_for_small_ones() -> None:
    memory = budget()
    large(memory, 795)
    waiting = [growing(large(memory, SMALL), 20) for _ in range(15)]
    await ticks()
    assert sum(not task.done() for task in waiting) == 10, "half of the room for small ones"
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_second_one_begins_only_when_there_is_room_for_what_the_first_may_take() -> None:
    memory = budget(total=100 << 20, small=1 << 20)
    first, second, third = (memory.open() for _ in range(3))
    await first.grow(2 << 20)  # promised 32 MB
    await second.grow(2 << 20)
    waiting = growing(third, 2 << 20)
    await ticks()
    assert not waiting.done(), "80 MB are for large ones"
    first.shrink(1)  # it has arrived, with 2 MB
    await waiting


async def test_a_step_that_says_how_large_the_answer_is_needs_no_more_room_than_that() -> None:
    memory = budget(total=100 << 20, small=1 << 20)
    for _ in range(16):
        await asyncio.wait_for(memory.open().grow(STEP), 1)


async def test_one_alone_may_begin_whatever_others_took() -> None:
    memory = budget(total=50 << 20, small=1 << 20)
    first = memory.open()
    for _ in range(39):
        await first.grow(1 << 20)
    first.close()
    await asyncio.wait_for(memory.open().grow(2 << 20), 1)


async def test_who_was_cancelled_while_it_waited_holds_what_it_held() -> None:
    memory = budget()
    holder, waits = large(memory, 700), large(memory, 50)
    waiting = growing(waits, 200)
    await ticks()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (waits.held_bytes, memory.used_bytes) == (50, 750)
    holder.close()
    assert memory.used_bytes == 50


async def test_what_was_given_at_the_moment_of_a_cancellation_goes_to_the_next() -> None:
    memory = budget()
    holder = large(memory, 800)
    waits, next_one = memory.open(), memory.open()
    waiting, behind = growing(waits, 700), growing(next_one, 700)
    await ticks()
    holder.close()  # gives it to `waits`, whose task has not run yet
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await behind
    assert (waits.held_bytes, next_one.held_bytes) == (0, 700)


async def test_who_is_refused_and_cancelled_at_once_leaves_nothing_behind() -> None:
    memory = budget()
    old, young = large(memory, 400), large(memory, 400)
    young_waits = growing(young, 100)
    await ticks()
    old_waits = growing(old, 100)
    await asyncio.sleep(0)  # the refusal is there, its task has not run
    young_waits.cancel()
    await asyncio.gather(young_waits, return_exceptions=True)
    young.close()
    await old_waits


async def test_two_attempts_may_wait_on_one_ticket() -> None:
    memory = budget()
    holder, ticket = large(memory, 800), memory.open()
    both = [growing(ticket, 100), growing(ticket, 50)]
    await ticks()
    holder.close()
    await asyncio.gather(*both)
    assert ticket.held_bytes == 150


async def test_take_takes_only_what_is_free_and_nobody_waits_for() -> None:
    memory = budget()
    ticket = memory.open()
    assert ticket.take(0)
    assert ticket.take(700)
    assert not memory.open().take(200)
    waiting = growing(memory.open(), 150)
    await ticks()
    assert not memory.open().take(90)
    ticket.close()
    await waiting
    assert memory.open().take(SMALL)


async def test_what_is_uncounted_is_always_there() -> None:
    await UNCOUNTED.grow(1 << 60)
    assert UNCOUNTED.take(1 << 60)
    UNCOUNTED.add(1)
    UNCOUNTED.shrink(1)
    with UNCOUNTED.parts():
        UNCOUNTED.close()
    assert UNCOUNTED.held_bytes == 0


@dataclass
class Crowd:
    """Answers of several parts that grow, wait, give up and are cancelled at random."""

    memory: MemoryBudget
    drawn: random.Random
    most_used: int = 0
    added: int = 0
    ends: list[str] = field(default_factory=list)

    def look(self) -> None:
        self.most_used = max(self.most_used, self.memory.used_bytes - self.added)

    async def part(self) -> int:
        ticket = self.memory.open()
        try:
            for _ in range(self.drawn.randrange(1, 8)):
                await ticket.grow(self.drawn.choice((1, 5, 40, 150)))
                self.look()
                await ticks(self.drawn.randrange(3))
                if self.drawn.random() < 0.1:
                    ticket.shrink(self.drawn.randrange(60))
            return ticket.held_bytes
        finally:
            ticket.close()

    async def answer(self) -> None:
        own = self.memory.open()
        try:
            with own.parts():
                async with asyncio.TaskGroup() as group:
                    parts = [group.create_task(self.part()) for _ in range(self.drawn.randrange(1, 4))]
            size = sum(part.result() for part in parts) // 4
            own.add(size)
            self.added += size
            try:
                await ticks(self.drawn.randrange(4))
                await own.grow(self.drawn.randrange(100))
                self.look()
            finally:
                self.added -= size
            self.ends.append("done")
        except* QueryError as failures:
            self.ends.append(type(failures.exceptions[0]).__name__)
        finally:
            own.close()


@given(st.integers(0, 1 << 32), st.integers(1, 25))
async def test_whatever_happens_nothing_is_lost_and_nobody_waits_for_ever(
    seed: int, count: int
) -> None:
    drawn = random.Random(seed)
    memory = budget(total=600, wait_ms=60_000, begun=4)
    crowd = Crowd(memory, drawn)
    tasks = []
    for _ in range(count):
        tasks.append(asyncio.create_task(crowd.answer()))
        await ticks(drawn.randrange(3))
        if drawn.random() < 0.2:
            drawn.choice(tasks).cancel()
    async with asyncio.timeout(10):  # far below max_wait: a ring must be found, not waited out
        await asyncio.gather(*tasks, return_exceptions=True)
    assert crowd.most_used <= 600
    assert memory.used_bytes == 0
    late = memory.open()
    await asyncio.wait_for(late.grow(400), 1)


async def test_how_much_there_is_and_who_waits_can_be_seen() -> None:
    budget = MemoryBudget(MemoryPolicy(total_bytes=100, max_wait_ms=5_000, small_bytes=100))
    holder, waiter = budget.open(), budget.open()
    assert (budget.total_bytes, budget.waiting) == (100, 0)
    await holder.grow(70)
    asking = asyncio.create_task(waiter.grow(60))
    await asyncio.sleep(0)
    assert budget.waiting == 1
    holder.close()
    await asking
    assert budget.waiting == 0
    waiter.close()
