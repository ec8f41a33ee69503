"""A tier that can do no harm: what is slow, down, full or hung costs a few milliseconds and a counter.

Reads have a deadline far below a query's; after some failures in a row the tier is left alone for a
while. Writes wait in a queue that is bounded in bytes, and what does not fit is dropped. Values above
the tier's limit are cut into parts.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from proxy.plan.breaker import Breaker, BreakerPolicy
from proxy.store.parts import joined, part_names, parts_of
from proxy.store.raw_tier import Entry, RawTier, TierError
from proxy.telemetry.log import LOG
from proxy.telemetry.metrics import TIER_BYTES, TIER_GETS, TIER_QUEUE_BYTES, TIER_WRITES

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from proxy.codec.sections import Buffer

T = TypeVar("T")
_FAILURES = (TierError, TimeoutError, OSError)


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """timeout_s: of a read. write_timeout_s: of a write. queue_bytes: what may wait to be written.

    batch_bytes: what is written at once. writers: writes at once.
    """

    timeout_s: float = 0.02
    write_timeout_s: float = 2.0
    queue_bytes: int = 64 << 20
    batch_bytes: int = 4 << 20
    writers: int = 2


class GuardedTier:
    """Implements `engine.ports.Tier`."""

    def __init__(self, raw: RawTier, policy: GuardPolicy) -> None:
        self._raw = raw
        self._policy = policy
        self._breaker = Breaker(BreakerPolicy(slow_return_ms=0))
        self._queue: OrderedDict[str, Entry] = OrderedDict()
        self._queued_bytes = 0
        self._news = asyncio.Event()
        self._writers: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to write what is put. Needs the event loop."""
        loop = asyncio.get_running_loop()
        for _ in range(self._policy.writers):
            self._writers.add(loop.create_task(self._write_for_ever()))

    async def close(self, grace_s: float = 2.0) -> None:
        """Write what waits, for so long; then end."""
        try:
            async with asyncio.timeout(grace_s):
                while self._queue and self._breaker.allows(_now_ms()):
                    await self._write_some()
        except TimeoutError:
            pass
        for task in self._writers:
            task.cancel()
        if self._writers:
            await asyncio.wait(self._writers)
        await self._raw.close()

    async def get_many(self, names: Sequence[str]) -> dict[str, Buffer]:
        """What is there; nothing when the tier fails. Never raises, never takes long."""
        found = await self._attempt(self._raw.get_many(names), "get")
        if found is None:
            return {}
        values = await self._completed(found)
        for name in names:
            TIER_GETS.labels(self._raw.name, "hit" if name in values else "miss").inc()
        TIER_BYTES.labels(self._raw.name, "read").inc(sum(map(len, values.values())))
        return values

    async def _completed(self, found: dict[str, bytes]) -> dict[str, Buffer]:
        """Values that were cut into parts, put together again; those that lack one are left out."""
        wanted = [part for name, value in found.items() for part in part_names(name, value)]
        parts = await self._attempt(self._raw.get_many(wanted), "get") if wanted else {}
        values = {name: joined(name, value, parts or {}) for name, value in found.items()}
        return {name: value for name, value in values.items() if value is not None}

    def put(self, name: str, value: bytes, life_s: int) -> bool:
        """Keep a value later; False when it is dropped."""
        if not self._breaker.allows(_now_ms()):
            TIER_WRITES.labels(self._raw.name, "skipped").inc()
            return False
        self._drop_queued(name)
        if self._queued_bytes + len(value) > self._policy.queue_bytes:
            TIER_WRITES.labels(self._raw.name, "dropped").inc()
            return False
        self._queue[name] = Entry(name, value, life_s)
        self._count(len(value))
        self._news.set()
        return True

    async def add(self, name: str, value: bytes, life_s: int) -> bool:
        """Whether a name was free, and is now ours; also when the tier fails."""
        result = await self._attempt(self._raw.add(Entry(name, value, life_s)), "add")
        return result is not False

    async def remove(self, name: str) -> None:
        """Keep it no longer; nothing when the tier fails."""
        self._drop_queued(name)
        await self._attempt(self._raw.remove(name), "remove")

    async def _attempt(self, work: Coroutine[Any, Any, T], what: str) -> T | None:
        """What it brings within the deadline; None when it fails or the tier is left alone."""
        if not self._breaker.allows(_now_ms()):
            work.close()
            TIER_GETS.labels(self._raw.name, "skipped").inc()
            return None
        self._breaker.begin(_now_ms())
        try:
            async with asyncio.timeout(self._policy.timeout_s):
                result = await work
        except _FAILURES as error:
            TIER_GETS.labels(self._raw.name, "failed").inc()
            self._failed(error, what)
            return None
        except asyncio.CancelledError:
            self._breaker.abandon()
            raise
        self._breaker.succeed(_now_ms())
        return result

    async def _write_for_ever(self) -> None:
        while True:
            await self._news.wait()
            if not self._queue:
                self._news.clear()
                continue
            await self._write_some()

    async def _write_some(self) -> None:
        """Write a batch; what fails is dropped, for it will be asked for again."""
        batch = self._take_batch()
        result = "written"
        try:
            async with asyncio.timeout(self._policy.write_timeout_s):
                await self._raw.put_many(batch)
        except _FAILURES as error:
            result = "failed"
            self._failed(error, "write")
        else:
            self._breaker.succeed(_now_ms())
            TIER_BYTES.labels(self._raw.name, "written").inc(sum(len(e.value) for e in batch))
        TIER_WRITES.labels(self._raw.name, result).inc(len(batch))

    def _take_batch(self) -> list[Entry]:
        batch: list[Entry] = []
        size_bytes = 0
        while self._queue and size_bytes < self._policy.batch_bytes:
            _, entry = self._queue.popitem(last=False)
            self._count(-len(entry.value))
            size_bytes += len(entry.value)
            batch += parts_of(entry, self._raw.max_value_bytes)
        return batch

    def _drop_queued(self, name: str) -> None:
        if (entry := self._queue.pop(name, None)) is not None:
            self._count(-len(entry.value))

    def _count(self, size_bytes: int) -> None:
        self._queued_bytes += size_bytes
        TIER_QUEUE_BYTES.labels(self._raw.name).set(self._queued_bytes)

    def _failed(self, error: Exception, what: str) -> None:
        was_open = not self._breaker.allows(_now_ms())
        self._breaker.fail(_now_ms())
        if not was_open and not self._breaker.allows(_now_ms()):
            extra = {"tier": self._raw.name, "what": what, "err": str(error) or "no answer in time"}
            LOG.warning("a cache tier fails; it is left alone for a while", extra=extra)


def _now_ms() -> int:
    return int(asyncio.get_running_loop().time() * 1000)
