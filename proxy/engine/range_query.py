"""The story of a range query: look up what is kept, fetch the gaps side by side, join."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from proxy.codec.labels_json import sort_key
from proxy.codec.matrix_json import scan_matrix
from proxy.codec.params import encode_range_form
from proxy.codec.pieces import IndexedMatrix, clip, clip_piece, index_matrix
from proxy.codec.tail_json import merge_stats
from proxy.engine.fan_out import fan_out
from proxy.engine.flights import Flights, Share
from proxy.engine.results_cache import Fetch, Hit, ResultsCache
from proxy.errors import LimitError, NotSplittableError, UpstreamAnswerError
from proxy.merge.matrices import JoinedMatrix, Part, join_matrices
from proxy.model.grid import Grid
from proxy.plan.notes import hold_for_parts
from proxy.plan.partition import Run, coalesced, gaps_between
from proxy.plan.range_plan import RangePlan, SplitPolicy, plan_range
from proxy.plan.split import split_grid
from proxy.telemetry.metrics import NOT_KEPT, SPLITS, STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.engine.ports import Clock, Threads, Upstream
    from proxy.model.piece import Piece
    from proxy.model.query import Caller, RangeQuery

PATH = "/api/v1/query_range"
_MOST_REMEMBERED_CHARACTERS = 4096
_POSITION = re.compile(r"\(\d+:\d+\)")
_REQUESTED, _HIT, _FETCHED = map(STEPS.labels, ("requested", "hit", "fetched"))


@dataclass(frozen=True, slots=True)
class RangeAnswer:
    """A joined matrix, what the cache held of it, and until when it may be given again.

    no_store: the upstream forbade keeping a part of it.
    expires_ms: on the monotonic clock; 0 when parts of it were fetched for this answer.
    """

    matrix: JoinedMatrix
    no_store: bool
    steps_hit: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a flight brings: the answer, and the pieces that were made of it (with their steps)."""

    indexed: IndexedMatrix
    no_store: bool
    pieces: tuple[tuple[Run, Piece], ...]


class RangeQueries:
    """Answers range queries from kept pieces and from splits of time."""

    def __init__(
        self,
        upstream: Upstream,
        threads: Threads,
        clock: Clock,
        cache: ResultsCache,
        policy: SplitPolicy,
        parallelism: int,
    ) -> None:
        self._upstream = upstream
        self._threads = threads
        self._clock = clock
        self._cache = cache
        self._policy = policy
        self._parallelism = parallelism
        self._planned = lru_cache(512)(plan_range)
        self._flights: Flights[Fetched] = Flights()

    def forget_flights(self) -> None:
        """Let nobody else join what is being fetched, after a purge."""
        self._flights.forget()

    def plan(self, query: RangeQuery, caller: tuple[str, ...]) -> RangePlan:
        """See `plan.range_plan.plan_range`; what is asked again and again is planned once."""
        is_short = len(query.expr) <= _MOST_REMEMBERED_CHARACTERS
        return (self._planned if is_short else plan_range)(query, self._policy, caller)

    async def run(
        self, plan: RangePlan, caller: Caller, as_text: bool, refresh: bool = False
    ) -> RangeAnswer:
        """The answer of a plan that is not whole.

        Args:
            plan: see `plan`.
            caller: the headers to send along.
            as_text: what is fetched is wanted as text, not deflated.
            refresh: nothing that is kept may serve.

        Raises:
            NotSplittableError: only the whole query, asked as it came, gives the exact answer.
            QueryError: a fetch failed; the others are given up.
        """
        hits = [] if refresh else self._cache.lookup(plan)
        gaps = coalesced(gaps_between(plan.grid.steps, [hit.run for hit in hits]))
        hits = [hit for hit in hits if not any(g.first <= hit.run.first < g.end for g in gaps)]
        _count_steps(plan, hits)
        fetched = await self._fetch(plan, gaps, caller, refresh)
        parts = [(hit.run, await self._from_hit(hit)) for hit in hits]
        for share, brought in fetched:
            parts += _from_flight(plan, share.run, brought, as_text)
        parts.sort(key=lambda part: part[0])
        joined = join_matrices([part for _, part in parts], sort_key, merge_stats)
        _refuse_shifted_text(plan, _name_positions(joined.tail.notes))
        _refuse_foreign_notes(plan, joined, [brought for _, brought in fetched])
        return RangeAnswer(
            matrix=joined,
            no_store=any(brought.no_store for _, brought in fetched),
            steps_hit=sum(hit.run.steps for hit in hits),
            expires_ms=0 if fetched else min(hit.expires_ms for hit in hits),
        )

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

        flights = Flights[Fetched]() if refresh or plan.key is None else self._flights
        wanted = [Run(first_index + gap.first, first_index + gap.end) for gap in gaps]
        shares = flights.cover(_flight_key(plan), wanted, split, fly)
        try:
            brought = await fan_out(lambda share: _join(plan, share), shares, len(shares))
        except UpstreamAnswerError as error:
            _refuse_shifted_text(plan, error.answer_status == HTTPStatus.BAD_REQUEST)
            raise
        finally:
            for share in shares:
                share.leave()
        return list(zip(shares, brought, strict=True))

    async def _ask(self, plan: RangePlan, grid: Grid, caller: Caller) -> Fetched:
        """One upstream request, scanned, cut and kept."""
        began_wall_ms, began_ms = self._clock.wall_ms(), self._clock.monotonic_ms()
        form = encode_range_form(plan.query, plan.known.text, grid)
        SPLITS.inc()
        answer = await self._upstream.ask(PATH, form, caller)
        ended_ms = self._clock.monotonic_ms()
        indexed = await self._threads.run(
            lambda body: index_matrix(scan_matrix(body), grid), answer.body, len(answer.body)
        )
        if plan.key is None or answer.no_store:
            NOT_KEPT.labels("no_store" if answer.no_store else "no_key").inc()
            return Fetched(indexed, answer.no_store, ())
        pieces = await self._cache.keep(plan, Fetch(indexed, began_wall_ms, began_ms, ended_ms))
        return Fetched(indexed, answer.no_store, tuple(pieces))


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


def _refuse_foreign_notes(plan: RangePlan, joined: JoinedMatrix, brought: list[Fetched]) -> None:
    """Notes that may be those of another part of somebody else's window; see `plan.notes`."""
    if not joined.tail.notes:
        return
    foreign = [one for one in brought if not _lies_in(one.indexed.grid, plan.grid)]
    tails = [one.indexed.matrix.tail for one in foreign]
    has_others = not all(hold_for_parts(tail, plan.known.traits) for tail in tails)
    is_all_own = not foreign and len(brought) == len(joined.parts)
    if has_others or not (joined.metrics or is_all_own):
        raise NotSplittableError("a warning may be that of another part of the range")


def _lies_in(part: Grid, whole: Grid) -> bool:
    return whole.start_ms <= part.start_ms and part.last_ms <= whole.last_ms


def _name_positions(notes: Mapping[str, tuple[str, ...]]) -> bool:
    """Prometheus ends annotations with line and column, `(1:6)`; Thanos does not."""
    return any(_POSITION.search(text) for texts in notes.values() for text in texts)


def _refuse_shifted_text(plan: RangePlan, speaks_of_positions: bool) -> None:
    """Warnings and parse errors name positions in the text; a text made constant has moved them."""
    if plan.known.changed and speaks_of_positions:
        raise NotSplittableError("a message speaks of positions in a text that was made constant")
