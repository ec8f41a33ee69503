"""A folder for what the workers of one supervisor share; removed at the end, or by the next to start.

A supervisor that is killed leaves its folder behind, and in a container that is started again `/tmp` is
the same. The owner holds a lock, so that whoever starts can tell what is abandoned.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "thanoxy-workers-"
_OWNER = "owner"
_YOUNG_S = 60.0
"""The owner of a younger one may not have its lock yet."""


@contextlib.contextmanager
def own_folder() -> Iterator[str]:
    """A new folder, for as long as the context is open.

    Raises:
        OSError: there is no place for it.
    """
    _remove_abandoned(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name, Path(name, _OWNER).open("wb") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        yield name


def _remove_abandoned(place: Path) -> None:
    for owner in place.glob(f"{_PREFIX}*/{_OWNER}"):
        with contextlib.suppress(OSError), open(owner, "rb", opener=_at_once) as held:
            if time.time_ns() / 1e9 - owner.stat().st_mtime > _YOUNG_S:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(owner.parent, ignore_errors=True)


def _at_once(path: str, flags: int) -> int:
    """In `/tmp` anybody may have put a pipe there, which would be waited for."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)
