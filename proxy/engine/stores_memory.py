"""Which stores there ought to be, remembered beyond this process.

A process that is started while a store is away would otherwise take what is left for all there is, and
keep its holes as certain; with a tier behind it, so would all that share it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.codec.stores_memory_json import decode_expected, encode_expected

if TYPE_CHECKING:
    from proxy.engine.ports import Clock, Tier
    from proxy.plan.holes import StoreWatch

_INTERVAL_MS = 10_000


class StoresMemory:
    """Writes what a watch expects to a tier, and tells it to a new watch.

    name: of the entry; the same for all processes in front of one upstream. life_s: after which a
    store that is away is no longer expected.
    """

    def __init__(self, tier: Tier, clock: Clock, name: str, life_s: int) -> None:
        self._tier = tier
        self._clock = clock
        self._name = name
        self._life_s = life_s
        self._written_ms = -_INTERVAL_MS

    async def recall(self, watch: StoreWatch) -> None:
        """Tell a watch that has not looked yet what was expected last."""
        values = await self._tier.get_many([self._name])
        said = decode_expected(bytes(values[self._name])) if self._name in values else None
        if said is not None:
            expected, at_ms = said
            offset_ms = self._clock.wall_ms() - self._clock.monotonic_ms()
            watch.expect_as_before(expected, at_ms - offset_ms)

    def note(self, watch: StoreWatch) -> None:
        """Write what is expected, every few seconds."""
        now_ms = self._clock.monotonic_ms()
        if watch.expected and now_ms - self._written_ms >= _INTERVAL_MS:
            self._written_ms = now_ms
            value = encode_expected(watch.expected, self._clock.wall_ms())
            self._tier.put(self._name, value, self._life_s)
