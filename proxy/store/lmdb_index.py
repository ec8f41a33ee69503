"""What stands in an LMDB file about each value: where it is, until when it is good, when it was used.

A small value stands in the file itself, of a large one the name of the file that it is. Each kind has
an order of its own by last use, for each has its own part of the room. All that is done in one
transaction is there or is not; files that belong to it are made before it ends, and those that nobody
names any more are removed after it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from proxy.store.large_files import LARGE_BYTES, LargeFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import lmdb
    from lmdb import _Database as Database

    from proxy.codec.sections import Buffer
    from proxy.store.large_files import LargeFiles

DATABASES = (b"values", b"about", b"used", b"large", b"used-large")
_ABOUT = struct.Struct("<QQ")
_LARGE = struct.Struct("<Q16s")
_PAGE_BYTES = 4096
_SUM = b"\0"
"""A name that no value has: what all large ones take."""
_COARSE_S = 60
"""An entry used again within this time keeps its place: reads shall not become writes."""
_REMOVED_AT_ONCE = 256


class LmdbEntry(NamedTuple):
    """What is to be kept. expires_s: by the wall clock."""

    name: str
    value: bytes
    expires_s: int


class Databases:
    """The parts of an environment."""

    def __init__(self, environment: lmdb.Environment) -> None:
        made = [environment.open_db(name) for name in DATABASES]
        self.values, self.about, self.used, self.large, self.used_large = self.all = made


class Index:
    """The file within one transaction."""

    def __init__(self, txn: lmdb.Transaction, databases: Databases) -> None:
        self._txn = txn
        self._in = databases

    def find(self, names: Iterable[str], now_s: int) -> tuple[dict[str, Buffer], dict[str, LargeFile]]:
        """Values under some names that have not expired, and the files that others are."""
        get, about_db, values_db = self._txn.get, self._in.about, self._in.values
        values: dict[str, Buffer] = {}
        files: dict[str, LargeFile] = {}
        for name in names:
            key = name.encode()
            about = get(key, db=about_db)
            if about is None or _ABOUT.unpack(about)[1] <= now_s:
                continue
            if (value := get(key, db=values_db)) is not None:
                values[name] = value
            elif (file := self._large(key)) is not None:
                files[name] = file
        return values, files

    def pages_bytes(self) -> int:
        """What everything but the large files takes."""
        stats = [self._txn.stat(db) for db in self._in.all]
        pages = sum(s["leaf_pages"] + s["branch_pages"] + s["overflow_pages"] for s in stats)
        return int(pages * stats[0]["psize"])

    def large_bytes(self) -> int:
        """What the large files take."""
        return int.from_bytes(self._txn.get(_SUM, default=b"", db=self._in.large), "little")

    def large_files(self) -> Iterator[tuple[bytes, LargeFile]]:
        """All that are named."""
        with self._txn.cursor(db=self._in.large) as cursor:
            for key, packed in cursor.iternext():
                if key != _SUM:
                    yield bytes(key), _unpacked(packed)

    def _large(self, key: bytes) -> LargeFile | None:
        packed = self._txn.get(key, db=self._in.large)
        return _unpacked(packed) if packed is not None else None


class Writing(Index):
    """The file within a transaction that writes.

    made: files that it names. gone: those that nobody names after it.
    """

    def __init__(self, txn: lmdb.Transaction, databases: Databases, files: LargeFiles) -> None:
        super().__init__(txn, databases)
        self._files = files
        self.made: list[str] = []
        self.gone: list[str] = []

    def put(self, entry: LmdbEntry, now_s: int) -> None:
        """Keep it in place of what was there."""
        key, txn, used = entry.name.encode(), self._txn, self._in.used
        self.remove(key)
        if len(entry.value) >= LARGE_BYTES:
            used = self._in.used_large
            file = self._files.write(entry.value)
            self.made.append(file.name)
            txn.put(key, _LARGE.pack(file.size_bytes, file.name.encode()), db=self._in.large)
            self._count(pages_bytes(file.size_bytes))
        else:
            txn.put(key, entry.value, db=self._in.values)
        txn.put(key, _ABOUT.pack(now_s, entry.expires_s), db=self._in.about)
        txn.put(_order(now_s, key), b"", db=used)

    def remove(self, key: bytes) -> None:
        """Keep it no longer."""
        about = self._txn.get(key, db=self._in.about)
        if about is None:
            return
        order = _order(_ABOUT.unpack(about)[0], key)
        self._txn.delete(key, db=self._in.about)
        if self._txn.delete(key, db=self._in.values):
            self._txn.delete(order, db=self._in.used)
        elif (large := self._large(key)) is not None:
            self._txn.delete(order, db=self._in.used_large)
            self._txn.delete(key, db=self._in.large)
            self._count(-pages_bytes(large.size_bytes))
            self.gone.append(large.name)

    def touch(self, key: bytes, now_s: int) -> None:
        """It was used."""
        about = self._txn.get(key, db=self._in.about)
        if about is None:
            return
        used_s, expires_s = _ABOUT.unpack(about)
        if now_s - used_s < _COARSE_S:
            return
        used = self._in.used if self._large(key) is None else self._in.used_large
        self._txn.delete(_order(used_s, key), db=used)
        self._txn.put(key, _ABOUT.pack(now_s, expires_s), db=self._in.about)
        self._txn.put(_order(now_s, key), b"", db=used)

    def remove_oldest(self, size_bytes: int) -> int:
        """Remove so much of the small values, or a part of it; how much that was."""
        return self._remove_first(
            self._in.used,
            size_bytes,
            lambda key: pages_bytes(len(self._txn.get(key, db=self._in.values) or b"")),
        )

    def remove_oldest_large(self, size_bytes: int) -> int:
        """The same of the large ones."""
        return self._remove_first(
            self._in.used_large,
            size_bytes,
            lambda key: pages_bytes(large.size_bytes) if (large := self._large(key)) else 0,
        )

    def _remove_first(self, used: Database, size_bytes: int, size_of: Callable[[bytes], int]) -> int:
        freed_bytes = 0
        with self._txn.cursor(db=used) as cursor:
            keys = _first(cursor, _REMOVED_AT_ONCE)
        for key in keys:
            freed_bytes += size_of(key)
            self.remove(key)
            if freed_bytes >= size_bytes:
                break
        return freed_bytes

    def _count(self, change_bytes: int) -> None:
        total_bytes = self.large_bytes() + change_bytes
        if total_bytes:
            self._txn.put(_SUM, total_bytes.to_bytes(8, "little"), db=self._in.large)
        else:
            self._txn.delete(_SUM, db=self._in.large)


def pages_bytes(size_bytes: int) -> int:
    """What a large value takes; a small one takes less."""
    return -(-(size_bytes + 16) // _PAGE_BYTES) * _PAGE_BYTES


def _unpacked(packed: Buffer) -> LargeFile:
    size_bytes, name = _LARGE.unpack(packed)
    return LargeFile(name.decode(), size_bytes)


def _order(used_s: int, key: bytes) -> bytes:
    return used_s.to_bytes(8, "big") + key


def _first(cursor: lmdb.Cursor, most: int) -> list[bytes]:
    keys: list[bytes] = []
    for key in cursor.iternext(keys=True, values=False):
        keys.append(bytes(key[8:]))
        if len(keys) >= most:
            break
    return keys
