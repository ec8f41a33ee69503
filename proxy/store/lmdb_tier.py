"""Extents in a file on this machine: it outlives the process, and all workers share it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import lmdb

from proxy.store.call_threads import CallThreads
from proxy.store.lmdb_file import LmdbEntry, LmdbFile
from proxy.store.raw_tier import Entry, TierError
from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxy.codec.sections import Buffer
    from proxy.engine.ports import Clock
    from proxy.store.tier_config import LmdbConfig

T = TypeVar("T")
_READERS = 2
_MOST_READS, _MOST_WRITES = 1_000, 50
_START_S = 10.0
_CLOSE_S = 2.0
_OPEN_AGAIN_MS = 5_000
_MOST_USED = 10_000
_LARGEST_BYTES, _LEAST_VALUES = 64 << 20, 16
"""The largest value, and how many of the largest there is room for."""
_FAILURES = (lmdb.Error, OSError)
_LOST = (
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
    lmdb.InvalidError,
    lmdb.MapResizedError,
)
"""After these the file is opened again, which looks at whether it is damaged."""


class LmdbTier:
    """Implements `RawTier`. Reads have threads; writes have one, which opens the file too."""

    name = "lmdb"

    def __init__(self, config: LmdbConfig, clock: Clock) -> None:
        self._config = config
        self.max_value_bytes = min(_LARGEST_BYTES, config.max_bytes // _LEAST_VALUES)
        self._clock = clock
        self._readers = CallThreads("lmdb-read", _READERS, _MOST_READS)
        self._writer = CallThreads("lmdb-write", 1, _MOST_WRITES)
        self._file: LmdbFile | None = None
        self._is_lost = False
        self._open_after_ms = 0
        self._used: dict[str, None] = {}

    async def start(self) -> None:
        """Open the file; what fails is tried again with later writes."""
        try:
            async with asyncio.timeout(_START_S):
                await self._call(self._writer, self._opened)
        except (TierError, TimeoutError) as error:
            reason = str(error) or "it takes long"
            extra = {"folder": self._config.directory, "err": reason}
            LOG.warning("the cache on disk cannot be opened yet", extra=extra)

    async def get_many(self, names: Sequence[str], _within_s: float, /) -> dict[str, Buffer]:
        file = self._file
        if file is None:
            raise TierError("the cache on disk is not open")
        found = await self._call(self._readers, lambda: file.get(names, self._now_s()))
        if len(self._used) < _MOST_USED:
            self._used.update(dict.fromkeys(found))
        return found

    async def put_many(self, entries: Sequence[Entry]) -> int:
        used, self._used = self._used, {}
        await self._call(self._writer, lambda: self._write(entries, used))
        return len(entries)

    async def add(self, entry: Entry) -> bool:
        return await self._call(self._writer, lambda: self._add(entry))

    async def remove(self, name: str) -> None:
        await self._call(self._writer, lambda: self._opened().remove(name))

    async def close(self) -> None:
        file, self._file = self._file, None
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._call(self._writer, file.close if file else lambda: None)
        except (TierError, TimeoutError):
            pass  # another process holds the lock; the file is whole at any moment
        self._readers.close()
        self._writer.close()

    async def _call(self, threads: CallThreads, work: Callable[[], T]) -> T:
        try:
            return await threads.call(work)
        except _FAILURES as error:
            self._is_lost = self._is_lost or isinstance(error, _LOST)
            raise TierError(f"the cache on disk: {error}") from error

    def _write(self, entries: Sequence[Entry], used: dict[str, None]) -> None:
        now_s = self._now_s()
        kept = [LmdbEntry(name, value, now_s + life_s) for name, value, life_s in entries]
        self._opened().write(kept, used, now_s)

    def _add(self, entry: Entry) -> bool:
        now_s = self._now_s()
        return self._opened().add(entry.name, entry.value, now_s + entry.life_s, now_s)

    def _opened(self) -> LmdbFile:
        """The file as it is now; called in the one thread that writes."""
        file = self._file
        if file is not None and not self._is_lost and file.is_current():
            return file
        if file is not None:
            self._file = None
            file.close()
        now_ms = self._clock.monotonic_ms()
        if now_ms < self._open_after_ms:
            raise TierError("the cache on disk is not open")
        self._open_after_ms = now_ms + _OPEN_AGAIN_MS
        self._file = LmdbFile(Path(self._config.directory), self._config.max_bytes)
        self._is_lost, self._open_after_ms = False, 0
        return self._file

    def _now_s(self) -> int:
        return self._clock.wall_ms() // 1000
