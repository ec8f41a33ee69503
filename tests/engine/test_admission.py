"""Turns and memory, as one thing to ask."""

from __future__ import annotations

import pytest

from proxy.engine.admission import GateAndMemory
from proxy.engine.gate import Gate, GatePolicy
from proxy.engine.memory import MemoryBudget, MemoryPolicy
from proxy.errors import TooManyRequestsError
from proxy.telemetry.metrics import QUEUE_WAITING


def admission(running: int = 1) -> GateAndMemory:
    gate = Gate(GatePolicy(running, running, 0, 10, "requests", "--limits"), QUEUE_WAITING)
    return GateAndMemory(gate, MemoryBudget(MemoryPolicy(1_000, 10)))


async def test_a_turn_is_the_gates() -> None:
    both = admission()
    async with both.enter("a"):
        with pytest.raises(TooManyRequestsError, match=r"--limits\.max-waiting"):
            async with both.enter("b"):
                pass
    async with both.enter("b"):
        pass


async def test_a_ticket_is_the_budgets() -> None:
    both = admission()
    ticket = both.open()
    await ticket.grow(10)
    assert both.memory.used_bytes == 10
    ticket.close()
    assert both.memory.used_bytes == 0
