"""One LMDB file: what is kept, when it was used, how much it is.

Several processes may have it open; LMDB lets one of them write at a time and survives a process that
is killed in the middle: what was not committed is not there. Its file never grows beyond the bound.
What is in it takes a good part of that: a large value needs pages in a row, and what a reader still
looks at cannot be overwritten.
"""

from __future__ import annotations

import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import lmdb

from proxy.store.lmdb_open import open_checked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_ABOUT = struct.Struct("<QQ")
_PAGE_BYTES = 4096
_FREE_SHARE, _LEAST_FREE_BYTES = 0.1, 12 << 20
"""Of the bound: for pages in a row, and for those that were given up by the last two writes."""
_ROOM_SHARE = 0.05
"""How much more than needed is removed when room is made, so that this is not done all the time."""
_TRIES = 6
_REMOVED_AT_ONCE = 256
_COARSE_S = 60
"""An entry used again within this time keeps its place: reads shall not become writes."""


class LmdbEntry(NamedTuple):
    """What is to be kept. expires_s: by the wall clock."""

    name: str
    value: bytes
    expires_s: int


class LmdbFile:
    """All methods block, and are called from threads; one at a time calls those that write.

    Raises:
        lmdb.Error, OSError: from any method; the disk is full or cannot be written, or the file is
            damaged or closed.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._opened = open_checked(folder, max_bytes)
        self._env = self._opened.environment
        self._env.reader_check()  # places of readers that were killed
        self._values = self._env.open_db(b"values")
        self._about = self._env.open_db(b"about")
        self._used = self._env.open_db(b"used")
        self._change = threading.Condition()
        self._reads = 0
        self._is_closed = False

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

    def get(self, names: Sequence[str], now_s: int) -> dict[str, bytes]:
        """What is there under some names and has not expired."""
        found = {}
        with self._reading(), self._env.begin() as txn:
            for name in names:
                key = name.encode()
                about = txn.get(key, db=self._about)
                if about is None or _ABOUT.unpack(about)[1] <= now_s:
                    continue
                if (value := txn.get(key, db=self._values)) is not None:
                    found[name] = value
        return found

    def write(self, entries: Sequence[LmdbEntry], used: Iterable[str], now_s: int) -> None:
        """Keep entries and note which were used; the least recently used go to make room."""
        size_bytes = sum(_pages_bytes(len(entry.value)) for entry in entries)
        free_bytes = max(int(self._max_bytes * _FREE_SHARE), _LEAST_FREE_BYTES)
        free_bytes = min(free_bytes, self._max_bytes // 2)
        over_bytes = self.used_bytes() + size_bytes + free_bytes - self._max_bytes
        if over_bytes > 0:
            self._make_room(over_bytes)
        for attempt in range(_TRIES):
            try:
                self._write(entries, used, now_s)
            except lmdb.MapFullError:
                if attempt == _TRIES - 1:
                    raise
                self._env.reader_check()  # one that was killed may hold on to pages
                self._make_room(size_bytes << attempt)
            else:
                return

    def used_bytes(self) -> int:
        """What all that is kept takes in the file."""
        with self._env.begin() as txn:
            stats = [txn.stat(db) for db in (self._values, self._about, self._used)]
        pages = sum(s["leaf_pages"] + s["branch_pages"] + s["overflow_pages"] for s in stats)
        return int(pages * stats[0]["psize"])

    def add(self, name: str, value: bytes, expires_s: int, now_s: int) -> bool:
        """Keep a small value unless there is one that has not expired; False then."""
        key = name.encode()
        with self._env.begin(write=True) as txn:
            about = txn.get(key, db=self._about)
            if about is not None and _ABOUT.unpack(about)[1] > now_s:
                return False
            self._put(txn, LmdbEntry(name, value, expires_s), now_s)
        return True

    def remove(self, name: str) -> None:
        with self._env.begin(write=True) as txn:
            self._remove(txn, name.encode())

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

    def _write(self, entries: Iterable[LmdbEntry], used: Iterable[str], now_s: int) -> None:
        with self._env.begin(write=True) as txn:
            for entry in entries:
                self._put(txn, entry, now_s)
            for name in used:
                self._touch(txn, name.encode(), now_s)

    def _put(self, txn: lmdb.Transaction, entry: LmdbEntry, now_s: int) -> None:
        key = entry.name.encode()
        self._remove(txn, key)
        txn.put(key, entry.value, db=self._values)
        txn.put(key, _ABOUT.pack(now_s, entry.expires_s), db=self._about)
        txn.put(_order(now_s, key), b"", db=self._used)

    def _remove(self, txn: lmdb.Transaction, key: bytes) -> None:
        about = txn.get(key, db=self._about)
        if about is None:
            return
        txn.delete(_order(_ABOUT.unpack(about)[0], key), db=self._used)
        txn.delete(key, db=self._about)
        txn.delete(key, db=self._values)

    def _touch(self, txn: lmdb.Transaction, key: bytes, now_s: int) -> None:
        about = txn.get(key, db=self._about)
        if about is None:
            return
        used_s, expires_s = _ABOUT.unpack(about)
        if now_s - used_s < _COARSE_S:
            return
        txn.delete(_order(used_s, key), db=self._used)
        txn.put(key, _ABOUT.pack(now_s, expires_s), db=self._about)
        txn.put(_order(now_s, key), b"", db=self._used)

    def _make_room(self, size_bytes: int) -> None:
        size_bytes += int(self._max_bytes * _ROOM_SHARE)
        while size_bytes > 0 and (freed_bytes := self._remove_oldest(size_bytes)):
            size_bytes -= freed_bytes

    def _remove_oldest(self, size_bytes: int) -> int:
        """Remove so much in one transaction, or a part of it; how much that was."""
        freed_bytes = 0
        with self._env.begin(write=True) as txn, txn.cursor(db=self._used) as cursor:
            for key in _first(cursor, _REMOVED_AT_ONCE):
                value = txn.get(key, db=self._values)
                freed_bytes += _pages_bytes(len(value or b""))
                self._remove(txn, key)
                if freed_bytes >= size_bytes:
                    break
        return freed_bytes


def _order(used_s: int, key: bytes) -> bytes:
    return used_s.to_bytes(8, "big") + key


def _pages_bytes(size_bytes: int) -> int:
    """What a large value takes; a small one takes less."""
    return -(-(size_bytes + 16) // _PAGE_BYTES) * _PAGE_BYTES


def _first(cursor: lmdb.Cursor, most: int) -> list[bytes]:
    keys: list[bytes] = []
    for key in cursor.iternext(keys=True, values=False):
        keys.append(bytes(key[8:]))
        if len(keys) >= most:
            break
    return keys
