"""Kept answers of range queries: found for a window, and kept from what was fetched."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from proxy.codec.durations import parse_duration_ms
from proxy.codec.empty_steps import cut_at_empty, steps_with_points
from proxy.codec.join import join_pieces
from proxy.codec.pieces import IndexedMatrix, make_piece
from proxy.engine.kept_pieces import Aged, Fetched, Keeping, KeptPieces, indices
from proxy.model.query import first_value
from proxy.plan.freshness import KeepPolicy, reads_span, settled_steps
from proxy.plan.notes import fit_window
from proxy.plan.partition import Run, coalesced, gaps_between
from proxy.telemetry.metrics import NOT_KEPT, NOT_SERVED, STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.engine.background import Background
    from proxy.engine.ports import Clock, ExtentStore, Threads
    from proxy.model.extent import Kept
    from proxy.model.piece import Piece
    from proxy.plan.holes import StoreWatch
    from proxy.plan.purge import Purge
    from proxy.plan.range_plan import RangePlan

_FOREVER_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class Hit:
    """Steps `run` of the plan's grid are the steps `first` to `first + run.steps` of a piece.

    expires_ms, fetched_ms: on the monotonic clock.
    """

    run: Run
    piece: Piece
    first: int
    expires_ms: int
    fetched_ms: int = 0

    @property
    def is_whole_piece(self) -> bool:
        return self.run.steps == self.piece.grid.steps


class Fetch(NamedTuple):
    """An answer as it arrived: what it is for, and when it was asked and complete."""

    indexed: IndexedMatrix
    began_wall_ms: int
    began_ms: int
    ended_ms: int


class Cut(NamedTuple):
    """A piece of a fetched answer, its steps there, and what decides how long it lives."""

    run: Run
    piece: Piece
    is_recent: bool
    is_empty: bool


class ResultsCache:
    """Looks up and keeps pieces under a plan's key, cut at extents."""

    def __init__(
        self,
        store: ExtentStore,
        watch: StoreWatch,
        clock: Clock,
        threads: Threads,
        policy: KeepPolicy,
        background: Background,
    ) -> None:
        keeping = Keeping(
            policy.extent_steps,
            join_pieces,
            self._shared,
            lambda piece: piece.floats.text_bytes,
            policy,
        )
        self._pieces = KeptPieces(store, watch, clock, threads, background, keeping)
        self._store = store
        self._threads = threads
        self._policy = policy
        self._clock = clock

    async def held(self, plan: RangePlan) -> list[Hit]:
        """As `lookup`; what memory lacks and may have been kept is looked for in the tier behind it."""
        hits = self.lookup(plan)
        if plan.key is None:
            return hits
        younger_than_ms = self._clock.wall_ms() - self._policy.freshness_ms
        settled = settled_steps(plan.grid, plan.known.traits, younger_than_ms)
        gaps = gaps_between(settled, [hit.run for hit in hits if hit.run.first < settled])
        first_index = plan.grid.first_index
        found = False
        for gap in coalesced(gaps):
            found |= await self._pieces.load(plan.key, first_index + gap.first, first_index + gap.end)
        return self.lookup(plan) if found else hits

    def lookup(self, plan: RangePlan, stale_ms: int = 0) -> list[Hit]:
        """What is held of the plan's grid and may be served, in time order, without overlap.

        stale_ms: how long past its life it may be served.
        """
        if plan.key is None:
            return []
        first_index, end_index = indices(plan.grid)
        hits = []
        for kept, until_ms in self._pieces.between(plan.key, first_index, end_index, stale_ms):
            if _notes_fit(kept, plan):
                first, end = max(kept.first_index, first_index), min(kept.end_index, end_index)
                run = Run(first - first_index, end - first_index)
                hits.append(Hit(run, kept.piece, first - kept.first_index, until_ms, kept.began_ms))
        return hits

    def purge(self, wanted: Purge) -> int:
        """Remove what matches; answers that are being fetched are not kept either."""
        return self._pieces.purge(wanted)

    async def keep(self, plan: RangePlan, fetch: Fetch) -> list[tuple[Run, Piece]]:
        """Cut a fetched answer into pieces and keep the settled ones.

        Returns the pieces that were made, each with its steps in the fetched grid.
        """
        runs = list(self._runs_to_keep(plan, fetch))
        if not runs or plan.key is None:
            NOT_KEPT.labels("unsettled").inc()
            return []
        size_bytes = len(fetch.indexed.matrix.text)
        cuts = await self._threads.run(lambda wanted: _cut(fetch.indexed, wanted), runs, size_bytes)
        fetched = Fetched(fetch.indexed.grid, fetch.began_wall_ms, fetch.began_ms, fetch.ended_ms)
        if self._pieces.is_purged(fetched):  # asked last: the threads take their time
            return []
        STEPS.labels("kept").inc(sum(run.steps for run, _ in runs))
        made = []
        for cut in cuts:
            piece = self._shared(cut.piece)
            reads = reads_span(piece.grid, plan.known.traits, _lookback_ms(plan))
            aged = Aged(reads, cut.is_recent, cut.is_empty)
            self._pieces.keep(plan.key, plan.known.traits.metric_names, fetched, piece, aged)
            made.append((cut.run, piece))
        return made

    def _shared(self, piece: Piece) -> Piece:
        """With the one object for its list of series."""
        return dataclasses.replace(piece, series=self._store.intern(piece.series))

    def _runs_to_keep(self, plan: RangePlan, fetch: Fetch) -> Iterator[tuple[Run, bool]]:
        """Settled steps, cut at extents and where recent data begins; and whether it is recent."""
        grid, traits = fetch.indexed.grid, plan.known.traits
        now_ms = fetch.began_wall_ms
        settled = settled_steps(grid, traits, now_ms - self._policy.freshness_ms)
        old = min(settled, settled_steps(grid, traits, now_ms - self._policy.recent_ms))
        size = self._policy.extent_steps
        first = 0
        while first < settled:
            room = size - (grid.first_index + first) % size
            end = min(first + room, old if first < old else settled)
            yield Run(first, end), first >= old
            first = end


def _cut(indexed: IndexedMatrix, runs: list[tuple[Run, bool]]) -> list[Cut]:
    """Pieces of these runs; steps without series are cut off.

    Where they are too many for that, the whole piece lives as short; of old data it lives on, or no
    query that mostly finds nothing would ever be a hit.
    """
    there = steps_with_points(indexed)
    cuts = []
    for run, is_recent in runs:
        for part in cut_at_empty(run, there):
            piece = make_piece(indexed, *part.run)
            is_empty = piece.is_empty or (is_recent and part.has_empty)
            cuts.append(Cut(part.run, piece, is_recent, is_empty))
    return cuts


def _notes_fit(kept: Kept[Piece], plan: RangePlan) -> bool:
    """Whether the notes that a piece carries are right for the plan's window."""
    traits = plan.known.traits
    fits = fit_window(kept.piece.tail, kept.fetched, indices(plan.grid), traits)
    if not fits:
        NOT_SERVED.labels("notes").inc()
    return fits


def _lookback_ms(plan: RangePlan) -> int:
    """The lookback delta that the query asks for; a very long one where only Thanos can read it."""
    text = first_value(plan.query.form, "lookback_delta")
    given_ms = parse_duration_ms(text) if text else 0
    return _FOREVER_MS if given_ms is None else given_ms
