"""Tickets, and which of them are of one answer."""

from __future__ import annotations

import asyncio

from proxy.engine.memory import MemoryBudget, MemoryPolicy
from proxy.engine.ticket import PART_OF

POLICY = MemoryPolicy(1 << 20, 100)


async def test_what_is_opened_within_an_answer_is_its_part_and_afterwards_no_more() -> None:
    budget = MemoryBudget(POLICY)
    answer, other = budget.open(), budget.open()
    with answer.parts():
        part = budget.open()
        with other.parts():
            others = budget.open()
        again = budget.open()
    assert part.answer is again.answer is answer.answer
    assert others.answer is other.answer
    assert PART_OF.get() is None


async def test_another_task_does_not_open_parts_by_accident() -> None:
    budget = MemoryBudget(POLICY)
    answer = budget.open()
    seen: list[object] = []
    inside = asyncio.Event()

    async def other() -> None:
        await inside.wait()
        seen.append(budget.open().answer)

    task = asyncio.create_task(other())
    with answer.parts():
        inside.set()
        await task
    assert seen[0] is not answer.answer


async def test_an_answer_knows_what_its_parts_hold_together() -> None:
    budget = MemoryBudget(POLICY)
    answer = budget.open()
    answer.add(5)
    with answer.parts():
        part = budget.open()
    part.add(7)
    assert answer.answer.held_bytes == 12
    part.close()
    assert answer.answer.held_bytes == 5


async def test_what_is_missing_is_what_is_promised_and_not_held_yet() -> None:
    ticket = MemoryBudget(POLICY).open()
    assert ticket.missing_bytes == 0
    ticket.promised_bytes = 10
    ticket.add(4)
    assert ticket.missing_bytes == 6
    ticket.add(40)
    assert ticket.missing_bytes == 0
    assert ticket.peak_bytes == 44
