"""Remote reads with a cache, in front of a source that is a function of the ask and of the world.

The world: series whose samples appear with the clock, change while they are fresh, and may come late;
a store that may be lost. Clocks move only when a test moves them.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from proxy.engine.background import Background
from proxy.engine.ports import SampleBatch, Threads
from proxy.engine.query_flags import LearnedFlags, QueryFlags
from proxy.engine.readers import Readers
from proxy.engine.remote_read import RemoteReads
from proxy.engine.samples_cache import SamplesCache
from proxy.errors import UpstreamAnswerError
from proxy.model.query import Caller
from proxy.model.read_query import Matcher, MatchType, Reader, ReadHints, ReadQuery
from proxy.plan.freshness import KeepPolicy
from proxy.plan.holes import Store, StoreWatch
from proxy.plan.read_plan import ReadPlan, ReadPolicy, plan_read
from proxy.store.memory import MemoryStore
from tests.engine.cached import ManualClock, SlowThreads
from tests.fakes import MemoryUpstream, NoThreads
from tests.sample_batches import Samples, batch_of_chunks, samples_of_all

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from proxy.engine.ports import UpstreamAnswer
    from proxy.model.chunks import ChunkBatch
    from proxy.model.read_query import SampleAsk
    from tests.fakes import Asked

__all__ = ["Reading", "SlowThreads", "Source", "World", "equal", "ticks"]

WINDOW_MS = 1_000
NOW_MS = 1_000_000_000
OLD_MS = NOW_MS - 40 * WINDOW_MS
"""A multiple of the window, all around it long settled."""

KEEP = KeepPolicy(
    freshness_ms=500,
    recent_ms=5_000,
    recent_life_ms=60_000,
    long_life_ms=3_600_000,
    empty_life_ms=30_000,
    short_life_ms=2_000,
    extent_steps=WINDOW_MS,
)
POLICY = ReadPolicy(
    source="fake",
    window_ms=WINDOW_MS,
    most_windows=50,
    max_resolution_ms=0,
    partial_response=False,
    parallelism=4,
    memory_bytes=1 << 22,
)
SERIES = {"a": 70, "a x=1": 130, "a x=2": 1_700, "b x=1": 333, "c x=1": 40_000}
"""Milliseconds between the samples of each series."""
_CHUNK_SAMPLES = 10


def equal(name: str, value: str) -> Matcher:
    return Matcher(MatchType.EQUAL, name, value)


ALL = (Matcher(MatchType.REGEX, "__name__", ".+"),)


@dataclass(slots=True)
class World:
    """What there is to be read. `is_lost`: the store of the metric `b` is away.

    late: how often samples have been changed after the fact.
    """

    clock: ManualClock
    is_lost: bool = False
    late: int = 0
    steps_ms: dict[str, int] = field(default_factory=SERIES.copy)

    def chunks(self, first_ms: int, last_ms: int) -> dict[str, list[Samples]]:
        """The chunks that hold samples between two times, of all series."""
        found = {}
        for name, step_ms in self.steps_ms.items():
            size = step_ms * _CHUNK_SAMPLES
            numbers = range(first_ms // size, last_ms // size + 1)
            chunks = [self._chunk(name, number * size, step_ms) for number in numbers]
            kept = [c for c in chunks if c and c[-1][0] >= first_ms and c[0][0] <= last_ms]
            if kept and not (self.is_lost and name.startswith("b")):
                found[name] = kept
        return found

    def _chunk(self, name: str, start_ms: int, step_ms: int) -> Samples:
        times_ms = range(start_ms, start_ms + step_ms * _CHUNK_SAMPLES, step_ms)
        return [(t, self._value(name, t)) for t in times_ms if t <= self.clock.wall]

    def _value(self, name: str, time_ms: int) -> float:
        fresh = self.clock.wall if time_ms >= self.clock.wall - KEEP.freshness_ms else 0
        return time_ms * 0.1 + len(name) + self.late * 1e9 + fresh * 1e3

    def truth(
        self, first_ms: int, last_ms: int, matchers: tuple[Matcher, ...] = ALL
    ) -> dict[str, Samples]:
        """The samples between two times of the series that match."""
        found = {}
        for name, chunks in self.chunks(first_ms, last_ms).items():
            samples = [s for chunk in chunks for s in chunk if first_ms <= s[0] <= last_ms]
            if samples and _matches(name, matchers):
                found[name] = samples
        return found

    def stores(self) -> list[Store]:
        return [
            Store("sidecar", "10.0.0.1:10901", 0, 1 << 60, is_healthy=True),
            Store("store", "10.0.0.2:10901", 0, 1 << 60, is_healthy=not self.is_lost),
        ]


def _matches(name: str, matchers: tuple[Matcher, ...]) -> bool:
    metric, *others = name.split()
    labels = {"__name__": metric, **dict(other.split("=") for other in others)}
    return all(_holds(labels.get(m.name, ""), m) for m in matchers)


def _holds(value: str, matcher: Matcher) -> bool:
    is_regex = matcher.kind in {MatchType.REGEX, MatchType.NOT_REGEX}
    same = bool(re.fullmatch(matcher.value, value)) if is_regex else value == matcher.value
    return same == (matcher.kind in {MatchType.EQUAL, MatchType.REGEX})


@dataclass
class Source:
    """`engine.ports.SampleSource`: whole chunks of the world, one series in a batch.

    pauses: turns of the event loop before the first batch and after each. fails: raises what it is
    given for an ask. closed: asks that were given up before their end. has_replicas: each sample stands
    in two chunks that are not the same.
    """

    world: World
    pauses: int = 0
    is_complete: bool = True
    has_replicas: bool = False
    fails: Callable[[SampleAsk], Exception | None] = lambda _: None
    asked: list[SampleAsk] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)
    closed: list[SampleAsk] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    produced: int = 0

    async def series(self, ask: SampleAsk, caller: Caller) -> AsyncGenerator[SampleBatch]:
        self.asked.append(ask)
        self.callers.append(caller)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        is_ended = False
        try:
            chunks = self.world.chunks(ask.first_ms, ask.last_ms)
            if self.has_replicas:
                chunks = {name: _doubled(of_series) for name, of_series in chunks.items()}
            await ticks(self.pauses)
            for name in sorted(chunks, key=str.split):
                if _matches(name, ask.matchers):
                    self.produced += 1
                    yield SampleBatch(batch_of_chunks({name: chunks[name]}), self.is_complete)
                    await ticks(self.pauses)
            if failure := self.fails(ask):
                raise failure
            is_ended = True
        finally:
            self.running -= 1
            if not is_ended:
                self.closed.append(ask)

    @property
    def spans(self) -> list[tuple[int, int]]:
        """What was asked so far: first and last time, relative to `OLD_MS`."""
        return sorted((ask.first_ms - OLD_MS, ask.last_ms - OLD_MS) for ask in self.asked)


def _doubled(chunks: list[Samples]) -> list[Samples]:
    """The same samples in other chunks, too; all in order of their first times."""
    samples = [sample for chunk in chunks for sample in chunk]
    others = [samples[at : at + 7] for at in range(0, len(samples), 7)]
    return sorted([*chunks, *others], key=lambda chunk: chunk[0][0])


class Reading:
    """A `RemoteReads` with all its parts, and short ways to ask it. Times are relative to `OLD_MS`."""

    def __init__(
        self,
        *,
        threads: Threads | None = None,
        is_watched: bool = False,
        max_bytes: int = 1 << 26,
        known: QueryFlags | None = None,
        keep: KeepPolicy = KEEP,
        **policy: Any,
    ) -> None:
        self.clock = ManualClock(wall=NOW_MS)
        self.world = World(self.clock)
        self.source = Source(self.world)
        self.store = MemoryStore(max_bytes, 0.5)
        self.watch = StoreWatch(forget_ms=1 << 40)
        self.background = Background(64)
        if not is_watched:
            self.watch.no_such_endpoint()
        at_work = threads or NoThreads()
        self.cache = SamplesCache(self.store, self.watch, self.clock, at_work, keep, self.background)
        self.policy = dataclasses.replace(POLICY, **policy)
        self._at_work = at_work
        flags = LearnedFlags(MemoryUpstream(_no_flags), self.clock, known) if known else None
        self.reads = self._reads(Readers(("x-team",), "x-team", flags))

    def _reads(self, readers: Readers) -> RemoteReads:
        parts = self.source, self.cache, self._at_work, self.clock, self.policy
        return RemoteReads(*parts, readers)

    def reads_of(self, flags: QueryFlags) -> RemoteReads:
        """Others with the same source and cache, in front of a Thanos Query with these flags."""
        learned = LearnedFlags(MemoryUpstream(_no_flags), self.clock, flags)
        return self._reads(Readers(("x-team",), "x-team", learned))

    def open(
        self,
        first: int,
        last: int,
        *matchers: Matcher,
        func: str = "",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> AsyncGenerator[ChunkBatch]:
        """The generator of a read."""
        times = OLD_MS + first, OLD_MS + last
        query = ReadQuery(*times, matchers or ALL, ReadHints(func))
        return self.reads.read(query, Caller(headers))

    async def read(
        self, first: int, last: int, *matchers: Matcher, **others: Any
    ) -> dict[str, Samples]:
        """All series of a read, whose batches must fit together."""
        async with aclosing(self.open(first, last, *matchers, **others)) as batches:
            return samples_of_all([batch async for batch in batches])

    async def asked_by(
        self, first: int, last: int, *matchers: Matcher, **others: Any
    ) -> list[tuple[int, int]]:
        """Read, compare with the world, and say what was asked of the source for it."""
        before = len(self.source.asked)
        assert await self.read(first, last, *matchers, **others) == self.truth(first, last, *matchers)
        times = ((ask.first_ms - OLD_MS, ask.last_ms - OLD_MS) for ask in self.source.asked[before:])
        return sorted(times)

    def truth(self, first: int, last: int, *matchers: Matcher) -> dict[str, Samples]:
        return self.world.truth(OLD_MS + first, OLD_MS + last, matchers or ALL)

    def plan(self, first: int, last: int, *matchers: Matcher, reader: Reader | None = None) -> ReadPlan:
        query = ReadQuery(OLD_MS + first, OLD_MS + last, matchers or ALL)
        return plan_read(query, self.policy, reader or Reader(("",)))

    def held(self, first: int, last: int, *matchers: Matcher) -> list[tuple[int, int]]:
        """The runs of milliseconds that are kept and may serve, first and end."""
        hits = self.cache.lookup(self.plan(first, last, *matchers))
        return [(hit.run.first - OLD_MS, hit.run.end - OLD_MS) for hit in hits]

    def look(self) -> None:
        """One look at the stores that takes a millisecond."""
        began_ms, stores = self.clock.monotonic, self.world.stores()
        self.clock.advance(1)
        self.watch.look(began_ms, self.clock.monotonic, stores)
        self.clock.advance(1)


async def _no_flags(_asked: Asked) -> UpstreamAnswer:
    raise UpstreamAnswerError(404, (), b"")


async def ticks(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
