"""Large values as files that are written once and never changed: all who map one share its pages.

A file that is removed stays whole for those who have mapped it, and takes its place on the disk until
the last of them lets go. Only what makes a mapped file shorter would end them: nothing here does, and
nobody else may; who wants it gone removes it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from proxy.store.file_map import map_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from proxy.codec.sections import Buffer

LARGE_BYTES = 256 << 10
"""A value of so much is a file: what is smaller costs less as a copy than as a mapping."""
_HEAD_BYTES = 4096
_NAME_BYTES = 8


class LargeFile(NamedTuple):
    """Which file, and how long it is."""

    name: str
    size_bytes: int


class LargeFiles:
    """The files of one folder. All methods block.

    Raises:
        OSError: from any method; the disk is full, or the folder cannot be had.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, value: Buffer) -> LargeFile:
        """Write a file of a name that never was there; nothing of it stays when that fails."""
        self._folder.mkdir(exist_ok=True)
        name = os.urandom(_NAME_BYTES).hex()
        try:
            with (self._folder / name).open("xb") as file:
                file.write(value)
        except BaseException:
            self.remove([name])
            raise
        return LargeFile(name, len(value))

    def open(self, wanted: LargeFile) -> Buffer | None:
        """What is in it, mapped; None when it is gone, or not as long as it was."""
        try:
            file = os.open(self._folder / wanted.name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            if os.fstat(file).st_size != wanted.size_bytes:
                return None
            return _mapped(file, wanted.size_bytes)
        finally:
            os.close(file)

    def remove(self, names: Iterable[str]) -> None:
        """Remove them; whoever has mapped one keeps it."""
        for name in names:
            (self._folder / name).unlink(missing_ok=True)

    def names(self) -> set[str]:
        """Of all that are there."""
        try:
            return {entry.name for entry in os.scandir(self._folder)}
        except FileNotFoundError:
            return set()

    def remove_others(self, known: Collection[str]) -> None:
        """Remove what nobody knows of: a process was killed before it could say or remove it."""
        self.remove(self.names().difference(known))


def _mapped(file: int, size_bytes: int) -> Buffer:
    """The file's pages; a copy where the process has too many mappings.

    The first page is read here, without the interpreter's lock, and the kernel is asked for the rest:
    from a mapping they would be waited for with the lock held.
    """
    os.posix_fadvise(file, 0, size_bytes, os.POSIX_FADV_WILLNEED)
    os.pread(file, _HEAD_BYTES, 0)
    mapped = map_file(file, size_bytes)
    if mapped is not None:
        return mapped
    with os.fdopen(os.dup(file), "rb") as stream:
        return stream.read()
