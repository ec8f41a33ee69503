"""Which server holds which name, so that a server more or less moves only that server's share. Pure.

Each server stands at many points of a ring; a name belongs to the server of the next point.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_POINTS = 160
"""Of each server: enough for shares that differ by some ten percent."""


class Ring:
    """servers: by name, each once; at least one."""

    def __init__(self, servers: Iterable[str]) -> None:
        points = sorted(
            (_place(f"{server} {number}"), server)
            for server in set(servers)
            for number in range(_POINTS)
        )
        self._places = [place for place, _ in points]
        self._servers = [server for _, server in points]

    def server_of(self, name: str) -> str:
        """The server that holds a name."""
        return self._servers[bisect_right(self._places, _place(name)) % len(self._servers)]

    def shared_out(self, names: Iterable[str]) -> dict[str, list[str]]:
        """The names of each server that holds some of them."""
        found: dict[str, list[str]] = {}
        for name in names:
            found.setdefault(self.server_of(name), []).append(name)
        return found


def _place(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
