"""The story of a remote read: look up what is kept, fetch the rest by windows of time, weave.

What is too large to keep is not collected at all: it is streamed through, some series at a time, and
the reader's pace is the source's.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from proxy.codec.chunk_batches import sample_counts, stack
from proxy.codec.chunk_error import ChunkError
from proxy.codec.clip import clip
from proxy.codec.overlaps import deal_out
from proxy.codec.replicas import deduplicate
from proxy.codec.series_slices import series_after
from proxy.engine.fan_out import fan_out
from proxy.engine.flights import Flights, Share
from proxy.engine.growing import Growing
from proxy.engine.kept_pieces import Fetched, indices
from proxy.engine.large_reads import LargeReads
from proxy.engine.weave import Part, woven
from proxy.errors import BadUpstreamAnswerError
from proxy.model.grid import Grid
from proxy.plan.aggregates import Lane, lane_of
from proxy.plan.partition import Run, coalesced, without
from proxy.plan.read_plan import COUNTER_FUNCTIONS, ReadPlan, ReadPolicy, plan_read
from proxy.telemetry.metrics import NOT_KEPT

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from proxy.engine.ports import Clock, SampleSource, Threads
    from proxy.engine.readers import Readers
    from proxy.engine.samples_cache import SampleHit, SamplesCache
    from proxy.model.chunks import ChunkBatch
    from proxy.model.query import Caller
    from proxy.model.read_query import ReadQuery, SampleAsk

_AT_ONCE_SAMPLES = 1 << 19
"""Samples that are decoded together, where they must be: enough for columns, not for trouble."""

_ANY_MS = 1


class MustBeWholeError(Exception):
    """A read that cannot be put together from windows: it is asked as a whole, and not kept.

    Either what was fetched exceeds its memory, or it holds overlapping replicas of a counter: Thanos
    raises the replica that it turns to, so what it gives for one window does not fit the next.
    span_ms: reads that are as long shall not be tried again for a while; 0: known already.
    """

    def __init__(self, reason: str, span_ms: int = 0) -> None:
        super().__init__(reason)
        self.span_ms = span_ms


@dataclass(slots=True)
class Budget:
    """The memory that a read of `span_ms` may fill with what it fetches."""

    left_bytes: int
    span_ms: int

    def take(self, size_bytes: int) -> None:
        self.left_bytes -= size_bytes
        if self.left_bytes < 0:
            raise MustBeWholeError("too_large", self.span_ms)


@dataclass(frozen=True, slots=True)
class Brought:
    """What a flight brings. fetched: None when it may not be kept."""

    series: ChunkBatch
    fetched: Fetched | None


class RemoteReads:
    """Answers remote reads from kept samples and from a source."""

    def __init__(
        self,
        source: SampleSource,
        cache: SamplesCache,
        threads: Threads,
        clock: Clock,
        policy: ReadPolicy,
        readers: Readers,
    ) -> None:
        self._source = source
        self._cache = cache
        self._threads = threads
        self._clock = clock
        self._policy = policy
        self._readers = readers
        self._flights: Flights[Brought] = Flights()
        self._growing: WeakValueDictionary[tuple[bytes, Run], Growing[ChunkBatch]] = (
            WeakValueDictionary()
        )
        self._large = LargeReads()

    def forget_flights(self) -> None:
        """Let nobody else join what is being fetched, after a purge."""
        self._flights.forget()

    async def read(self, query: ReadQuery, caller: Caller) -> AsyncGenerator[ChunkBatch]:
        """The series that match, in order of their labels, some at a time.

        Chunks are in order of time, do not overlap and hold no sample outside of the query's times.

        Raises:
            QueryError: a fetch failed; before the first series unless the answer is streamed.
        """
        plan = plan_read(query, self._policy, await self._readers.of(caller))
        try:
            async with aclosing(self._answer(plan, caller)) as batches:
                async for batch in batches:
                    yield batch
        except ChunkError as error:
            raise BadUpstreamAnswerError(f"the upstream's samples cannot be read: {error}") from error

    async def _answer(self, plan: ReadPlan, caller: Caller) -> AsyncGenerator[ChunkBatch]:
        """From what is kept and collected; where that proves impossible, the rest as one stream."""
        sent = b""
        try:
            async with aclosing(self._collected(plan, caller)) as batches:
                async for batch in batches:
                    sent = batch.labels[-1] if batch.labels else sent
                    yield batch
        except MustBeWholeError as error:
            self._remember(plan, error)
        else:
            return
        async with aclosing(self._streamed(plan, caller)) as batches:
            async for batch in batches:
                yield series_after(batch, sent)

    def _collected(self, plan: ReadPlan, caller: Caller) -> AsyncGenerator[ChunkBatch]:
        """All that answers a plan, from kept pieces and from flights.

        Raises:
            MustBeWholeError: at once, or when it is iterated.
        """
        now_ms = self._clock.monotonic_ms()
        if plan.key is None or self._large.is_known(plan.key.full, plan.span.steps, now_ms):
            raise MustBeWholeError("large")
        whole = Run(*indices(plan.span))
        hits = self._cache.lookup(plan)
        gaps = coalesced(without([whole], [hit.run for hit in hits]))
        hits = [hit for hit in hits if not any(g.first <= hit.run.first < g.end for g in gaps)]
        shares = self._cover(plan, gaps, caller)
        if [(share.run, share.flown, share.has_arrived) for share in shares] == [(whole, whole, False)]:
            return self._followed(plan, shares[0])
        return self._joined(hits, shares)

    def _remember(self, plan: ReadPlan, error: MustBeWholeError) -> None:
        NOT_KEPT.labels(str(error)).inc()
        if plan.key is not None and error.span_ms:
            self._large.note(plan.key.full, error.span_ms, self._clock.monotonic_ms())

    async def _joined(
        self, hits: list[SampleHit], shares: list[Share[Brought]]
    ) -> AsyncGenerator[ChunkBatch]:
        """Kept pieces, and what flights bring, when all of it is there."""
        try:
            parts = await _parts_of(shares)
        finally:
            for share in shares:
                share.leave()
        for hit in hits:
            is_exact = hit.run.steps == hit.piece.grid.steps
            parts.append(Part(hit.run, hit.piece.batch, is_exact))
        parts.sort(key=lambda part: part.run)
        async with aclosing(woven(parts, self._threads)) as batches:
            async for batch in batches:
                yield batch

    def _cover(self, plan: ReadPlan, gaps: list[Run], caller: Caller) -> list[Share[Brought]]:
        """Flights that bring the gaps; others may share them."""
        gate = asyncio.Semaphore(self._policy.parallelism)
        budget = Budget(self._policy.memory_bytes, plan.span.steps)
        begun: dict[Run, Growing[ChunkBatch]] = {}

        def begin(gap: Run) -> list[Run]:
            """A list for each new flight, in place of that of an earlier one for the same time."""
            runs = plan.fetches(gap)
            for run in runs:
                self._growing[_flight_key(plan), run] = begun[run] = Growing()
            return runs

        async def fly(run: Run) -> Brought:
            async with gate:
                try:
                    return await self._collect(plan.ask_for(run), caller, budget, begun[run])
                finally:
                    begun[run].end()

        async def keep(_run: Run, brought: Brought) -> None:
            if brought.fetched is not None:
                await self._cache.keep(plan, brought.fetched, brought.series)

        return self._flights.cover(_flight_key(plan), gaps, begin, fly, keep)

    async def _followed(self, plan: ReadPlan, share: Share[Brought]) -> AsyncGenerator[ChunkBatch]:
        """What one flight brings, some series at a time, while it is under way."""
        growing = self._growing[_flight_key(plan), share.flown]
        try:
            async with aclosing(growing.follow()) as batches:
                async for batch in batches:
                    yield batch
            await share.join()  # raises what went wrong
        finally:
            share.leave()

    async def _collect(
        self, ask: SampleAsk, caller: Caller, budget: Budget, growing: Growing[ChunkBatch]
    ) -> Brought:
        """The series of some time, in memory."""
        began_wall_ms, began_ms = self._clock.wall_ms(), self._clock.monotonic_ms()
        batches, is_complete = [], True
        async with aclosing(self._settled(ask, caller, is_whole=False)) as settled:
            async for series, is_whole in settled:
                budget.take(series.size_bytes)
                batches.append(series)
                growing.add(series)
                is_complete = is_complete and is_whole
        if not is_complete:
            NOT_KEPT.labels("no_store").inc()
            return Brought(stack(batches), None)
        grid = Grid.between(ask.first_ms, ask.last_ms, 1)
        fetched = Fetched(grid, began_wall_ms, began_ms, self._clock.monotonic_ms())
        return Brought(stack(batches), fetched)

    async def _streamed(self, plan: ReadPlan, caller: Caller) -> AsyncGenerator[ChunkBatch]:
        """The whole answer as it comes, from one request."""
        async with aclosing(self._settled(plan.ask, caller, is_whole=True)) as settled:
            async for series, _ in settled:
                yield series

    async def _settled(
        self, ask: SampleAsk, caller: Caller, is_whole: bool
    ) -> AsyncGenerator[tuple[ChunkBatch, bool]]:
        """What the source answers, replicas folded and times clipped; and whether nothing lacks.

        Raises:
            MustBeWholeError: unless `is_whole`, when the ask is for a part of what is read.
        """
        waiting: list[ChunkBatch] = []
        samples = 0
        is_complete = True
        async with aclosing(self._source.series(ask, caller)) as batches:
            async for batch in batches:
                is_complete = is_complete and batch.is_complete
                waiting.append(batch.series)
                samples += int(sample_counts(batch.series.chunks).sum())
                if samples >= _AT_ONCE_SAMPLES:
                    yield await self._settle(waiting, ask, is_whole), is_complete
                    waiting, samples = [], 0
        yield await self._settle(waiting, ask, is_whole), is_complete

    async def _settle(self, batches: list[ChunkBatch], ask: SampleAsk, is_whole: bool) -> ChunkBatch:
        is_counter = ask.func in COUNTER_FUNCTIONS
        between_ms = ask.first_ms, ask.last_ms

        def settle(parts: list[ChunkBatch]) -> ChunkBatch:
            series = stack(parts)
            if not is_whole and lane_of(ask.func) is Lane.COUNTER and _has_replicas(series):
                raise MustBeWholeError("replicas_of_counter", _ANY_MS)
            return clip(deduplicate(series, is_counter, not ask.is_chain, between_ms), *between_ms)

        size_bytes = sum(len(batch.chunks.data) for batch in batches)
        return await self._threads.run(settle, batches, size_bytes)


def _has_replicas(series: ChunkBatch) -> bool:
    """Whether chunks overlap, or are those of a downsampled counter, which go on from each other."""
    dealt = deal_out(series)
    return dealt is not None and bool(dealt.rows.size)


def _flight_key(plan: ReadPlan) -> bytes:
    return plan.key.full if plan.key is not None else b""


async def _parts_of(shares: list[Share[Brought]]) -> list[Part]:
    """What all flights bring, each for its part of the time."""
    if not shares:
        return []
    brought = await fan_out(Share.join, shares, len(shares))
    return [
        Part(share.run, one.series, share.run == share.flown)
        for share, one in zip(shares, brought, strict=True)
    ]
