"""Leases and answers in a folder that the workers of one supervisor share.

A lease is a lock on one byte of a file, at the question's number: the kernel gives it back when a
process ends, however that happens, and taking it costs a microsecond. Who waits locks the byte after
it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_ALONE = fcntl.LOCK_EX | fcntl.LOCK_NB
_TOGETHER = fcntl.LOCK_SH | fcntl.LOCK_NB


class FolderBoard:
    """Implements `engine.siblings.Board`. Closing the file would give all leases back."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._file = os.open(folder / "leases", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        os.close(self._file)

    def take(self, number: int) -> bool:
        try:
            fcntl.lockf(self._file, _ALONE, 1, 2 * number)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:
            return True  # no locks here: each asks by itself
        return True

    def release(self, number: int) -> None:
        self._unlock(2 * number)

    def want(self, number: int) -> None:
        with contextlib.suppress(OSError):  # the holder looks just now
            fcntl.lockf(self._file, _TOGETHER, 1, 2 * number + 1)

    def unwant(self, number: int) -> None:
        self._unlock(2 * number + 1)

    def is_wanted(self, number: int) -> bool:
        try:
            fcntl.lockf(self._file, _ALONE, 1, 2 * number + 1)
        except OSError:
            return True
        self._unlock(2 * number + 1)
        return False

    def write(self, number: int, head: bytes, body: bytes) -> None:
        path = self._path(number)
        unfinished = path.with_suffix(f".{os.getpid()}")
        try:
            with unfinished.open("wb", buffering=0) as file:
                file.writelines((head, body))
            unfinished.replace(path)
        except OSError:  # a full disk: who waits asks by itself
            unfinished.unlink(missing_ok=True)

    def read_head(self, number: int, size: int) -> bytes:
        try:
            with self._path(number).open("rb", buffering=0) as file:
                return file.read(size)
        except OSError:
            return b""

    def read(self, number: int, head: bytes) -> bytes:
        try:
            with self._path(number).open("rb", buffering=0) as file:
                return file.read() if file.read(len(head)) == head else b""
        except OSError:
            return b""

    def remove(self, number: int) -> None:
        with contextlib.suppress(OSError):
            self._path(number).unlink()

    def _unlock(self, at: int) -> None:
        with contextlib.suppress(OSError):
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, at)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:016x}"
