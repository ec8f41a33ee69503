"""One LMDB file and the large values beside it: what is kept, when it was used, how much it is.

Several processes may have it open; LMDB lets one of them write at a time and survives a process that
is killed in the middle: what was not committed is not there, and files that nobody names are removed
by whoever opens it next. Both together never grow beyond the bound. LMDB's file may take three quarters
of it, and what is in it a good part of that: what a reader still looks at cannot be overwritten. Large
values have what LMDB's file has not taken.
"""

from __future__ import annotations

import errno
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import lmdb

from proxy.store.large_files import LARGE_BYTES, LargeFiles
from proxy.store.lmdb_index import Databases, Index, LmdbEntry, Writing, pages_bytes
from proxy.store.lmdb_open import open_checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from proxy.codec.sections import Buffer

__all__ = ["LmdbEntry", "LmdbFile"]

_SMALL_SHARE = 0.75
_FREE_SHARE, _LEAST_FREE_BYTES = 0.1, 10 << 20
"""Of LMDB's file: for pages in a row, and for those that were given up by the last two writes."""
_ROOM_SHARE = 0.05
"""How much more than needed is removed when room is made, so that this is not done all the time."""
_TRIES = 6


class LmdbFile:
    """All methods block, and are called from threads; one at a time calls those that write.

    Raises:
        lmdb.Error, OSError: from any method; the disk is full or cannot be written, or the file is
            damaged or closed.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._map_bytes = int(max_bytes * _SMALL_SHARE) // 4096 * 4096
        self._opened = open_checked(folder, self._map_bytes)
        self._env = self._opened.environment
        self._large = LargeFiles(self._opened.home / "large")
        self._change = threading.Condition()
        self._reads = 0
        self._is_closed = False
        try:
            self._env.reader_check()  # places of readers that were killed
            self._databases = Databases(self._env)
            self._put_in_order()
        except BaseException:
            self._opened.close()
            raise

    def close(self) -> None:
        """Wait for those that read, and end."""
        with self._change:
            if self._is_closed:
                return
            self._is_closed = True
            self._change.wait_for(lambda: not self._reads)
        self._opened.close()

    def is_current(self) -> bool:
        """Whether it has not been taken out of the way."""
        return self._opened.is_current()

    def get(self, names: Sequence[str], now_s: int) -> dict[str, Buffer]:
        """What is there under some names and has not expired; large values are mapped."""
        with self._reading(), self._env.begin() as txn:
            values, files = Index(txn, self._databases).find(names, now_s)
        for name, file in files.items():
            if (value := self._large.open(file)) is not None:
                values[name] = value
        return values

    def write(self, entries: Sequence[LmdbEntry], used: Iterable[str], now_s: int) -> None:
        """Keep entries and note which were used; the least recently used go to make room."""
        large_bytes = small_bytes = 0
        for entry in entries:
            if len(entry.value) >= LARGE_BYTES:
                large_bytes += pages_bytes(len(entry.value))
            else:
                small_bytes += pages_bytes(len(entry.value))
        self._make_room_for(small_bytes, large_bytes)
        for attempt in range(_TRIES):
            try:
                self._write(entries, used, now_s, large_bytes)
            except lmdb.MapFullError:
                if attempt == _TRIES - 1:
                    raise
                self._env.reader_check()  # one that was killed may hold on to pages
                self._make_room(small_bytes << attempt, Writing.remove_oldest)
            else:
                return

    def used_bytes(self) -> int:
        """What all that is kept takes."""
        with self._env.begin() as txn:
            index = Index(txn, self._databases)
            return index.pages_bytes() + index.large_bytes()

    def add(self, name: str, value: bytes, expires_s: int, now_s: int) -> bool:
        """Keep a small value unless there is one that has not expired; False then."""
        with self._writing() as index:
            if any(index.find([name], now_s)):
                return False
            index.put(LmdbEntry(name, value, expires_s), now_s)
        return True

    def remove(self, name: str) -> None:
        with self._writing() as index:
            index.remove(name.encode())

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._change:
            if self._is_closed:
                raise lmdb.Error("it is closed")
            self._reads += 1
        try:
            yield
        finally:
            with self._change:
                self._reads -= 1
                self._change.notify_all()

    @contextmanager
    def _writing(self) -> Iterator[Writing]:
        """One transaction, and the files that come and go with it.

        Files are made while no other process can write: so whoever writes knows that those that
        nobody names are nobody's.
        """
        made: list[str] = []
        try:
            with self._env.begin(write=True) as txn:
                index = Writing(txn, self._databases, self._large)
                made = index.made
                yield index
        except BaseException:
            self._large.remove(made)
            raise
        self._large.remove(index.gone)

    def _put_in_order(self) -> None:
        """Remove files that nobody names, and names whose files are gone."""
        with self._writing() as index:
            named = dict(index.large_files())
            there = self._large.names()
            for key, file in named.items():
                if file.name not in there:
                    index.remove(key)
            self._large.remove_others({file.name for file in named.values()})

    def _write(
        self, entries: Iterable[LmdbEntry], used: Iterable[str], now_s: int, large_bytes: int
    ) -> None:
        with self._writing() as index:
            if large_bytes:
                self._keep_within(index, large_bytes)
            for entry in entries:
                index.put(entry, now_s)
            for name in used:
                index.touch(name.encode(), now_s)

    def _make_room_for(self, small_bytes: int, large_bytes: int) -> None:
        """For so much in LMDB's file, by which it may grow, and so much in others."""
        free_bytes = max(int(self._map_bytes * _FREE_SHARE), _LEAST_FREE_BYTES)
        free_bytes = min(free_bytes, self._map_bytes // 2)
        with self._env.begin() as txn:
            index = Index(txn, self._databases)
            in_pages_bytes, kept_bytes = index.pages_bytes(), index.large_bytes()
        over_bytes = in_pages_bytes + small_bytes + free_bytes - self._map_bytes
        if over_bytes > 0:
            self._make_room(over_bytes, Writing.remove_oldest)
        if kept_bytes + large_bytes:
            self._make_large_room(kept_bytes, large_bytes, small_bytes)

    def _make_large_room(self, kept_bytes: int, large_bytes: int, small_bytes: int) -> None:
        room_bytes = self._max_bytes - self._opened.size_bytes() - small_bytes
        if large_bytes > max(room_bytes, 0):
            raise OSError(errno.EFBIG, "larger than what may be kept")
        if kept_bytes + large_bytes > room_bytes:
            self._make_room(kept_bytes + large_bytes - room_bytes, Writing.remove_oldest_large)

    def _keep_within(self, index: Writing, large_bytes: int) -> None:
        """Look once more, for other processes may have written since room was made."""
        room_bytes = self._max_bytes - self._opened.size_bytes() - large_bytes
        freed_bytes = -1
        while index.large_bytes() > room_bytes and freed_bytes:
            freed_bytes = index.remove_oldest_large(index.large_bytes() - room_bytes)

    def _make_room(self, size_bytes: int, remove: Callable[[Writing, int], int]) -> None:
        size_bytes += int(self._max_bytes * _ROOM_SHARE)
        freed_bytes = -1
        while size_bytes > 0 and freed_bytes:
            with self._writing() as index:
                freed_bytes = remove(index, size_bytes)
            size_bytes -= freed_bytes
