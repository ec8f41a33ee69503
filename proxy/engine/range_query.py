"""The story of a range query: look up what is kept, fetch the gaps side by side, join."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from proxy.codec.labels_json import sort_key
from proxy.codec.matrix_json import scan_matrix
from proxy.codec.params import encode_range_form
from proxy.codec.pieces import IndexedMatrix, clip, clip_piece, index_matrix
from proxy.codec.tail_json import merge_stats
from proxy.engine.deadline import seconds_left
from proxy.engine.fan_out import fan_out
from proxy.engine.flights import Flights, Share
from proxy.engine.foreign_notes import name_positions, refuse_foreign_notes, refuse_shifted_text
from proxy.engine.results_cache import Fetch, Hit, ResultsCache
from proxy.engine.stale import UPSTREAM_FAILS, stale_note, with_warning
from proxy.errors import LimitError, NotSplittableError, QueryError, UpstreamAnswerError
from proxy.merge.matrices import NOTHING_JOINED, JoinedMatrix, Part, join_matrices
from proxy.model.grid import Grid
from proxy.plan.limits import check_query
from proxy.plan.partition import Run, coalesced, gaps_between
from proxy.plan.range_plan import RangePlan, SplitPolicy, plan_range
from proxy.plan.split import split_grid
from proxy.telemetry.metrics import NOT_KEPT, SPLITS, STALE_ANSWERS, STEPS

if TYPE_CHECKING:
    from proxy.engine.ports import Clock, MemoryTicket, Threads, Upstream
    from proxy.model.piece import Piece
    from proxy.model.query import Caller, RangeQuery
    from proxy.plan.limits import Limits

PATH = "/api/v1/query_range"
_MOST_REMEMBERED_CHARACTERS = 4096
_REQUESTED, _HIT, _FETCHED = map(STEPS.labels, ("requested", "hit", "fetched"))


class FetchPolicy(NamedTuple):
    """parallelism: splits of one query asked at once. stale_ms: how long kept data past its life may
    serve when the upstream fails.
    """

    parallelism: int
    stale_ms: int = 0


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


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a flight brings: the answer, and the pieces that were made of it (with their steps).

    memory: what is set aside for it, until nobody needs it any more.
    """

    indexed: IndexedMatrix
    no_store: bool
    pieces: tuple[tuple[Run, Piece], ...]
    memory: MemoryTicket

    @property
    def text_bytes(self) -> int:
        return len(self.indexed.matrix.text)


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
        self._upstream = upstream
        self._threads = threads
        self._clock = clock
        self._cache = cache
        self._policy = policy
        self._parallelism = fetching.parallelism
        self._stale_ms = fetching.stale_ms
        self._planned = lru_cache(512)(plan_range)
        self._flights: Flights[Fetched] = Flights(_drop)

    def forget_flights(self) -> None:
        """Let nobody else join what is being fetched, after a purge."""
        self._flights.forget()

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
            memory: takes on what is fetched for this answer.

        Raises:
            NotSplittableError: only the whole query, asked as it came, gives the exact answer.
            QueryError: a fetch failed; the others are given up.
        """
        hits = [] if wish.refresh else self._cache.lookup(plan)
        gaps = coalesced(gaps_between(plan.grid.steps, [hit.run for hit in hits]))
        hits = [hit for hit in hits if not any(g.first <= hit.run.first < g.end for g in gaps)]
        _count_steps(plan, hits)
        try:
            fetched = await self._fetch(plan, gaps, caller, wish.refresh)
        except UPSTREAM_FAILS as error:
            if stale := await self._stale(plan, error):
                return stale
            raise
        memory.add(sum(brought.text_bytes for _, brought in fetched))
        parts = [(hit.run, await self._from_hit(hit)) for hit in hits]
        for share, brought in fetched:
            parts += _from_flight(plan, share.run, brought, wish.as_text)
        parts.sort(key=lambda part: part[0])
        joined = join_matrices([part for _, part in parts], sort_key, merge_stats)
        refuse_shifted_text(plan, name_positions(joined.tail.notes))
        refuse_foreign_notes(plan, joined, [brought.indexed for _, brought in fetched])
        return RangeAnswer(
            matrix=joined,
            no_store=any(brought.no_store for _, brought in fetched),
            steps_hit=sum(hit.run.steps for hit in hits),
            expires_ms=0 if fetched else min(hit.expires_ms for hit in hits),
        )

    async def _stale(self, plan: RangePlan, error: QueryError) -> RangeAnswer | None:
        """What is kept, although its life is over: when the upstream fails, and the settings allow."""
        hits = self._cache.lookup(plan, self._stale_ms) if self._stale_ms else []
        if not hits:
            return None
        parts = [await self._from_hit(hit) for hit in hits]
        joined = join_matrices(parts, sort_key, merge_stats)
        steps = sum(hit.run.steps for hit in hits)
        missing = plan.grid.steps - steps
        note = stale_note(
            self._clock.monotonic_ms() - min(hit.fetched_ms for hit in hits),
            error,
            f", and {missing} of {plan.grid.steps} steps are missing" if missing else "",
        )
        STALE_ANSWERS.inc()
        matrix = dataclasses.replace(joined, tail=with_warning(joined.tail, note))
        return RangeAnswer(matrix, no_store=True, steps_hit=steps, expires_ms=0, is_stale=True)

    async def _from_hit(self, hit: Hit) -> Part:
        """A whole piece as it is; of a piece at the window's edge only the steps inside."""
        if hit.is_whole_piece:
            return hit.piece
        end = hit.first + hit.run.steps
        size_bytes = hit.piece.floats.text_bytes
        return await self._threads.run(
            lambda piece: clip_piece(piece, hit.first, end), hit.piece, size_bytes
        )

    async def _fetch(
        self, plan: RangePlan, gaps: list[Run], caller: Caller, refresh: bool
    ) -> list[tuple[Share[Fetched], Fetched]]:
        """Bring the gaps (steps of the plan's grid), each in flights that others may share."""
        if not gaps:
            return []
        gate = asyncio.Semaphore(self._parallelism)
        first_index = plan.grid.first_index

        async def fly(run: Run) -> Fetched:
            async with gate:
                return await self._ask(plan, _grid_of(plan, run), caller)

        def split(run: Run) -> list[Run]:
            splits = split_grid(_grid_of(plan, run), plan.interval_ms)
            return [Run(g.first_index, g.first_index + g.steps) for g in splits]

        flights = Flights[Fetched](_drop) if refresh or plan.key is None else self._flights
        wanted = [Run(first_index + gap.first, first_index + gap.end) for gap in gaps]
        shares = flights.cover(_flight_key(plan), wanted, split, fly)
        try:
            brought = await fan_out(lambda share: _join(plan, share), shares, len(shares))
        except UpstreamAnswerError as error:
            refuse_shifted_text(plan, error.answer_status == HTTPStatus.BAD_REQUEST)
            raise
        finally:
            for share in shares:
                share.leave()
        return list(zip(shares, brought, strict=True))

    async def _ask(self, plan: RangePlan, grid: Grid, caller: Caller) -> Fetched:
        """One upstream request, scanned, cut and kept."""
        began_wall_ms, began_ms = self._clock.wall_ms(), self._clock.monotonic_ms()
        form = encode_range_form(plan.query, plan.known.text, grid, seconds_left(caller))
        kind = (plan.known.normal, grid.step_ms, grid.steps.bit_length())
        SPLITS.inc()
        answer = await self._upstream.ask(PATH, form, caller, kind)
        try:
            ended_ms = self._clock.monotonic_ms()
            indexed = await self._threads.run(
                lambda body: index_matrix(scan_matrix(body), grid), answer.body, len(answer.body)
            )
            fetch = Fetch(indexed, began_wall_ms, began_ms, ended_ms)
            pieces = await self._keep(plan, fetch, answer.no_store)
        except BaseException:
            answer.memory.close()
            raise
        return Fetched(indexed, answer.no_store, tuple(pieces), answer.memory)

    async def _keep(self, plan: RangePlan, fetch: Fetch, no_store: bool) -> list[tuple[Run, Piece]]:
        if plan.key is None or no_store:
            NOT_KEPT.labels("no_store" if no_store else "no_key").inc()
            return []
        return await self._cache.keep(plan, fetch)


def _drop(brought: Fetched) -> None:
    brought.memory.close()


async def _join(plan: RangePlan, share: Share[Fetched]) -> Fetched:
    """What a flight brings. Where it reaches beyond the window, its failure may be of what is there."""
    try:
        return await share.join()
    except (UpstreamAnswerError, LimitError) as error:
        if share.flown.first >= plan.grid.first_index and share.flown.end <= _end_index(plan.grid):
            raise
        raise NotSplittableError("an error may be that of another part of the range") from error


def _end_index(grid: Grid) -> int:
    return grid.first_index + grid.steps


def _flight_key(plan: RangePlan) -> tuple[object, ...]:
    """The key, and what only a failure depends on: `timeout`, and the positions in the text."""
    return plan.key, plan.query.timeout, plan.known.text


def _grid_of(plan: RangePlan, run: Run) -> Grid:
    """The grid of absolute indices under the plan's step and phase."""
    grid = plan.grid
    return Grid(run.first * grid.step_ms + grid.phase_ms, grid.step_ms, run.steps)


def _from_flight(plan: RangePlan, run: Run, brought: Fetched, as_text: bool) -> list[tuple[Run, Part]]:
    """The steps `run` (absolute) of what a flight brought: made pieces where whole, else text."""
    base = brought.indexed.grid.first_index
    shift = base - plan.grid.first_index
    wanted = Run(run.first - base, run.end - base)
    parts: list[tuple[Run, Part]] = []
    at = wanted.first
    for made, piece in () if as_text else brought.pieces:
        if at <= made.first and made.end <= wanted.end:
            if at < made.first:
                parts.append(
                    (Run(at + shift, made.first + shift), clip(brought.indexed, at, made.first))
                )
            parts.append((Run(made.first + shift, made.end + shift), piece))
            at = made.end
    if at < wanted.end:
        parts.append((Run(at + shift, wanted.end + shift), clip(brought.indexed, at, wanted.end)))
    return parts


def _count_steps(plan: RangePlan, hits: list[Hit]) -> None:
    hit_steps = sum(hit.run.steps for hit in hits)
    _REQUESTED.inc(plan.grid.steps)
    _HIT.inc(hit_steps)
    _FETCHED.inc(plan.grid.steps - hit_steps)
