"""One LMDB environment on disk: what is kept, when it was used, how much it is.

Several processes may have it open; LMDB lets one of them write at a time and survives a process that is
killed in the middle: what was not committed is not there. Its file never shrinks, so the bound is on
what is in it, and the map is larger than that by what LMDB needs for itself.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import lmdb

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

FORMAT = "extents-1"
"""The folder's name: another format is another folder."""
_ABOUT = struct.Struct("<QQ")
_PAGE_BYTES = 4096
_SPARE_BYTES = 32 << 20
_MOST_READERS = 512
_KEPT_SHARE = 0.9
"""To which share of the bound what is kept is brought down, when there is too much."""
_COARSE_S = 60
"""An entry used again within this time keeps its place: reads shall not become writes."""


class Entry(NamedTuple):
    """What is to be kept. expires_s: by the wall clock."""

    name: str
    value: bytes
    expires_s: int


class LmdbFile:
    """All methods block, and are called from threads.

    Raises:
        lmdb.Error: from any method; the disk is full or cannot be written, or the file is damaged.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder / FORMAT
        self._max_bytes = max_bytes
        self._folder.mkdir(parents=True, exist_ok=True)
        self._env = lmdb.open(
            str(self._folder),
            map_size=int(max_bytes * 1.25) + _SPARE_BYTES,
            max_dbs=3,
            max_readers=_MOST_READERS,
            readahead=False,
            sync=False,  # a process that is killed loses nothing; a machine that is may lose all of it
        )
        self._env.reader_check()  # places of readers that were killed
        self._values = self._env.open_db(b"values")
        self._about = self._env.open_db(b"about")
        self._used = self._env.open_db(b"used")

    def close(self) -> None:
        self._env.close()

    def get(self, names: Sequence[str], now_s: int) -> dict[str, bytes]:
        """What is there under some names and has not expired."""
        found = {}
        with self._env.begin() as txn:
            for name in names:
                key = name.encode()
                about = txn.get(key, db=self._about)
                if about is None or _ABOUT.unpack(about)[1] <= now_s:
                    continue
                if (value := txn.get(key, db=self._values)) is not None:
                    found[name] = value
        return found

    def write(self, entries: Iterable[Entry], used: Iterable[str], now_s: int) -> int:
        """Keep entries, note which were used, make room; how many had to go for that."""
        with self._env.begin(write=True) as txn:
            for entry in entries:
                self._put(txn, entry, now_s)
            for name in used:
                self._touch(txn, name.encode(), now_s)
        return self._make_room()

    def used_bytes(self) -> int:
        """What the values take on disk."""
        with self._env.begin() as txn:
            stat = txn.stat(self._values)
        pages = stat["leaf_pages"] + stat["branch_pages"] + stat["overflow_pages"]
        return int(pages * _PAGE_BYTES)

    def add(self, name: str, value: bytes, expires_s: int, now_s: int) -> bool:
        """Keep a small value unless there is one that has not expired; False then."""
        key = name.encode()
        with self._env.begin(write=True) as txn:
            about = txn.get(key, db=self._about)
            if about is not None and _ABOUT.unpack(about)[1] > now_s:
                return False
            self._put(txn, Entry(name, value, expires_s), now_s)
        return True

    def remove(self, names: Iterable[str]) -> None:
        with self._env.begin(write=True) as txn:
            for name in names:
                self._remove(txn, name.encode())

    def _put(self, txn: lmdb.Transaction, entry: Entry, now_s: int) -> None:
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

    def _make_room(self) -> int:
        """The least recently used go first."""
        gone = 0
        while (over_bytes := self.used_bytes() - self._max_bytes) > 0:
            over_bytes += int(self._max_bytes * (1 - _KEPT_SHARE))
            removed = self._remove_oldest(over_bytes)
            gone += removed
            if not removed:
                break
        return gone

    def _remove_oldest(self, size_bytes: int) -> int:
        """Remove so much, in one transaction."""
        removed = 0
        with self._env.begin(write=True) as txn, txn.cursor(db=self._used) as cursor:
            oldest = [key[8:] for key in _first(cursor, 256)]
            for key in oldest:
                value = txn.get(key, db=self._values)
                size_bytes -= len(value or b"") + _PAGE_BYTES
                self._remove(txn, key)
                removed += 1
                if size_bytes <= 0:
                    break
        return removed


def _order(used_s: int, key: bytes) -> bytes:
    return used_s.to_bytes(8, "big") + key


def _first(cursor: lmdb.Cursor, most: int) -> list[bytes]:
    keys: list[bytes] = []
    for key in cursor.iternext(keys=True, values=False):
        keys.append(bytes(key))
        if len(keys) >= most:
            break
    return keys
