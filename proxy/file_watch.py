"""Notices files that change, and has them read again.

A file is known by its times, size and inode, through symbolic links: so a folder of Kubernetes that is
swapped as a whole counts as well. What cannot be read again stays as it was, and is tried at every look
until it can.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_Signature = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(slots=True)
class _Watched:
    """failure: the last reading's, "" after a success."""

    name: str
    paths: Callable[[], Iterable[str]]
    reload: Callable[[], None]
    signature: _Signature
    failure: str = ""


class FileWatch:
    """Looks at registered files every few seconds.

    observe: told after each reading which it was and whether it succeeded.
    """

    def __init__(self, interval_s: float, observe: Callable[[str, bool], None]) -> None:
        self._interval_s = interval_s
        self._observe = observe
        self._watched: list[_Watched] = []

    def register(
        self, name: str, paths: Callable[[], Iterable[str]], reload: Callable[[], None]
    ) -> None:
        """Watch files that have been read just now.

        paths: asked at each look, for a file may name others. reload: reads all of them again, on the
        event loop; raises SettingError or OSError before it changes anything.
        """
        self._watched.append(_Watched(name, paths, reload, _signature(tuple(paths()))))
        self._observe(name, True)

    @property
    def failures(self) -> dict[str, str]:
        """What went wrong with each file at its last reading; "" where nothing has."""
        return {watched.name: watched.failure for watched in self._watched}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._interval_s)
            await self.look()

    async def look(self) -> None:
        """Look once. Files are looked at in a thread: a disk may take its time."""
        for watched in tuple(self._watched):
            paths = tuple(watched.paths())
            now = await asyncio.to_thread(_signature, paths)
            if now != watched.signature or watched.failure:
                self._read(watched, now)

    def reload_now(self) -> None:
        """Read all files again, changed or not (SIGHUP)."""
        for watched in self._watched:
            self._read(watched, _signature(tuple(watched.paths())))

    def _read(self, watched: _Watched, signature: _Signature) -> None:
        """`signature` is from before: what changes meanwhile is seen at the next look."""
        was, watched.failure = watched.failure, self._failure_of(watched)
        if not watched.failure:
            LOG.info("read again", extra={"file": watched.name})
        elif watched.failure != was or signature != watched.signature:
            LOG.warning(
                "cannot be read again: what was read before stays in force",
                extra={"file": watched.name, "err": watched.failure},
            )
        watched.signature = signature
        self._observe(watched.name, not watched.failure)

    def _failure_of(self, watched: _Watched) -> str:
        try:
            watched.reload()
        except (OSError, ValueError) as error:
            return str(error) or type(error).__name__
        except Exception:  # noqa: BLE001  one file's trouble is not the others'
            LOG.exception("unexpected error", extra={"file": watched.name})
            return "an unexpected error"
        return ""


def _signature(paths: tuple[str, ...]) -> _Signature:
    return tuple((path, _state(path)) for path in paths)


def _state(path: str) -> tuple[int, ...]:
    """() for a file that is not there. A change of rights alone moves only the last number."""
    try:
        found = Path(path).stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns
