"""Memory in front of a tier: what is put is written there later, what is missing is read from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from proxy.model.extent import AnyPiece, Extent, ExtentId
    from proxy.model.piece import SeriesList
    from proxy.plan.cache_key import CacheKey
    from proxy.store.memory import MemoryStore


class Behind(Protocol):
    """What stands behind memory (`engine.shared_extents`)."""

    def changed(self, extent_id: ExtentId) -> None:
        """An extent in memory is not what it was."""
        ...

    async def load(self, key: CacheKey, numbers: list[int]) -> list[Extent[AnyPiece]]:
        """What is there of some extents of a key."""
        ...


class TieredStore:
    """Implements `engine.ports.ExtentStore`."""

    def __init__(self, memory: MemoryStore, behind: Behind) -> None:
        self.memory = memory
        self._behind = behind
        self.get = memory.get
        self.peek = memory.peek
        self.extents = memory.extents
        self.remove_where = memory.remove_where
        self.load = behind.load

    def put(self, extent_id: ExtentId, extent: Extent[AnyPiece]) -> bool:
        """Keep an extent in memory, and have it written to the tier."""
        is_kept = self.memory.put(extent_id, extent)
        if is_kept:
            self._behind.changed(extent_id)
        return is_kept

    def adopt(self, extent_id: ExtentId, extent: Extent[AnyPiece]) -> bool:
        """Keep an extent that the tier has given."""
        return self.memory.put(extent_id, extent)

    def intern(self, series: SeriesList) -> SeriesList:
        """The one object for equal lists."""
        return self.memory.intern(series)
