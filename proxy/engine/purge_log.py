"""Purges that all processes hear of, written where the extents are.

Each is an entry of its own, named by the hour and a number; who writes takes the first that is free.
Who reads looks for new ones every second, and after its start for those of the last day: what was
kept before a purge and matches it is not used, wherever it comes from.
"""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from proxy.codec.purge_json import PurgeAt, decode_purge, encode_purge
from proxy.plan.purge import matches

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.engine.ports import Clock, Tier
    from proxy.model.extent import AnyPiece, Extent
    from proxy.plan.purge import Purge

_HOUR_MS = 3_600_000
_REMEMBERED_HOURS = 25
_SLOTS = 32
_AHEAD = 2
"""How many numbers beyond the last known one are looked for."""
_INTERVAL_S = 1.0
_LIFE_S = (_REMEMBERED_HOURS + 1) * 3_600


class PurgeLog:
    """What has been purged lately, by anybody."""

    def __init__(self, tier: Tier, clock: Clock) -> None:
        self._tier = tier
        self._clock = clock
        self._known: dict[str, PurgeAt] = {}

    async def write(self, wanted: Purge) -> None:
        """Tell the others. Of more than a number in an hour only the last is: it removes everything."""
        hour = self._clock.wall_ms() // _HOUR_MS
        said = PurgeAt(wanted, self._clock.wall_ms())
        for number in range(_SLOTS):
            name = _name(hour, number)
            if name in self._known:
                continue
            is_last = number == _SLOTS - 1
            value = encode_purge(dataclasses.replace(said, wanted=type(wanted)()) if is_last else said)
            if await self._tier.add(name, value, _LIFE_S):
                self._known[name] = decode_purge(value) or said
                return

    async def run(self, apply: Callable[[Purge], object]) -> None:
        """Hear of new purges and apply them; until cancelled."""
        hour = self._clock.wall_ms() // _HOUR_MS
        hours = range(hour - _REMEMBERED_HOURS, hour + 1)
        await self._hear([_name(h, n) for h in hours for n in range(_SLOTS)])
        while True:
            await asyncio.sleep(_INTERVAL_S)
            for wanted in await self._hear(self._next_names()):
                apply(wanted)

    def without_purged(self, extent: Extent[AnyPiece]) -> Extent[AnyPiece]:
        """The pieces of an extent that were fetched after all purges that it matches."""
        offset_ms = self._clock.wall_ms() - self._clock.monotonic_ms()
        at_ms = max(
            (one.at_ms for one in self._known.values() if matches(extent, one.wanted)), default=0
        )
        kept = tuple(kept for kept in extent.kept if kept.began_ms + offset_ms > at_ms)
        return dataclasses.replace(extent, kept=kept)

    def _next_names(self) -> list[str]:
        """The numbers that may be written next: in this hour, and just after its begin in the last."""
        hour = self._clock.wall_ms() // _HOUR_MS
        names = []
        for one in (hour - 1, hour):
            known = sum(_name(one, number) in self._known for number in range(_SLOTS))
            names += [_name(one, number) for number in range(known, min(known + _AHEAD, _SLOTS))]
        return names

    async def _hear(self, names: list[str]) -> list[Purge]:
        """New purges under some names."""
        values = await self._tier.get_many([name for name in names if name not in self._known])
        heard = []
        for name, value in values.items():
            if (said := decode_purge(bytes(value))) is not None:
                self._known[name] = said
                heard.append(said.wanted)
        oldest = _name(self._clock.wall_ms() // _HOUR_MS - _REMEMBERED_HOURS, 0)
        self._known = {name: said for name, said in self._known.items() if name >= oldest}
        return heard


def _name(hour: int, number: int) -> str:
    return f"purge.{hour:08d}.{number:02d}"
