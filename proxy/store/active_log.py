"""What runs, on disk: so that after a crash it can be said what ran when it came.

Each process has a file of its own, in a folder that several may share, and holds its lock. A file
whose lock can be had is that of a process that has died. Only queries that ask the upstream stand in
it: two writes into the page cache each, which outlive the process that made them. (Not a memory map:
a disk that is full, or a file that somebody cuts, would then end the process instead of a write.)
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import time
from typing import TYPE_CHECKING

from proxy.codec.active_slot import EMPTY, SLOT_BYTES, ActiveQuery, decode_slot, encode_slot
from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from proxy.telemetry.record import Ask, Record

_SLOTS = 256
"""Queries beyond so many at once are not written down."""
_MOST_FILES = 64
_MOST_TOLD = 20
_MOST_TRIES, _PAUSE_S = 100, 0.02
_PREFIX = "queries-"
_OPEN = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW


class ActiveLog:
    """Watches requests. left: what ran in processes that have died since.

    describe: how a query is called.
    """

    def __init__(
        self, folder: Path, describe: Callable[[Record], ActiveQuery], slots: int = _SLOTS
    ) -> None:
        """Raises OSError when the folder cannot be written."""
        folder.mkdir(parents=True, exist_ok=True)
        self._describe = describe
        self._slots: dict[int, int] = {}
        self._free = list(range(slots))
        self._path = folder / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}.log"
        with _alone(folder):
            self.left: tuple[ActiveQuery, ...] = tuple(_left(folder))
            self._file = _create(self._path, slots)

    def begun(self, record: Record) -> None:
        """See `telemetry.record.Watcher`: who asks nothing of the upstream does not stand in it."""

    def asks(self, record: Record, ask: Ask) -> None:  # noqa: ARG002  the first counts, whichever
        """See `telemetry.record.Watcher`."""
        if record.number in self._slots or not self._free or self._file < 0:
            return
        slot = self._slots[record.number] = self._free.pop()
        self._write(slot, encode_slot(self._describe(record)))

    def ended(self, record: Record) -> None:
        """See `telemetry.record.Watcher`."""
        if (slot := self._slots.pop(record.number, None)) is not None:
            self._free.append(slot)
            self._write(slot, EMPTY)

    def _write(self, slot: int, line: bytes) -> None:
        if self._file < 0:
            return
        try:
            os.pwrite(self._file, line, slot * SLOT_BYTES)
        except OSError as error:
            LOG.warning("running queries are not written down any more", extra={"err": str(error)})
            self._drop()

    def close(self) -> None:
        """All have ended well: nothing is left to tell."""
        self._drop()

    def _drop(self) -> None:
        if self._file >= 0:
            with contextlib.suppress(OSError):
                self._path.unlink()
            os.close(self._file)
            self._file = -1

    def tell(self) -> None:
        """Say what was running; of very much, not all."""
        for one in self.left[:_MOST_TOLD]:
            fields = {name: value for name, value in one._asdict().items() if value}
            LOG.warning("was running when the process ended", extra=fields)
        if more := len(self.left[_MOST_TOLD:]):
            LOG.warning("more was running when the process ended", extra={"queries": more})


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While a file is new and not yet locked, nobody else shall take its process for dead.

    Raises:
        OSError: somebody else does not finish.
    """
    lock = os.open(folder / "begin.lock", _OPEN | os.O_CREAT, 0o600)
    try:
        tries = 1
        while not _locks(lock):
            if tries == _MOST_TRIES:
                raise TimeoutError("another process does not finish beginning")
            tries += 1
            time.sleep(_PAUSE_S)
        yield
    finally:
        os.close(lock)


def _locks(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _create(path: Path, slots: int) -> int:
    """The file, locked, with all its room taken.

    Raises:
        OSError: there is no such room, or the folder cannot be written.
    """
    file = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.posix_fallocate(file, 0, slots * SLOT_BYTES)
        os.pwrite(file, EMPTY * slots, 0)
    except BaseException:
        os.close(file)
        path.unlink(missing_ok=True)
        raise
    return file


def _left(folder: Path) -> Iterator[ActiveQuery]:
    """What stands in files of the dead; they are removed."""
    for path in sorted(folder.glob(f"{_PREFIX}*.log"))[:_MOST_FILES]:
        with contextlib.suppress(OSError):
            yield from _last_words(path)


def _last_words(path: Path) -> list[ActiveQuery]:
    """Nothing for a process that lives: it holds the lock."""
    file = os.open(path, _OPEN)
    try:
        if not _locks(file):
            return []
        text = os.pread(file, _SLOTS * SLOT_BYTES, 0)
        path.unlink(missing_ok=True)
    finally:
        os.close(file)
    lines = (text[at : at + SLOT_BYTES] for at in range(0, len(text), SLOT_BYTES))
    return [found for line in lines if (found := decode_slot(line)) is not None]
