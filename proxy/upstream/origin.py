"""Where answers come from that another worker was given: the same addresses, counted as this one's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.upstream.answers import PEAK

if TYPE_CHECKING:
    from proxy.engine.ports import Admission, MemoryTicket
    from proxy.upstream.pool import Pool


@dataclass(frozen=True, slots=True)
class PoolOrigin:
    """Implements `engine.siblings.Origin`."""

    pool: Pool
    admission: Admission

    def addresses(self) -> str:
        return "\n".join(sorted(one.endpoint.url for one in self.pool.candidates))

    async def take_over(self, size_bytes: int, url: str) -> MemoryTicket:
        self.pool.may_have_answered(url)  # first: looks that begin from now on ask that address, too
        memory = self.admission.open()
        try:
            await memory.grow(size_bytes * PEAK)
        except BaseException:
            memory.close()
            raise
        return memory
