"""Opens the file that several processes share, after a look at whether it is whole.

LMDB trusts its file: a damaged page can end the process that reads it. So before a file is used its
structure is read through by `lmdb.verify`, which does not trust it: by whoever opens it first, while
nobody else can write, and by who comes later under the lock of the one writer. A process that was
ended by a damaged page finds the damage when it is started again. What is damaged is taken out of the
way, and the others notice that at their next write.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import lmdb
from lmdb.verify import VerifyError, verify

from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = "extents-2"
"""The folder's name: another format is another folder."""
_FORMATS = "extents-*"
_MOST_READERS = 512
_LOCK_TIMEOUT_S = 10.0
_LOCK_PAUSE_S = 0.02


@dataclass(slots=True)
class Opened:
    """lock: held as long as the environment is used. inode: which file it is."""

    environment: lmdb.Environment
    home: Path
    lock: int
    inode: int

    def is_current(self) -> bool:
        """Whether the file has not been taken out of the way."""
        return _inode(self.home) == self.inode

    def size_bytes(self) -> int:
        """What the file takes on the disk: it does not become smaller."""
        return (self.home / "data.mdb").stat().st_size

    def close(self) -> None:
        self.environment.close()
        os.close(self.lock)


def open_checked(folder: Path, max_bytes: int) -> Opened:
    """The environment in a folder, begun anew when what is there is damaged.

    Raises:
        OSError, lmdb.Error: it cannot be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        home = folder / FORMAT
        environment = _first(home, max_bytes, lock) or _joined(home, max_bytes, lock)
        return Opened(environment, home, lock, _inode(home))
    except BaseException:
        os.close(lock)
        raise


def _first(home: Path, max_bytes: int, lock: int) -> lmdb.Environment | None:
    """The environment when no other process uses it; None when one does."""
    if not _locks(lock, fcntl.LOCK_EX):
        return None
    for other in home.parent.glob(_FORMATS):
        if other != home:
            shutil.rmtree(other, ignore_errors=True)
    if problem := _problem(home, max_bytes):
        _set_aside(home, problem)
    environment = _open(home, max_bytes)
    fcntl.flock(lock, fcntl.LOCK_SH)
    return environment


def _joined(home: Path, max_bytes: int, lock: int) -> lmdb.Environment:
    """The environment that others use too."""
    give_up_s = time.monotonic() + _LOCK_TIMEOUT_S
    while not _locks(lock, fcntl.LOCK_SH):
        if time.monotonic() > give_up_s:
            raise TimeoutError("another process does not finish opening it")
        time.sleep(_LOCK_PAUSE_S)
    environment = _open(home, max_bytes)
    inode = _inode(home)
    with environment.begin(write=True):
        problem = _problem(home)
        if problem and _inode(home) == inode:
            _set_aside(home, problem)
    if not problem:
        return environment
    environment.close()
    return _open(home, max_bytes)


def _locks(lock: int, how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open(home: Path, max_bytes: int) -> lmdb.Environment:
    home.mkdir(parents=True, exist_ok=True)
    return lmdb.open(
        str(home),
        map_size=max_bytes,
        max_dbs=5,
        max_readers=_MOST_READERS,
        sync=False,  # a process that is killed loses nothing; when the machine is, see above
    )


def _problem(home: Path, max_bytes: int = 0) -> str:
    """What is wrong with the file; "" when nothing is, or there is none."""
    file = home / "data.mdb"
    if not file.exists() or not file.stat().st_size:
        return ""
    if max_bytes and file.stat().st_size > max_bytes:
        return "it is larger than max_size"
    try:
        problems: list[str] = verify(str(home))  # type: ignore[no-untyped-call]  # it has no types
        return "; ".join(problems[:3])
    except VerifyError as error:
        return str(error)


def _set_aside(home: Path, problem: str) -> None:
    """Take it out of the way at once; then remove it, for the place on the disk is bounded too."""
    LOG.error("the kept extents are begun anew", extra={"folder": str(home), "err": problem})
    damaged = home.with_name(f"{home.name}-damaged-{os.getpid()}")
    home.rename(damaged)
    shutil.rmtree(damaged, ignore_errors=True)


def _inode(home: Path) -> int:
    try:
        return (home / "data.mdb").stat().st_ino
    except FileNotFoundError:
        return 0
