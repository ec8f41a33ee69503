"""What this machine, or the container on it, allows; and what of it goes where by default."""

from __future__ import annotations

import math
import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MEMORY = (
    ("0", "sys/fs/cgroup", "memory.max"),
    ("memory", "sys/fs/cgroup/memory", "memory.limit_in_bytes"),
)
_CPU = (
    ("0", "sys/fs/cgroup", "cpu.max"),
    ("cpu", "sys/fs/cgroup/cpu", "cpu.cfs_quota_us"),
)
"""How a hierarchy is called in `/proc/self/cgroup` (version 2, version 1), and its files."""
_PERIOD = "cpu.cfs_period_us"
_LATER_MAPPED_BYTES = 80 << 20
"""Address space that threads will reserve and not use: an arena of the allocator, and their stacks."""
_BARE_BYTES = 160 << 20
"""What the process takes by itself, with some room."""
_LEAST_IN_FLIGHT_BYTES = 64 << 20
_MOST_CACHE_BYTES = 512 << 20
_MOST_WORKERS, _WORKER_BYTES = 4, 512 << 20


def memory_bytes(root: str = "/") -> int:
    """The memory that this process may have: the smallest of the machine, its cgroup, its limits."""
    bounds = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_cgroup_bounds(root)]
    for kind, unused_bytes in (
        (resource.RLIMIT_AS, _mapped_and_unused(root)),
        (resource.RLIMIT_DATA, 0),
    ):
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY:
            bounds.append(max(soft - unused_bytes, 1))
    return min(bound for bound in bounds if bound > 0)


def cores(root: str = "/") -> int:
    """The processors that this process may use; a part of one counts as one.

    The affinity holds what a cpuset allows, too. Of the quotas of its cgroup and those above it the
    smallest counts.
    """
    quotas = [_quota(text, folder) for text, folder in _cgroup_texts(root, _CPU)]
    allowed = min([len(os.sched_getaffinity(0)), *quotas])
    return max(math.ceil(allowed), 1)


def workers_for(cores_allowed: int, total_bytes: int) -> int:
    """How many processes serve by default: one a core, as far as there is memory for them.

    No more than some: each looks at the stores and the addresses by itself, and on a node without a
    limit of CPU all its cores would count.
    """
    return max(1, min(cores_allowed, _MOST_WORKERS, total_bytes // _WORKER_BYTES))


def _quota(text: str, folder: Path) -> float:
    """The cores that `cpu.max` (quota and period), or a quota with its period beside it, gives."""
    words = text.split()
    if len(words) == 1:
        words.append(_text(folder / _PERIOD))
    if all(word.isdecimal() and int(word) for word in words):  # not "max", not -1
        return int(words[0]) / int(words[1])
    return math.inf


def _cgroup_bounds(root: str) -> Iterator[int]:
    for text, _ in _cgroup_texts(root, _MEMORY):
        if text.isdecimal():  # not "max"
            yield int(text)


def _cgroup_texts(root: str, kinds: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, Path]]:
    """What this process's group and all above it say, as far as they can be seen from here."""
    groups: dict[str, str] = {}
    for line in _text(Path(root, "proc/self/cgroup")).splitlines():
        number, names, path = line.split(":", 2)
        groups.update(dict.fromkeys((number, *names.split(",")), path))
    for name, mounted, file in kinds:
        folder = Path(root, mounted)
        parts = Path(groups.get(name, "").lstrip("/")).parts
        for depth in range(len(parts) + 1):
            found = folder.joinpath(*parts[:depth])
            if text := _text(found / file):
                yield text, found


def _mapped_and_unused(root: str) -> int:
    """Address space that counts against its limit and is no memory: code, reserves, arenas."""
    pages = _text(Path(root, "proc/self/statm")).split()
    mapped, resident = map(int, pages[:2]) if len(pages) > 1 else (0, 0)
    return (mapped - resident) * os.sysconf("SC_PAGE_SIZE") + _LATER_MAPPED_BYTES


def _text(path: Path) -> str:
    """What a small file says; "" where there is none that may be read."""
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


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
