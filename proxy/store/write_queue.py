"""What waits to be written to a tier: bounded in bytes and in number, each name once."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from proxy.store.parts import parts_of
from proxy.telemetry.metrics import TIER_QUEUE_BYTES, TIER_WRITES

if TYPE_CHECKING:
    from proxy.store.raw_tier import Entry


@dataclass(frozen=True, slots=True)
class QueueBounds:
    """of_bytes, of_values: what may wait. part_bytes: into what large values are cut."""

    of_bytes: int
    of_values: int
    part_bytes: int


class _Waiting(NamedTuple):
    entry: Entry
    until_s: float


class WriteQueue:
    """tier: its name, for the metrics."""

    def __init__(self, tier: str, bounds: QueueBounds) -> None:
        self._tier = tier
        self._bounds = bounds
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, entry: Entry, now_s: float) -> bool:
        """Let it wait, in place of what waits under its name; False when there is no room."""
        self.drop(entry.name)
        is_long = len(self) >= self._bounds.of_values
        if is_long or self.size_bytes + len(entry.value) > self._bounds.of_bytes:
            TIER_WRITES.labels(self._tier, "dropped").inc()
            return False
        self._waiting[entry.name] = _Waiting(entry, now_s + entry.life_s)
        self._count(len(entry.value))
        return True

    def drop(self, name: str) -> None:
        """Let what has this name wait no longer."""
        if (waiting := self._waiting.pop(name, None)) is not None:
            self._count(-len(waiting.entry.value))

    def take(self, batch_bytes: int, now_s: float) -> list[Entry]:
        """What has waited longest, so many bytes of it, in parts; its life is what is left of it."""
        batch: list[Entry] = []
        size_bytes = 0
        while self._waiting and size_bytes < batch_bytes:
            _, (entry, until_s) = self._waiting.popitem(last=False)
            self._count(-len(entry.value))
            left_s = int(until_s - now_s + 0.5)
            parts = parts_of(entry._replace(life_s=left_s), self._bounds.part_bytes)
            if left_s <= 0 or not parts:
                TIER_WRITES.labels(self._tier, "dropped").inc()
                continue
            size_bytes += len(entry.value)
            batch += parts
        return batch

    def _count(self, size_bytes: int) -> None:
        self.size_bytes += size_bytes
        TIER_QUEUE_BYTES.labels(self._tier).set(self.size_bytes)
