"""What this machine, or the container on it, allows; and what of it goes where by default."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path

_CGROUP_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_BARE_BYTES = 160 << 20
"""What the process takes by itself, with some room."""
_LEAST_IN_FLIGHT_BYTES = 64 << 20
_MOST_CACHE_BYTES = 512 << 20


def memory_bytes(root: str = "/") -> int:
    """The memory that this process may have: the smallest of the machine, its cgroup, its limits."""
    bounds = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _CGROUP_FILES:
        path = Path(root, file.lstrip("/"))
        text = path.read_text("ascii").strip() if path.exists() else "max"
        if text.isdecimal():  # not "max"
            bounds.append(int(text))
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY:
            bounds.append(soft)
    return min(bound for bound in bounds if bound > 0)


def cores(root: str = "/") -> int:
    """The processors that this process may use, by its affinity and its cgroup's quota; at least 1."""
    allowed = len(os.sched_getaffinity(0))
    quota = Path(root, "sys/fs/cgroup/cpu.max")
    words = quota.read_text("ascii").split() if quota.exists() else []
    if len(words) == 2 and words[0].isdecimal():  # noqa: PLR2004  quota and period, in microseconds
        allowed = min(allowed, -(-int(words[0]) // int(words[1])))
    return max(allowed, 1)


@dataclass(frozen=True, slots=True)
class MemoryShares:
    """cache_bytes, memo_bytes: of kept data, and of each of two memos. in_flight_bytes: the rest's."""

    cache_bytes: int
    memo_bytes: int
    in_flight_bytes: int


def share_memory(
    total_bytes: int, cache_bytes: int | None, memo_bytes: int, in_flight_bytes: int
) -> MemoryShares:
    """Divide the memory of a machine.

    Args:
        total_bytes: see `memory_bytes`.
        cache_bytes: as configured; None for a quarter, at most 512 MB.
        memo_bytes: as configured; at most a sixteenth is given.
        in_flight_bytes: as configured; 0 for half of what is left.
    """
    if cache_bytes is None:
        cache_bytes = min(_MOST_CACHE_BYTES, total_bytes // 4)
    memo_bytes = min(memo_bytes, total_bytes // 16)
    left_bytes = total_bytes - cache_bytes - 2 * memo_bytes - _BARE_BYTES
    in_flight_bytes = in_flight_bytes or max(left_bytes // 2, _LEAST_IN_FLIGHT_BYTES)
    return MemoryShares(cache_bytes, memo_bytes, in_flight_bytes)
