"""How much memory a process takes that is its own: what files stand behind is left out."""

from __future__ import annotations

import os
from pathlib import Path

_STATM = Path("/proc/self/statm")
_RESIDENT, _SHARED = 1, 2
"""Fields of proc_pid_statm(5), in pages; shared are those of files and of shared memory."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def own_memory_bytes() -> int:
    """Of this process; 0 where the system does not tell."""
    try:
        fields = _STATM.read_text("ascii").split()
        return (int(fields[_RESIDENT]) - int(fields[_SHARED])) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return 0
