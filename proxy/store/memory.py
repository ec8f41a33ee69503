"""Extents in this process's memory: the least recently used go first, counted in true bytes."""

from __future__ import annotations

import weakref
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

from proxy.store.evicted import Evicted
from proxy.telemetry.metrics import CACHE_BYTES, CACHE_EVICTED, CACHE_REFUSED
from proxy.telemetry.signals import CACHE_MISSED_EVICTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.model.extent import AnyPiece, Extent, ExtentId
    from proxy.model.piece import SeriesList
    from proxy.plan.cache_key import CacheKey

_ENTRY_BYTES = 300
"""What an entry costs beside its extent: the id, the dictionary's slot and its link."""


class MemoryStore:
    """Implements `engine.ports.ExtentStore`. Used from the event loop only.

    max_bytes: the bound on extents and the series lists that they share.
    max_share: an extent larger than this share of it, its series lists included, is not kept, so
        that one query cannot push out everything else.
    """

    def __init__(self, max_bytes: int, max_share: float) -> None:
        self.max_bytes = max_bytes
        self._max_extent_bytes = int(max_bytes * max_share)
        self._extents: OrderedDict[ExtentId, tuple[Extent[AnyPiece], int]] = OrderedDict()
        self._lists: Counter[int] = Counter()
        self._interned: weakref.WeakValueDictionary[tuple[bytes, ...], SeriesList] = (
            weakref.WeakValueDictionary()
        )
        self._evicted = Evicted()
        self.used_bytes = 0
        self.lookups = 0

    def intern(self, series: SeriesList) -> SeriesList:
        """The one object for equal lists."""
        return self._interned.setdefault(series.metrics, series)

    def get(self, extent_id: ExtentId) -> Extent[AnyPiece] | None:
        self.lookups += 1
        found = self._extents.get(extent_id)
        if found is None:
            if self._evicted.take(extent_id):
                CACHE_MISSED_EVICTED.inc()
            return None
        self._extents.move_to_end(extent_id)
        return found[0]

    def peek(self, extent_id: ExtentId) -> Extent[AnyPiece] | None:
        """The extent, without counting that as a use."""
        found = self._extents.get(extent_id)
        return found[0] if found else None

    def extents(self) -> list[Extent[AnyPiece]]:
        """All of them, in no order, without counting that as a use.

        The plain dictionary's values: to go through an ordered one is to hash every key.
        """
        return [extent for extent, _ in dict.values(self._extents)]

    def put(self, extent_id: ExtentId, extent: Extent[AnyPiece]) -> bool:
        """Keep an extent in place of what was there; False when it is too large."""
        self.remove(extent_id)
        size_bytes = extent.size_bytes + _ENTRY_BYTES
        if size_bytes + _lists_bytes(extent) > self._max_extent_bytes:
            CACHE_REFUSED.labels("too_large").inc()
            return False
        self._evicted.forget(extent_id)
        self._extents[extent_id] = (extent, size_bytes)
        self.used_bytes += size_bytes + self._count_lists(extent, +1)
        while self.used_bytes > self.max_bytes:
            CACHE_EVICTED.inc()
            oldest = next(iter(self._extents))
            self.remove(oldest)
            self._evicted.add(oldest)
        CACHE_BYTES.set(self.used_bytes)
        return True

    def adopt(self, extent_id: ExtentId, extent: Extent[AnyPiece]) -> bool:
        """As `put`: there is nothing behind this store."""
        return self.put(extent_id, extent)

    async def load(self, key: CacheKey, numbers: list[int]) -> list[Extent[AnyPiece]]:  # noqa: ARG002
        """There is nothing behind this store."""
        return []

    def remove(self, extent_id: ExtentId) -> None:
        found = self._extents.pop(extent_id, None)
        if found is not None:
            extent, size_bytes = found
            self.used_bytes -= size_bytes + self._count_lists(extent, -1)
            CACHE_BYTES.set(self.used_bytes)

    def remove_where(self, matches: Callable[[ExtentId, Extent[AnyPiece]], bool]) -> int:
        """Remove what matches; how many extents that were."""
        self._evicted.clear()  # nobody can say which of them would match
        gone = [i for i, (extent, _) in self._extents.items() if matches(i, extent)]
        for extent_id in gone:
            self.remove(extent_id)
        return len(gone)

    def __len__(self) -> int:
        return len(self._extents)

    def _count_lists(self, extent: Extent[AnyPiece], change: int) -> int:
        """The bytes of the series lists that come or go with an extent."""
        bytes_ = 0
        for kept in extent.kept:
            series = kept.piece.series
            before = self._lists[id(series)]
            self._lists[id(series)] = before + change
            if before == 0 or before + change == 0:
                bytes_ += series.size_bytes
            if before + change == 0:
                del self._lists[id(series)]
        return bytes_


def _lists_bytes(extent: Extent[AnyPiece]) -> int:
    lists = {id(kept.piece.series): kept.piece.series for kept in extent.kept}
    return sum(series.size_bytes for series in lists.values())
