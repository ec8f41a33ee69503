"""Memory in front of a tier: what is put is told, so that it can be written there later."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.model.extent import AnyPiece, Extent, ExtentId
    from proxy.model.piece import SeriesList
    from proxy.store.memory import MemoryStore


class TieredStore:
    """Implements `engine.ports.ExtentStore`. changed: told the id of each extent that is put."""

    def __init__(self, memory: MemoryStore, changed: Callable[[ExtentId], None]) -> None:
        self._memory = memory
        self._changed = changed
        self.get = memory.get
        self.peek = memory.peek
        self.remove_where = memory.remove_where

    def put(self, extent_id: ExtentId, extent: Extent[AnyPiece]) -> bool:
        """Keep an extent in memory, and have it written to the tier."""
        is_kept = self._memory.put(extent_id, extent)
        if is_kept:
            self._changed(extent_id)
        return is_kept

    def adopt(self, extent_id: ExtentId, extent: Extent[AnyPiece]) -> bool:
        """Keep an extent that the tier has given."""
        return self._memory.put(extent_id, extent)

    def intern(self, series: SeriesList) -> SeriesList:
        """The one object for equal lists."""
        return self._memory.intern(series)
