"""A tier that can do no harm: what is slow, down, full or hung costs a few milliseconds and a counter.

Reads have a deadline far below a query's; after some failures in a row the tier is left alone for a
while, reads and writes each by themselves. What is too late is not cancelled but no longer waited for:
so a slow server does not cost its connections too. Writes wait in a queue that is bounded in bytes and
in number, and what does not fit is dropped. Values above the tier's limit are cut into parts.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from proxy.plan.breaker import Breaker, BreakerPolicy
from proxy.store.parts import joined, part_names, parts_of
from proxy.store.raw_tier import Entry, RawTier, TierError
from proxy.store.write_breaker import AnyBreaker, WriteBreaker
from proxy.telemetry.log import LOG
from proxy.telemetry.metrics import TIER_BYTES, TIER_GETS, TIER_QUEUE_BYTES, TIER_WRITES

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from proxy.codec.sections import Buffer
    from proxy.store.tier_config import WriteBreakerConfig

T = TypeVar("T")
_MOST_UNDER_WAY = 200
"""Of what is no longer waited for, too."""
_LOOK_AGAIN_S = 0.1
_PATIENCE = 0.75


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """timeout_s: of a read. write_timeout_s: of a write.

    queue_bytes, queue_values: what may wait to be written. batch_bytes: what is written at once.
    writers: batches at once. write_breaker: None has the usual one.
    """

    timeout_s: float = 0.02
    write_timeout_s: float = 2.0
    queue_bytes: int = 64 << 20
    queue_values: int = 10_000
    batch_bytes: int = 4 << 20
    writers: int = 2
    write_breaker: WriteBreakerConfig | None = None


class _Queued(NamedTuple):
    entry: Entry
    until_s: float


class GuardedTier:
    """Implements `engine.ports.Tier`."""

    def __init__(self, raw: RawTier, policy: GuardPolicy) -> None:
        self._raw = raw
        self._policy = policy
        self._breaker = Breaker(BreakerPolicy(is_probed=False, slow_return_ms=0))
        self._write_breaker = _write_breaker(policy)
        self._queue: OrderedDict[str, _Queued] = OrderedDict()
        self._queued_bytes = 0
        self._news = asyncio.Event()
        self._writers: set[asyncio.Task[None]] = set()
        self._under_way: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Get the tier ready, as far as it can be now, and begin to write what is put."""
        await self._raw.start()
        loop = asyncio.get_running_loop()
        for _ in range(self._policy.writers):
            self._writers.add(loop.create_task(self._write_for_ever()))

    async def close(self, grace_s: float = 2.0) -> None:
        """Write what waits, for so long; then end."""
        try:
            async with asyncio.timeout(grace_s):
                while self._queue and self._write_breaker.allows(_now_ms()):
                    await self._write_some()
        except TimeoutError:
            pass
        ending: set[asyncio.Task[Any]] = self._writers | self._under_way
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)
        await self._raw.close()

    async def get_many(self, names: Sequence[str]) -> dict[str, Buffer]:
        """What is there; nothing when the tier fails. Never raises, never takes long."""
        if not names:
            return {}
        until_s = _now_s() + self._policy.timeout_s
        values: dict[str, Buffer] = {}
        found, trouble = await self._attempt(self._get(names, until_s), "read", until_s)
        if found is not None:
            values, trouble = await self._completed(found, until_s)
        gets = TIER_GETS.labels
        gets(self._raw.name, "hit").inc(len(values))
        gets(self._raw.name, trouble or "miss").inc(len(names) - len(values))
        TIER_BYTES.labels(self._raw.name, "read").inc(sum(map(len, values.values())))
        return values

    async def _get(self, names: Sequence[str], until_s: float) -> dict[str, bytes]:
        """A tier of several servers gives up those that do not answer before it is given up itself."""
        return await self._raw.get_many(names, _PATIENCE * (until_s - _now_s()))

    async def _completed(
        self, found: dict[str, bytes], until_s: float
    ) -> tuple[dict[str, Buffer], str]:
        """Values that were cut into parts, put together again; those that lack one are left out."""
        wanted = [part for name, value in found.items() for part in part_names(name, value)]
        parts: dict[str, bytes] | None = None
        trouble = ""
        if wanted:
            parts, trouble = await self._attempt(self._get(wanted, until_s), "read", until_s)
        values = {name: joined(name, value, parts or {}) for name, value in found.items()}
        return {name: value for name, value in values.items() if value is not None}, trouble

    def put(self, name: str, value: bytes, life_s: int) -> bool:
        """Keep a value later; False when it is dropped."""
        if not self._write_breaker.allows(_now_ms()):
            TIER_WRITES.labels(self._raw.name, "skipped").inc()
            return False
        self._drop_queued(name)
        is_long = len(self._queue) >= self._policy.queue_values
        if is_long or self._queued_bytes + len(value) > self._policy.queue_bytes:
            TIER_WRITES.labels(self._raw.name, "dropped").inc()
            return False
        self._queue[name] = _Queued(Entry(name, value, life_s), _now_s() + life_s)
        self._count(len(value))
        self._news.set()
        return True

    async def add(self, name: str, value: bytes, life_s: int) -> bool:
        """Whether a name was free, and is now ours; also when the tier fails, or the value is large."""
        until_s = _now_s() + self._policy.timeout_s
        parts = parts_of(Entry(name, value, life_s), self._raw.max_value_bytes)
        if len(parts) != 1:
            TIER_WRITES.labels(self._raw.name, "dropped").inc()
            return True
        is_ours, trouble = await self._attempt(self._raw.add(parts[0]), "add", until_s)
        if trouble:
            TIER_WRITES.labels(self._raw.name, trouble).inc()
        return is_ours is not False

    async def remove(self, name: str) -> None:
        """Keep it no longer; nothing when the tier fails."""
        self._drop_queued(name)
        until_s = _now_s() + self._policy.timeout_s
        await self._attempt(self._raw.remove(name), "remove", until_s)

    async def _attempt(
        self, work: Coroutine[Any, Any, T], what: str, until_s: float
    ) -> tuple[T | None, str]:
        """What it brings in time; else None, and `skipped` or `failed`."""
        is_crowded = len(self._under_way) >= _MOST_UNDER_WAY
        if is_crowded or not self._breaker.allows(_now_ms()):
            work.close()
            return None, "skipped"
        self._breaker.begin(_now_ms())
        try:
            result = await self._wait_for(work, until_s)
        except asyncio.CancelledError:
            self._breaker.abandon()
            raise
        except Exception as error:  # noqa: BLE001  whatever a client library may raise
            self._failed(self._breaker, error, what)
            return None, "failed"
        self._breaker.succeed(_now_ms())
        return result, ""

    async def _wait_for(self, work: Coroutine[Any, Any, T], until_s: float) -> T:
        """Wait for it so long; what is late goes on by itself."""
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._end)
        async with asyncio.timeout_at(until_s):
            return await asyncio.shield(task)

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # nobody waits for it any more, perhaps

    async def _write_for_ever(self) -> None:
        while True:
            await self._news.wait()
            if not self._queue:
                self._news.clear()
            elif self._write_breaker.allows(_now_ms()) and len(self._under_way) < _MOST_UNDER_WAY:
                await self._write_some()
            else:
                await asyncio.sleep(_LOOK_AGAIN_S)

    async def _write_some(self) -> None:
        """Write a batch; what fails is dropped, for it will be asked for again."""
        batch = self._take_batch()
        if not batch:
            return
        self._write_breaker.begin(_now_ms())
        kept = 0
        try:
            until_s = _now_s() + self._policy.write_timeout_s
            kept = await self._wait_for(self._raw.put_many(batch), until_s)
        except asyncio.CancelledError:
            self._write_breaker.abandon()
            raise
        except Exception as error:  # noqa: BLE001  whatever a client library may raise
            self._failed(self._write_breaker, error, "write")
        else:
            self._judge(batch, kept)
        TIER_WRITES.labels(self._raw.name, "written").inc(kept)
        TIER_WRITES.labels(self._raw.name, "failed").inc(len(batch) - kept)

    def _judge(self, batch: list[Entry], kept: int) -> None:
        """A tier that keeps nothing is full, which is a failure too."""
        if not kept:
            self._failed(self._write_breaker, TierError("it has no room"), "write")
            return
        self._write_breaker.succeed(_now_ms())
        size_bytes = sum(len(entry.value) for entry in batch)
        TIER_BYTES.labels(self._raw.name, "written").inc(size_bytes * kept // len(batch))

    def _take_batch(self) -> list[Entry]:
        batch: list[Entry] = []
        size_bytes = 0
        while self._queue and size_bytes < self._policy.batch_bytes:
            _, (entry, until_s) = self._queue.popitem(last=False)
            self._count(-len(entry.value))
            left_s = int(until_s - _now_s() + 0.5)
            parts = parts_of(entry._replace(life_s=left_s), self._raw.max_value_bytes)
            if left_s <= 0 or not parts:
                TIER_WRITES.labels(self._raw.name, "dropped").inc()
                continue
            size_bytes += len(entry.value)
            batch += parts
        return batch

    def _drop_queued(self, name: str) -> None:
        if (queued := self._queue.pop(name, None)) is not None:
            self._count(-len(queued.entry.value))

    def _count(self, size_bytes: int) -> None:
        self._queued_bytes += size_bytes
        TIER_QUEUE_BYTES.labels(self._raw.name).set(self._queued_bytes)

    def _failed(self, breaker: AnyBreaker, error: Exception, what: str) -> None:
        was_open = not breaker.allows(_now_ms())
        breaker.fail(_now_ms())
        if not was_open and not breaker.allows(_now_ms()):
            extra = {"tier": self._raw.name, "what": what, "err": str(error) or "no answer in time"}
            LOG.warning("a cache tier fails; it is left alone for a while", extra=extra)


def _write_breaker(policy: GuardPolicy) -> AnyBreaker:
    if policy.write_breaker is not None:
        return WriteBreaker(policy.write_breaker)
    return Breaker(BreakerPolicy(is_probed=False, slow_return_ms=0))


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _now_ms() -> int:
    return int(_now_s() * 1000)
