"""Files mapped for reading, without a descriptor for each.

Python's own `mmap` keeps a descriptor open for each mapping until 3.13, and a process has some thousand
connections to keep, too. What is handed out is a view; the mapping goes with the last view of it.
"""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np

_MOST_MAPS = 16_384
"""In this process: Linux allows 65,530 by itself, and the allocator needs some."""
_FAILED = ctypes.c_void_p(-1).value


class _Library:
    """`mmap` and `munmap` of the C library, called without the interpreter's lock."""

    def __init__(self) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self.map = library.mmap
        self.map.restype = ctypes.c_void_p
        integer, size = ctypes.c_int, ctypes.c_size_t
        self.map.argtypes = [ctypes.c_void_p, size, integer, integer, integer, ctypes.c_int64]
        self.unmap = library.munmap
        self.unmap.argtypes = [ctypes.c_void_p, size]


_library = _Library()


_mapped: set[int] = set()
"""Where the files are that are mapped now."""


class _Map:
    """Pages of a file, as numpy reads them; they go with it."""

    def __init__(self, address: int, size_bytes: int) -> None:
        self._address, self._size_bytes = address, size_bytes
        self._mapped, self._unmap = _mapped, _library.unmap
        self._mapped.add(address)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        data = (self._address, True)
        return {"version": 3, "data": data, "shape": (self._size_bytes,), "typestr": "|u1"}

    def __del__(self) -> None:
        self._mapped.discard(self._address)  # before: another file may be mapped there at once
        self._unmap(self._address, self._size_bytes)


def map_file(file: int, size_bytes: int) -> memoryview | None:
    """The first bytes of an open file, which may be closed then; None when it cannot be mapped.

    Who reads what the file does not have any more is ended by the kernel: it must not become shorter.
    """
    if len(_mapped) >= _MOST_MAPS:
        return None
    address = _library.map(None, size_bytes, mmap.PROT_READ, mmap.MAP_SHARED, file, 0)
    if address in {None, _FAILED}:
        return None
    return memoryview(np.asarray(_Map(address, size_bytes)))  # type: ignore[arg-type]
