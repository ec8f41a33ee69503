"""A tier that can do no harm: what is slow, down, full or hung costs a few milliseconds and a counter.

A tier that brings nothing for a time far below a query's is not waited for; after some failures in a
row it is left alone for a while, reads and writes each by themselves. What is too late is not
cancelled: so a slow server does not cost its connections too. Writes wait in a bounded queue, and what
does not fit is dropped. Large values are cut into parts.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from proxy.plan.breaker import Breaker, BreakerPolicy
from proxy.store.batches import batches
from proxy.store.parts import joined, part_names, parts_of
from proxy.store.patience import Patience, brought
from proxy.store.raw_tier import Entry, RawTier, TierError
from proxy.store.write_breaker import AnyBreaker, WriteBreaker
from proxy.store.write_queue import QueueBounds, WriteQueue
from proxy.telemetry.log import LOG
from proxy.telemetry.metrics import TIER_BYTES, TIER_GETS, TIER_WRITES

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from proxy.codec.sections import Buffer
    from proxy.store.tier_config import WriteBreakerConfig

T = TypeVar("T")
A = TypeVar("A")
P = ParamSpec("P")
_MOST_UNDER_WAY = 400
"""Of what is no longer waited for, too."""
_NAMES_AT_ONCE = 4
"""In one question: enough to save the way, few enough to see that something comes."""
_MOST_QUESTIONS = 100
_LOOK_AGAIN_S = 0.1
_PATIENCE = 0.75
"""A tier of several servers gives up those that do not answer before it is given up itself."""


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """timeout_s: how long a read waits when nothing comes. most_s: for all that comes.

    readers: questions of one read at once. write_timeout_s: of a write. queue_bytes, queue_values:
    what may wait to be written. batch_bytes: what is written at once. writers: batches at once.
    part_bytes: into what large values are cut. write_breaker: None has the usual one.
    """

    timeout_s: float = 0.02
    most_s: float = 0.25
    readers: int = 4
    write_timeout_s: float = 2.0
    queue_bytes: int = 64 << 20
    queue_values: int = 10_000
    batch_bytes: int = 4 << 20
    writers: int = 2
    part_bytes: int = 256 << 10
    write_breaker: WriteBreakerConfig | None = None


class GuardedTier:
    """Implements `engine.ports.Tier`."""

    def __init__(self, raw: RawTier, policy: GuardPolicy) -> None:
        self._raw = raw
        self._policy = policy
        self._part_bytes = min(raw.max_value_bytes, policy.part_bytes)
        self._breaker = Breaker(BreakerPolicy(is_probed=False, slow_return_ms=0))
        self._write_breaker = _write_breaker(policy)
        bounds = QueueBounds(policy.queue_bytes, policy.queue_values, self._part_bytes)
        self._queue = WriteQueue(raw.name, bounds)
        self._news = asyncio.Event()
        self._writers: set[asyncio.Task[None]] = set()
        self._under_way: set[asyncio.Task[Any]] = set()

    @property
    def name(self) -> str:
        return self._raw.name

    @property
    def queue_bytes(self) -> int:
        """What waits to be written."""
        return self._queue.size_bytes

    def left_alone(self) -> tuple[bool, bool]:
        """Whether it is given no reads now, and no writes, because they failed."""
        now_ms = _now_ms()
        return not self._breaker.allows(now_ms), not self._write_breaker.allows(now_ms)

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
        """What is there; nothing when the tier fails. Never raises, never waits long for nothing."""
        if not names:
            return {}
        values: dict[str, Buffer] = {}
        found, trouble = await self._read(names, _NAMES_AT_ONCE)
        if found:
            values, late_trouble = await self._completed(found)
            trouble = trouble or late_trouble
        gets = TIER_GETS.labels
        gets(self._raw.name, "hit").inc(len(values))
        gets(self._raw.name, trouble or "miss").inc(len(names) - len(values))
        TIER_BYTES.labels(self._raw.name, "read").inc(sum(map(len, values.values())))
        return values

    async def _completed(self, found: dict[str, Buffer]) -> tuple[dict[str, Buffer], str]:
        """Values that were cut into parts, put together again; those that lack one are left out."""
        wanted = [part for name, value in found.items() for part in part_names(name, value)]
        parts: dict[str, Buffer] = {}
        trouble = ""
        if wanted:
            parts, trouble = await self._read(wanted, 1)
        values = {name: joined(name, value, parts) for name, value in found.items()}
        return {name: value for name, value in values.items() if value is not None}, trouble

    async def _read(self, names: Sequence[str], at_once: int) -> tuple[dict[str, Buffer], str]:
        """What the tier brings of some names, so many in a question; and `skipped` or `failed`."""
        if not self._may_ask():
            return {}, "skipped"
        policy = self._policy
        within_s = _PATIENCE * policy.timeout_s
        questions = [
            partial(self._begun, self._raw.get_many, batch, within_s)
            for batch in batches(names, max(at_once, -(-len(names) // _MOST_QUESTIONS)))
        ]
        self._breaker.begin(_now_ms())
        try:
            answers, error = await brought(
                questions, Patience(policy.timeout_s, policy.most_s, policy.readers)
            )
        except asyncio.CancelledError:
            self._breaker.abandon()
            raise
        if answers:
            self._breaker.succeed(_now_ms())
        elif error is not None:
            self._failed(self._breaker, error, "read")
        found = {name: value for answer in answers for name, value in answer.items()}
        return found, "failed" if error else ""

    def put(self, name: str, value: bytes, life_s: int) -> bool:
        """Keep a value later; False when it is dropped."""
        if not self._write_breaker.allows(_now_ms()):
            TIER_WRITES.labels(self._raw.name, "skipped").inc()
            return False
        is_taken = self._queue.put(Entry(name, value, life_s), _now_s())
        if is_taken:
            self._news.set()
        return is_taken

    async def add(self, name: str, value: bytes, life_s: int) -> bool:
        """Whether a name was free, and is now ours; also when the tier fails, or the value is large."""
        parts = parts_of(Entry(name, value, life_s), self._part_bytes)
        if len(parts) != 1:
            TIER_WRITES.labels(self._raw.name, "dropped").inc()
            return True
        is_ours, trouble = await self._attempt(self._raw.add, parts[0], "add")
        if trouble:
            TIER_WRITES.labels(self._raw.name, trouble).inc()
        return is_ours is not False

    async def remove(self, name: str) -> None:
        """Keep it no longer; nothing when the tier fails."""
        self._queue.drop(name)
        await self._attempt(self._raw.remove, name, "remove")

    async def _attempt(
        self, ask: Callable[[A], Coroutine[Any, Any, T]], argument: A, what: str
    ) -> tuple[T | None, str]:
        """What it brings in time; else None, and `skipped` or `failed`."""
        if not self._may_ask():
            return None, "skipped"
        self._breaker.begin(_now_ms())
        try:
            result = await self._wait_for(self._begun(ask, argument), self._policy.timeout_s)
        except asyncio.CancelledError:
            self._breaker.abandon()
            raise
        except Exception as error:  # noqa: BLE001  whatever a client library may raise
            self._failed(self._breaker, error, what)
            return None, "failed"
        self._breaker.succeed(_now_ms())
        return result, ""

    def _may_ask(self) -> bool:
        return len(self._under_way) < _MOST_UNDER_WAY and self._breaker.allows(_now_ms())

    def _begun(
        self, ask: Callable[P, Coroutine[Any, Any, T]], *arguments: P.args, **named: P.kwargs
    ) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(ask(*arguments, **named))
        self._under_way.add(task)
        task.add_done_callback(self._end)
        return task

    async def _wait_for(self, task: asyncio.Task[T], timeout_s: float) -> T:
        """Wait for it so long; what is late goes on by itself."""
        async with asyncio.timeout(timeout_s):
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
        batch = self._queue.take(self._policy.batch_bytes, _now_s())
        if not batch:
            return
        self._write_breaker.begin(_now_ms())
        kept = 0
        try:
            writing = self._begun(self._raw.put_many, batch)
            kept = await self._wait_for(writing, self._policy.write_timeout_s)
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
