"""Large extents that were written to a tier are held as the tier has them.

Where a tier gives out large values as mapped files, all processes that hold one share its pages. Who
has fetched and written an extent reads it back and lets its own copy go.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from proxy.codec.extent_wire import ExtentWireError, content_name, decode_extent
from proxy.telemetry.metrics import TIER_DAMAGED

if TYPE_CHECKING:
    from proxy.codec.sections import Buffer
    from proxy.engine.ports import ExtentStore, Threads, Tier
    from proxy.model.extent import AnyPiece, Extent, ExtentId
    from proxy.model.piece import SeriesList

_MOST_WRITTEN, _MOST_LOOKS = 200, 5
"""Extents that are waited for, and how often it is looked whether one is written."""
_HEAD_BYTES = 8
"""What a value begins with: its format and its checksum."""


class _Written(NamedTuple):
    """What was given to the tier of an extent, and how often it was looked for since."""

    extent: Extent[AnyPiece]
    head: bytes
    size_bytes: int
    looks: int = 0

    def is_in(self, value: Buffer) -> bool:
        """Whether this is the value that was given."""
        return len(value) == self.size_bytes and value[:_HEAD_BYTES] == self.head


class ReadBack:
    """least_bytes: values of so much are memory that processes share."""

    def __init__(self, tier: Tier, threads: Threads, least_bytes: int) -> None:
        self._tier = tier
        self._threads = threads
        self._least_bytes = least_bytes
        self._written: OrderedDict[ExtentId, _Written] = OrderedDict()

    def expect(self, extent_id: ExtentId, extent: Extent[AnyPiece], packed: bytes) -> None:
        """An extent was given to the tier, all of it; of too many, the first are forgotten."""
        self._written.pop(extent_id, None)
        if len(packed) < self._least_bytes:
            return
        self._written[extent_id] = _Written(extent, packed[:_HEAD_BYTES], len(packed))
        if len(self._written) > _MOST_WRITTEN:
            self._written.popitem(last=False)

    async def look(self, store: ExtentStore) -> None:
        """Hold what is written by now, of extents that have not changed since they were given."""
        for extent_id in list(self._written):
            written = self._written.pop(extent_id, None)
            if written is None or store.peek(extent_id) is not written.extent:
                continue
            name = content_name(written.extent.full_key, extent_id.number)
            value = (await self._tier.get_many([name])).get(name)
            if value is not None and written.is_in(value):
                await self._hold(store, extent_id, written.extent, value)
            elif written.looks + 1 < _MOST_LOOKS:
                self._written.setdefault(extent_id, written._replace(looks=written.looks + 1))

    async def _hold(
        self, store: ExtentStore, extent_id: ExtentId, extent: Extent[AnyPiece], value: Buffer
    ) -> None:
        try:
            same = await self._threads.run(partial(_same, extent), value, len(value))
        except ExtentWireError:
            TIER_DAMAGED.inc()
            return
        if store.peek(extent_id) is extent:
            store.adopt(extent_id, same)


def _same(extent: Extent[AnyPiece], value: Buffer) -> Extent[AnyPiece]:
    """The extent, its pieces in what was written.

    All else stays as it was: times would not be quite the same after a clock was set.
    """
    lists = {kept.piece.series.metrics: kept.piece.series for kept in extent.kept}

    def known(series: SeriesList) -> SeriesList:
        return lists.get(series.metrics, series)

    pieces = [kept.piece for kept in decode_extent(value, 0, known).kept]
    pairs = zip(extent.kept, pieces, strict=True)
    return dataclasses.replace(
        extent, kept=tuple(dataclasses.replace(kept, piece=piece) for kept, piece in pairs)
    )
