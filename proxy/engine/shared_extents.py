"""Kept extents beyond this process: read from a tier if memory lacks them, written to it when sure.

Only pieces are written whose fetch was followed by a look that found all stores in their places. So
what one process was not sure of never becomes another's certainty. An extent that grows with every
refresh is written once in a while, not at each change. `read_back` lets go of what can be shared then.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import OrderedDict
from typing import TYPE_CHECKING

from proxy.codec.extent_wire import ExtentWireError, content_name, decode_extent, encode_extent
from proxy.plan.holes import Trust
from proxy.telemetry.metrics import TIER_DAMAGED, TIER_EXTENTS

if TYPE_CHECKING:
    from proxy.engine.ports import Clock, ExtentStore, Threads, Tier
    from proxy.engine.purge_log import PurgeLog
    from proxy.engine.read_back import ReadBack
    from proxy.model.extent import AnyPiece, Extent, ExtentId, Kept
    from proxy.model.piece import SeriesList
    from proxy.plan.cache_key import CacheKey
    from proxy.plan.holes import StoreWatch

_MOST_CHANGED = 10_000
_LEAST_LIFE_MS = 15_000
"""What lives shorter is not worth the way."""
_WRITE_INTERVAL_S = 1.0
_MOST_AT_ONCE = 200


class SharedExtents:
    """Reads and writes the extents of a store in memory through a tier.

    read_back: None where what the tier gives out is a copy.
    """

    def __init__(
        self,
        tier: Tier,
        watch: StoreWatch,
        clock: Clock,
        threads: Threads,
        purges: PurgeLog,
        read_back: ReadBack | None = None,
    ) -> None:
        self._tier = tier
        self._watch = watch
        self._clock = clock
        self._threads = threads
        self._purges = purges
        self._read_back = read_back
        self._changed: OrderedDict[ExtentId, None] = OrderedDict()

    def changed(self, extent_id: ExtentId) -> None:
        """An extent in memory is not what it was; the oldest of too many are forgotten."""
        self._changed.pop(extent_id, None)
        self._changed[extent_id] = None
        if len(self._changed) > _MOST_CHANGED:
            self._changed.popitem(last=False)

    async def load(self, key: CacheKey, numbers: list[int]) -> list[Extent[AnyPiece]]:
        """What the tier has of some extents of a key; what is damaged or purged is left out."""
        names = {content_name(key.full, number): number for number in numbers}
        values = await self._tier.get_many(list(names))
        found = []
        for value in values.values():
            try:
                extent = await self._threads.run(self._decoded, value, len(value))
            except ExtentWireError:
                TIER_DAMAGED.inc()
                continue
            if extent.full_key == key.full:
                found.append(self._purges.without_purged(extent))
        TIER_EXTENTS.labels("loaded").inc(len(found))
        return [extent for extent in found if extent.kept]

    async def run(self, store: ExtentStore) -> None:
        """Write what has changed and is sure; until cancelled."""
        while True:
            await asyncio.sleep(_WRITE_INTERVAL_S)
            await self.write(store)

    async def write(self, store: ExtentStore) -> None:
        """Write what is sure by now; the rest waits for the next time."""
        if self._read_back is not None:
            await self._read_back.look(store)
        for _ in range(min(len(self._changed), _MOST_AT_ONCE)):
            extent_id, _ = self._changed.popitem(last=False)
            extent = store.peek(extent_id)
            if extent is None:
                continue
            sure, waits = self._sure(extent)
            if waits:
                self._changed[extent_id] = None
            if sure.kept:
                packed = await self._write_one(extent_id, sure)
                if self._read_back is not None and len(sure.kept) == len(extent.kept):
                    self._read_back.expect(extent_id, extent, packed)

    async def _write_one(self, extent_id: ExtentId, extent: Extent[AnyPiece]) -> bytes:
        size_bytes = extent.size_bytes
        packed = await self._threads.run(self._encoded, extent, size_bytes)
        life_ms = max(kept.expires_ms for kept in extent.kept) - self._clock.monotonic_ms()
        name = content_name(extent.full_key, extent_id.number)
        if self._tier.put(name, packed, max(life_ms // 1000, 1)):
            TIER_EXTENTS.labels("offered").inc()
        return packed

    def _sure(self, extent: Extent[AnyPiece]) -> tuple[Extent[AnyPiece], bool]:
        """The pieces that may be given to others, and whether more of them may be soon."""
        now_ms = self._clock.monotonic_ms()
        sure: list[Kept[AnyPiece]] = []
        waits = False
        for kept in extent.kept:
            if kept.expires_ms - now_ms < _LEAST_LIFE_MS:
                continue
            trust = self._watch.trust(kept.began_ms, kept.ended_ms, kept.reads)
            if trust is Trust.CONFIRMED:
                sure.append(kept)
            waits = waits or trust is Trust.PENDING
        return dataclasses.replace(extent, kept=tuple(sure)), waits

    def _encoded(self, extent: Extent[AnyPiece]) -> bytes:
        return encode_extent(extent, self._offset_ms())

    def _decoded(self, value: bytes | memoryview) -> Extent[AnyPiece]:
        return decode_extent(value, self._offset_ms(), _as_it_is)

    def _offset_ms(self) -> int:
        return self._clock.wall_ms() - self._clock.monotonic_ms()


def _as_it_is(series: SeriesList) -> SeriesList:
    """Lists are shared on the event loop, not in threads."""
    return series
