"""Keeps glibc's allocator from holding on to the memory of large answers.

By itself glibc raises its threshold for separate mappings as large blocks are freed, up to 32 MB:
bodies of some megabytes then come from the heap, and small blocks that outlive them pin it. With a
fixed threshold they are mapped by themselves and go back when they are freed (mallopt(3)).
"""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_MAPPED_BYTES = 512 << 10
_TRIM_BYTES = 4 << 20
_ARENAS = 2


def tune_allocator() -> bool:
    """Set the thresholds; False where the C library is not glibc."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = (
        (_M_MMAP_THRESHOLD, _MAPPED_BYTES),
        (_M_TRIM_THRESHOLD, _TRIM_BYTES),
        (_M_ARENA_MAX, _ARENAS),
    )
    results = [mallopt(name, value) for name, value in settings]
    return all(results)
