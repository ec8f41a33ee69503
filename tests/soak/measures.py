"""What the process takes: memory, tasks, open files."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
from dataclasses import dataclass
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Taken:
    """As the kernel and the event loop count it, nothing being asked. kept_bytes: in the caches."""

    kept_bytes: int
    rss_bytes: int
    tasks: int
    open_files: int


def taken(kept_bytes: int) -> Taken:
    """What is free goes back to the kernel before: what the allocator saves up is not taken."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    open_files = len(list(Path("/proc/self/fd").iterdir()))
    return Taken(kept_bytes, pages * _PAGE_BYTES, len(asyncio.all_tasks()), open_files)
