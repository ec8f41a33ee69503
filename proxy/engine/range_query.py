"""The story of a range query: look up what is kept, fetch the gaps side by side, join."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from proxy.codec.labels_json import sort_key
from proxy.codec.matrix_text import text_bytes
from proxy.codec.pieces import clip_piece
from proxy.codec.tail_json import merge_stats
from proxy.engine.flights import OutlivedError
from proxy.engine.foreign_notes import (
    Source,
    name_positions,
    refuse_foreign_notes,
    refuse_shifted_text,
)
from proxy.engine.split_flights import Brought, SplitFlights, held_bytes
from proxy.engine.stale import missing, stale_note, with_warning
from proxy.merge.matrices import NOTHING_JOINED, JoinedMatrix, Part, join_matrices
from proxy.plan.limits import check_query, check_response_bytes, check_samples, check_upstream_bytes
from proxy.plan.partition import Run, coalesced, gaps_between
from proxy.plan.range_plan import RangePlan, SplitPolicy, plan_range
from proxy.telemetry.metrics import STALE_ANSWERS, STEPS
from proxy.telemetry.record import FETCH, LOOKUP, current

if TYPE_CHECKING:
    from proxy.engine.ports import Clock, LimitsSource, MemoryTicket, Threads, Upstream
    from proxy.engine.results_cache import Hit, ResultsCache
    from proxy.engine.siblings import Siblings
    from proxy.errors import QueryError
    from proxy.model.query import Caller, RangeQuery
    from proxy.plan.limits import Limits

_MOST_REMEMBERED_CHARACTERS = 4096
_REQUESTED, _HIT, _FETCHED = map(STEPS.labels, ("requested", "hit", "fetched"))


class FetchPolicy(NamedTuple):
    """parallelism: splits of one query asked at once.

    stale_ms: how long kept data past its life may serve when the upstream fails. limits: of what a
    query may cost, by tenant; None without any. siblings: other workers; None without any.
    """

    parallelism: int
    stale_ms: int = 0
    limits: LimitsSource | None = None
    siblings: Siblings | None = None


class Wish(NamedTuple):
    """as_text: what is fetched is wanted as text, not deflated. refresh: nothing kept may serve."""

    as_text: bool
    refresh: bool = False


@dataclass(frozen=True, slots=True)
class RangeAnswer:
    """A joined matrix, what the cache held of it, and until when it may be given again.

    no_store: the upstream forbade keeping a part of it. is_stale: the upstream failed, and this is
    what was kept, whole or not.
    expires_ms: on the monotonic clock; 0 when parts of it were fetched for this answer.
    """

    matrix: JoinedMatrix
    no_store: bool
    steps_hit: int
    expires_ms: int
    is_stale: bool = False

    def without_matrix(self) -> RangeAnswer:
        """What is left to say when the body has been made."""
        return dataclasses.replace(self, matrix=NOTHING_JOINED)


@dataclass(slots=True)
class _Gaps:
    """What was fetched for the gaps: parts with their steps, and where they come from."""

    parts: list[tuple[Run, Part]] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    no_store: bool = False


class RangeQueries:
    """Answers range queries from kept pieces and from splits of time."""

    def __init__(
        self,
        upstream: Upstream,
        threads: Threads,
        clock: Clock,
        cache: ResultsCache,
        policy: SplitPolicy,
        fetching: FetchPolicy,
    ) -> None:
        self._threads = threads
        self._clock = clock
        self._cache = cache
        self._policy = policy
        self._stale_ms = fetching.stale_ms
        self._limits = fetching.limits
        self._planned = lru_cache(512)(plan_range)
        self._splits = SplitFlights(
            upstream, threads, clock, cache, fetching.parallelism, fetching.siblings
        )

    def forget_flights(self) -> None:
        """Let nobody else join what is being fetched, after a purge."""
        self._splits.forget()

    def check(self, query: RangeQuery, limits: Limits) -> None:
        """See `plan.limits.check_query`."""
        check_query(query, self._policy, limits, self._clock.wall_ms())

    def plan(self, query: RangeQuery, caller: tuple[str, ...]) -> RangePlan:
        """See `plan.range_plan.plan_range`; what is asked again and again is planned once."""
        is_short = len(query.expr) <= _MOST_REMEMBERED_CHARACTERS
        return (self._planned if is_short else plan_range)(query, self._policy, caller)

    async def run(
        self, plan: RangePlan, caller: Caller, wish: Wish, memory: MemoryTicket
    ) -> RangeAnswer:
        """The answer of a plan that is not whole.

        Args:
            plan: see `plan`.
            caller: on whose behalf.
            wish: how.
            memory: takes on what the answer is made of.

        Raises:
            NotSplittableError: only the whole query, asked as it came, gives the exact answer.
            QueryError: a fetch failed; the others are given up.
        """
        hits = [] if wish.refresh else await self._cache.held(plan)
        gaps = coalesced(gaps_between(plan.grid.steps, [hit.run for hit in hits]))
        hits = [hit for hit in hits if not any(g.first <= hit.run.first < g.end for g in gaps)]
        _count_steps(plan, hits)
        record = current()
        record.mark(LOOKUP)
        try:
            fetched = await self._fetch(plan, gaps, caller, wish, memory)
        except OutlivedError:
            return await self.run(plan, caller, wish, memory)
        if gaps:
            record.mark(FETCH)
        parts = await self._from_hits(hits, wish.as_text, memory) + fetched.parts
        parts.sort(key=lambda part: part[0])
        joined = join_matrices([part for _, part in parts], sort_key, merge_stats)
        refuse_shifted_text(plan, name_positions(joined.tail.notes))
        refuse_foreign_notes(plan, joined, fetched.sources)
        self._check_size(joined, caller)
        return RangeAnswer(
            matrix=joined,
            no_store=fetched.no_store,
            steps_hit=sum(hit.run.steps for hit in hits),
            expires_ms=0 if gaps else min(hit.expires_ms for hit in hits),
        )

    async def stale(
        self, plan: RangePlan, error: QueryError, as_text: bool, memory: MemoryTicket
    ) -> RangeAnswer:
        """What is kept, although its life is over, for when the upstream fails.

        Raises:
            QueryError: `error`, where the settings do not allow that, or nothing is kept.
        """
        hits = self._cache.lookup(plan, self._stale_ms) if self._stale_ms else []
        if not hits:
            raise error
        parts = await self._from_hits(hits, as_text, memory)
        joined = join_matrices([part for _, part in parts], sort_key, merge_stats)
        if plan.known.changed and name_positions(joined.tail.notes):
            raise error
        steps = sum(hit.run.steps for hit in hits)
        age_ms = self._clock.monotonic_ms() - min(hit.fetched_ms for hit in hits)
        note = stale_note(age_ms, error, missing(plan.grid.steps - steps, plan.grid.steps))
        STALE_ANSWERS.inc()
        matrix = dataclasses.replace(joined, tail=with_warning(joined.tail, note))
        return RangeAnswer(matrix, no_store=True, steps_hit=steps, expires_ms=0, is_stale=True)

    async def _fetch(
        self, plan: RangePlan, gaps: list[Run], caller: Caller, wish: Wish, memory: MemoryTicket
    ) -> _Gaps:
        """Bring the gaps (steps of the plan's grid)."""
        found = _Gaps()
        is_shared = not wish.refresh and plan.key is not None
        with memory.parts():
            bringing = self._splits.bring(plan, gaps, caller, is_shared)
            async with bringing as brought:
                self._check_cost(brought, caller)
                for one in brought:
                    found.parts += one.parts(plan, wish.as_text)
                    indexed = one.fetched.indexed
                    found.sources.append(Source(indexed.grid, indexed.matrix.tail))
                    found.no_store |= one.fetched.no_store
                memory.add(held_bytes([part for _, part in found.parts]))
        return found

    def _check_cost(self, brought: list[Brought], caller: Caller) -> None:
        """What was fetched for one query, whoever else has a part in it."""
        if self._limits is None or not brought:
            return
        limits = self._limits.current.of(caller.tenant)
        fetched = [one.fetched.indexed for one in brought]
        check_upstream_bytes(sum(len(one.matrix.text) for one in fetched), limits)
        check_samples(
            sum(len(one.floats.starts) + len(one.histograms.starts) for one in fetched), limits
        )

    def _check_size(self, joined: JoinedMatrix, caller: Caller) -> None:
        if self._limits is not None:
            check_response_bytes(text_bytes(joined), self._limits.current.of(caller.tenant))

    async def _from_hits(
        self, hits: list[Hit], as_text: bool, memory: MemoryTicket
    ) -> list[tuple[Run, Part]]:
        """Whole pieces as they are; of pieces at the window's edges only the steps inside, as text.

        A body is sent as text for as long as its client takes: the cache may let go of pieces then.
        """
        edges = sum(hit.piece.floats.text_bytes for hit in hits if not hit.is_whole_piece)
        whole = sum(hit.piece.size_bytes for hit in hits if hit.is_whole_piece) if as_text else 0
        await memory.grow(edges + whole)
        return [(hit.run, await self._from_hit(hit)) for hit in hits]

    async def _from_hit(self, hit: Hit) -> Part:
        if hit.is_whole_piece:
            return hit.piece
        end = hit.first + hit.run.steps
        size_bytes = hit.piece.floats.text_bytes
        return await self._threads.run(
            lambda piece: clip_piece(piece, hit.first, end), hit.piece, size_bytes
        )


def _count_steps(plan: RangePlan, hits: list[Hit]) -> None:
    hit_steps = sum(hit.run.steps for hit in hits)
    _REQUESTED.inc(plan.grid.steps)
    _HIT.inc(hit_steps)
    _FETCHED.inc(plan.grid.steps - hit_steps)
