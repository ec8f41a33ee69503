"""Who may ask the upstream when, and with how much memory: turns by tenant, one budget for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from proxy.engine.gate import Gate
    from proxy.engine.memory import MemoryBudget
    from proxy.engine.ticket import Ticket


@dataclass(frozen=True, slots=True)
class GateAndMemory:
    """Implements `engine.ports.Admission`."""

    gate: Gate
    memory: MemoryBudget

    def enter(self, tenant: str) -> AbstractAsyncContextManager[None]:
        return self.gate.enter(tenant)

    def open(self) -> Ticket:
        return self.memory.open()
