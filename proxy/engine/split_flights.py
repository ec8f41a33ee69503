"""The gaps of a range query, cut into splits, each in one flight that others may share."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from proxy.codec.matrix_json import scan_matrix
from proxy.codec.params import encode_range_form
from proxy.codec.pieces import IndexedMatrix, clip, index_matrix
from proxy.engine.deadline import seconds_left
from proxy.engine.fan_out import fan_out
from proxy.engine.flights import Flights, Share
from proxy.engine.foreign_notes import refuse_shifted_text
from proxy.engine.results_cache import Fetch, ResultsCache
from proxy.engine.siblings import Asked
from proxy.errors import LimitError, NotSplittableError, UpstreamAnswerError
from proxy.model.grid import Grid
from proxy.model.piece import Piece
from proxy.plan.partition import Run
from proxy.plan.split import split_grid
from proxy.telemetry.metrics import NOT_KEPT, SPLITS
from proxy.telemetry.record import asking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from proxy.engine.ports import Clock, MemoryTicket, Threads, Upstream, UpstreamAnswer
    from proxy.engine.siblings import Siblings
    from proxy.merge.matrices import Part
    from proxy.model.query import Caller
    from proxy.plan.range_plan import RangePlan

PATH = "/api/v1/query_range"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a flight brings: the answer, and the pieces that were made of it (with their steps).

    memory: what is set aside for it, until nobody needs it any more.
    """

    indexed: IndexedMatrix
    no_store: bool
    pieces: tuple[tuple[Run, Piece], ...]
    memory: MemoryTicket


class Brought(NamedTuple):
    """The steps `run` (absolute) of what a flight brought."""

    run: Run
    fetched: Fetched

    def parts(self, plan: RangePlan, as_text: bool) -> list[tuple[Run, Part]]:
        """Made pieces where they are wanted whole, else text; with the steps of the plan's grid."""
        indexed = self.fetched.indexed
        base = indexed.grid.first_index
        shift = base - plan.grid.first_index
        wanted = Run(self.run.first - base, self.run.end - base)
        parts: list[tuple[Run, Part]] = []
        at = wanted.first
        for made, piece in () if as_text else self.fetched.pieces:
            if at <= made.first and made.end <= wanted.end:
                if at < made.first:
                    parts.append((Run(at + shift, made.first + shift), clip(indexed, at, made.first)))
                parts.append((Run(made.first + shift, made.end + shift), piece))
                at = made.end
        if at < wanted.end:
            parts.append((Run(at + shift, wanted.end + shift), clip(indexed, at, wanted.end)))
        return parts


class SplitFlights:
    """Asks the upstream for gaps, at most `parallelism` splits of a query at once.

    siblings: other workers that may be at the same; None without any.
    """

    def __init__(
        self,
        upstream: Upstream,
        threads: Threads,
        clock: Clock,
        cache: ResultsCache,
        parallelism: int,
        siblings: Siblings | None = None,
    ) -> None:
        self._siblings = siblings
        self._upstream = upstream
        self._threads = threads
        self._clock = clock
        self._cache = cache
        self._parallelism = parallelism
        self._flights: Flights[Fetched] = Flights(_drop)

    def forget(self) -> None:
        """Let nobody else join what is being fetched, after a purge."""
        self._flights.forget()
        if self._siblings:
            self._siblings.forget()

    @asynccontextmanager
    async def bring(
        self, plan: RangePlan, gaps: list[Run], caller: Caller, is_shared: bool
    ) -> AsyncIterator[list[Brought]]:
        """The gaps (steps of the plan's grid); what they take is set aside while the context is open.

        Raises:
            NotSplittableError: only the whole query, asked as it came, gives the exact answer.
            OutlivedError: somebody else's fetch ended with their time; ask again.
            QueryError: a fetch failed; the others are given up.
        """
        shares = self._shares(plan, gaps, caller, is_shared) if gaps else []
        try:
            fetched = await fan_out(lambda share: _result(plan, share, caller), shares, len(shares))
            yield [Brought(share.run, one) for share, one in zip(shares, fetched, strict=True)]
        except UpstreamAnswerError as error:
            refuse_shifted_text(plan, error.answer_status == HTTPStatus.BAD_REQUEST)
            raise
        finally:
            for share in shares:
                share.leave()
            shares.clear()  # the traceback of an error leads here

    def _shares(
        self, plan: RangePlan, gaps: list[Run], caller: Caller, is_shared: bool
    ) -> list[Share[Fetched]]:
        gate = asyncio.Semaphore(self._parallelism)
        first_index = plan.grid.first_index

        async def fly(run: Run) -> Fetched:
            grid = _grid_of(plan, run)
            with asking(grid.start_ms, grid.last_ms):
                async with gate:
                    return await self._ask(plan, grid, caller, is_shared)

        def split(run: Run) -> list[Run]:
            splits = split_grid(_grid_of(plan, run), plan.interval_ms)
            return [Run(g.first_index, g.first_index + g.steps) for g in splits]

        flights = self._flights if is_shared else Flights[Fetched](_drop)
        wanted = [Run(first_index + gap.first, first_index + gap.end) for gap in gaps]
        return flights.cover(_flight_key(plan), wanted, split, fly, until_s=caller.deadline_s)

    async def _ask(self, plan: RangePlan, grid: Grid, caller: Caller, is_shared: bool) -> Fetched:
        """One upstream request, or another worker's; scanned, cut and kept."""

        async def fetch() -> Asked[IndexedMatrix]:
            return await self._fetch(plan, grid, caller)

        if self._siblings and is_shared:
            found = await self._siblings.ask(_identity(plan, grid), fetch, caller.deadline_s)
        else:
            found = await fetch()
        answer, *times, scanned = found
        memory = answer.memory
        try:
            indexed = scanned or await self._scan(answer, grid)
            pieces = await self._keep(plan, Fetch(indexed, *times), answer.no_store)
        except BaseException:
            memory.close()
            raise
        kept_bytes = sum(piece.size_bytes for _, piece in pieces)
        memory.shrink(memory.held_bytes - len(answer.body) - kept_bytes)
        return Fetched(indexed, answer.no_store, tuple(pieces), memory)

    async def _fetch(self, plan: RangePlan, grid: Grid, caller: Caller) -> Asked[IndexedMatrix]:
        began = self._clock.wall_ms(), self._clock.monotonic_ms()
        kind = (plan.known.normal, grid.step_ms, grid.steps.bit_length())
        SPLITS.inc()
        form = encode_range_form(plan.query, plan.known.text, grid, seconds_left(caller))

        async def read(answer: UpstreamAnswer) -> Asked[IndexedMatrix]:
            ended_ms = self._clock.monotonic_ms()
            return Asked(answer, *began, ended_ms, await self._scan(answer, grid))

        return await self._upstream.ask(PATH, form, caller, read, kind)

    async def _scan(self, answer: UpstreamAnswer, grid: Grid) -> IndexedMatrix:
        return await self._threads.run(
            lambda body: index_matrix(scan_matrix(body), grid), answer.body, len(answer.body)
        )

    async def _keep(self, plan: RangePlan, fetch: Fetch, no_store: bool) -> list[tuple[Run, Piece]]:
        if plan.key is None or no_store:
            NOT_KEPT.labels("no_store" if no_store else "no_key").inc()
            return []
        return await self._cache.keep(plan, fetch)


def held_bytes(parts: list[Part]) -> int:
    """What parts hold in memory; a text that is in several of them once."""
    texts = {id(part.text): len(part.text) for part in parts if not isinstance(part, Piece)}
    return sum(texts.values()) + sum(part.size_bytes for part in parts if isinstance(part, Piece))


def _drop(fetched: Fetched) -> None:
    fetched.memory.close()


async def _result(plan: RangePlan, share: Share[Fetched], caller: Caller) -> Fetched:
    """What a flight brings. Where it reaches beyond the window, its failure may be of what is there."""
    try:
        return await share.result(caller.deadline_s)
    except (UpstreamAnswerError, LimitError) as error:
        share.leave()
        grid = plan.grid
        if share.flown.first >= grid.first_index and share.flown.end <= grid.first_index + grid.steps:
            raise
        raise NotSplittableError("an error may be that of another part of the range") from error
    except BaseException:
        share.leave()
        raise


def _flight_key(plan: RangePlan) -> tuple[object, ...]:
    """The key, and what only a failure depends on: `timeout`, and the positions in the text."""
    return plan.key, plan.query.timeout, plan.known.text


def _identity(plan: RangePlan, grid: Grid) -> bytes:
    """What a flight of these steps is for, as bytes."""
    full = plan.key.full if plan.key else b""
    rest = (plan.query.timeout, plan.known.text, grid.start_ms, grid.step_ms, grid.steps)
    return len(full).to_bytes(8, "big") + full + repr(rest).encode("utf-8", "surrogatepass")


def _grid_of(plan: RangePlan, run: Run) -> Grid:
    """The grid of absolute indices under the plan's step and phase."""
    grid = plan.grid
    return Grid(run.first * grid.step_ms + grid.phase_ms, grid.step_ms, run.steps)
