"""Where workers leave word of themselves for each other: one small file each, in their own folder.

The folder belongs to their supervisor, and nobody else may look into it. A file is written anew once a
second, in one move; of a worker that has died it is soon too old to count.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.status.snapshot_json import read_snapshot, write_snapshot
from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.status.snapshot import Snapshot

_OLD_MS = 5_000
_FRESH_MS = 500
"""What was read is good for so long: it may be asked for often, and is written once a second."""
_ID = re.compile(r"(\d{1,10})-\d{1,15}")
_MOST_CANCELS = 100


class Board:
    """folder: of all workers."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._own = self._folder / f"status-{os.getpid()}.json"
        self._has_failed = False
        self._read_ms = -_FRESH_MS
        self._read: list[Snapshot] = []

    def leave_word(self, snapshot: Snapshot) -> None:
        """Say how this worker is; a full disk costs the others the news, and nothing else."""
        new = self._own.with_suffix(".new")
        try:
            new.write_bytes(write_snapshot(snapshot))
            new.replace(self._own)
            self._has_failed = False
        except OSError as error:
            if not self._has_failed:
                LOG.warning("other workers cannot be told", extra={"err": str(error)})
            self._has_failed = True

    def leave(self) -> None:
        """There is nothing more to say."""
        self._own.unlink(missing_ok=True)

    def others(self, now_ms: int) -> list[Snapshot]:
        """What the other workers have said within the last seconds."""
        if not 0 <= now_ms - self._read_ms < _FRESH_MS:
            read = map(read_snapshot, self._texts())
            self._read, self._read_ms = [one for one in read if one is not None], now_ms
        return [one for one in self._read if now_ms - one.at_ms < _OLD_MS]

    def _texts(self) -> Iterator[bytes]:
        for path in sorted(self._folder.glob("status-*.json")):
            if path == self._own:
                continue
            try:
                yield path.read_bytes()
            except OSError:
                continue

    def ask_to_cancel(self, run_id: str) -> bool:
        """Ask the worker whose request this is to end it; False when there is no such worker."""
        found = _ID.fullmatch(run_id)
        if found is None or not (self._folder / f"status-{found[1]}.json").exists():
            return False
        try:
            (self._folder / f"cancel-{run_id}").touch()
        except OSError:
            return False
        return True

    def take_cancels(self) -> list[str]:
        """The ids of this worker's requests that others want to end."""
        wanted = []
        for path in list(self._folder.glob(f"cancel-{os.getpid()}-*"))[:_MOST_CANCELS]:
            path.unlink(missing_ok=True)
            wanted.append(path.name.removeprefix("cancel-"))
        return wanted
