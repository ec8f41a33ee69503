"""What had to go to make room, by name: a miss of it would be a hit of a larger cache. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.model.extent import ExtentId

_MOST = 20_000
"""Numbers of some 100 bytes each."""


class Evicted:
    """The ids of the extents evicted last, each until it is asked for once."""

    __slots__ = ("_hashes", "_most")

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._hashes: dict[int, None] = {}

    def add(self, extent_id: ExtentId) -> None:
        """It had to go; of too many, those that went first are forgotten."""
        self._hashes[hash(extent_id)] = None
        if len(self._hashes) > self._most:
            del self._hashes[next(iter(self._hashes))]

    def take(self, extent_id: ExtentId) -> bool:
        """Whether it had to go; says so once."""
        if not self._hashes:
            return False
        key = hash(extent_id)
        if key not in self._hashes:
            return False
        del self._hashes[key]
        return True

    def forget(self, extent_id: ExtentId) -> None:
        """It is kept again, or is not wanted any more."""
        self._hashes.pop(hash(extent_id), None)

    def clear(self) -> None:
        self._hashes.clear()

    def __len__(self) -> int:
        return len(self._hashes)
