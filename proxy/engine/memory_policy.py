"""How memory in flight is divided, and what is said to those who get none."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from proxy.errors import LimitError, TooManyRequestsError
from proxy.telemetry.metrics import MEMORY_REFUSED


@dataclass(frozen=True, slots=True)
class MemoryPolicy:
    """total_bytes: of all answers under way. max_wait_ms: for more memory, at each growth.

    small_bytes: what a part of an answer may hold and still count as small. small_share: of the
    total, for small ones alone. most_begun: parts that may wait to become large; each has a
    connection and a turn at the upstream, which small ones need too.
    """

    total_bytes: int
    max_wait_ms: int
    small_bytes: int = 1 << 20
    small_share: float = 0.2
    most_begun: int = 32

    @property
    def large_bytes(self) -> int:
        """What large answers may hold together."""
        return int(self.total_bytes * (1 - self.small_share))

    @property
    def begun_bytes(self) -> int:
        """What parts that wait to become large may hold together: half of the room for small ones."""
        return (self.total_bytes - self.large_bytes) // 2

    def large_part(self, held_bytes: int) -> int:
        """What counts as held by a large one."""
        return held_bytes if held_bytes > self.small_bytes else 0

    def never(self) -> LimitError:
        """For an answer that no waiting would help."""
        MEMORY_REFUSED.labels("never_fits").inc()
        return LimitError(
            f"the answer needs more memory than the {self.large_bytes} bytes that large "
            "answers may take together (--limits.memory-in-flight): ask for fewer series, a "
            "shorter range or a larger step",
            "memory_never_fits",
        )

    def refusal(self, reason: str) -> TooManyRequestsError:
        """For one that may come again; `reason` is for the metric."""
        MEMORY_REFUSED.labels(reason).inc()
        return TooManyRequestsError(
            f"no memory is free for this answer: answers under way may take {self.total_bytes} "
            "bytes together (--limits.memory-in-flight): ask again later, or for less",
            max(1, ceil(self.max_wait_ms / 1000)),
            f"memory_{reason}",
        )
