"""Kept pieces: found for a window, and kept from what was fetched."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from proxy.codec.durations import parse_duration_ms
from proxy.codec.join import join_pieces
from proxy.codec.pieces import IndexedMatrix, make_piece
from proxy.model.extent import Extent, ExtentId, Kept
from proxy.model.query import first_value
from proxy.plan.freshness import KeepPolicy, life_ms, reads_span, settled_steps
from proxy.plan.holes import StoreWatch, Trust
from proxy.plan.notes import hold_for_parts
from proxy.plan.partition import Run
from proxy.plan.purge import Purge, matches
from proxy.telemetry.metrics import NOT_KEPT, NOT_SERVED, STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.engine.background import Background
    from proxy.engine.ports import Clock, ExtentStore, Threads
    from proxy.model.grid import Grid
    from proxy.model.piece import Piece
    from proxy.plan.range_plan import RangePlan

_MOST_PIECES = 8
"""An extent of more pieces than this has them joined."""
_MOST_PIECES_OF_FULL = 3
"""So is a full one with more than these. Two or three are what splits leave, which cost less to
weave into an answer than to deflate again."""
_FOREVER_MS = 1 << 62
_ALIKE_MS = 600_000
"""Pieces that are joined expire with the first: their lives should end about together."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Steps `run` of the plan's grid are the steps `first` to `first + run.steps` of a piece."""

    run: Run
    piece: Piece
    first: int
    expires_ms: int

    @property
    def is_whole_piece(self) -> bool:
        return self.run.steps == self.piece.grid.steps


class Fetch(NamedTuple):
    """An answer as it arrived: what it is for, and when it was asked and complete."""

    indexed: IndexedMatrix
    began_wall_ms: int
    began_ms: int
    ended_ms: int


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
        self._background = background
        self._purged_ms = -1
        self._store = store
        self._watch = watch
        self._clock = clock
        self._threads = threads
        self._policy = policy
        self._extent_steps = policy.extent_steps

    def lookup(self, plan: RangePlan) -> list[Hit]:
        """What is held of the plan's grid and may be served, in time order, without overlap."""
        first_index = plan.grid.first_index
        end_index = first_index + plan.grid.steps
        hits = []
        for extent_id in self._extent_ids(plan, first_index, end_index):
            extent = self._store.get(extent_id)
            if extent is None or plan.key is None or extent.full_key != plan.key.full:
                continue
            for kept in extent.kept:
                first, end = max(kept.first_index, first_index), min(kept.end_index, end_index)
                if first >= end or not _notes_fit(kept, plan):
                    continue
                if until_ms := self._serves_until_ms(kept):
                    run = Run(first - first_index, end - first_index)
                    hits.append(Hit(run, kept.piece, first - kept.first_index, until_ms))
        return hits

    def purge(self, wanted: Purge) -> int:
        """Remove what matches; answers that are being fetched are not kept either."""
        self._purged_ms = self._clock.monotonic_ms()
        return self._store.remove_where(lambda _, extent: matches(extent, wanted))

    def _extent_ids(self, plan: RangePlan, first: int, end: int) -> Iterator[ExtentId]:
        if plan.key is not None:
            numbers = range(first // self._extent_steps, (end - 1) // self._extent_steps + 1)
            yield from (ExtentId(plan.key.name, number) for number in numbers)

    def _serves_until_ms(self, kept: Kept) -> int:
        """Until when (monotonic) a piece may serve as things stand; 0 when it may not."""
        now_ms = self._clock.monotonic_ms()
        if now_ms >= kept.expires_ms:
            NOT_SERVED.labels("expired").inc()
            return 0
        trust = self._watch.trust(kept.began_ms, kept.ended_ms, kept.reads)
        if trust is Trust.CONFIRMED:
            return kept.expires_ms
        if trust is Trust.LOST or now_ms >= kept.pending_until_ms:
            NOT_SERVED.labels(trust.name.lower()).inc()
            return 0
        return min(kept.pending_until_ms, kept.expires_ms)

    async def keep(self, plan: RangePlan, fetch: Fetch) -> list[tuple[Run, Piece]]:
        """Cut a fetched answer into pieces and keep the settled ones.

        Returns the pieces that were made, each with its steps in the fetched grid.
        """
        runs = list(self._runs_to_keep(plan, fetch))
        if not runs:
            NOT_KEPT.labels("unsettled").inc()
            return []
        size_bytes = len(fetch.indexed.matrix.text)
        pieces = await self._threads.run(
            lambda wanted: [make_piece(fetch.indexed, *run) for run, _ in wanted],
            runs,
            size_bytes,
        )
        if fetch.began_ms <= self._purged_ms:  # asked last: the threads take their time
            NOT_KEPT.labels("purged").inc()
            return []
        STEPS.labels("kept").inc(sum(run.steps for run, _ in runs))
        made = []
        for (run, is_recent), piece in zip(runs, pieces, strict=True):
            shared = dataclasses.replace(piece, series=self._store.intern(piece.series))
            self._put(plan, self._kept(plan, fetch, shared, is_recent))
            made.append((run, shared))
        return made

    def _runs_to_keep(self, plan: RangePlan, fetch: Fetch) -> Iterator[tuple[Run, bool]]:
        """Settled steps, cut at extents and where recent data begins; and whether it is recent."""
        grid, traits = fetch.indexed.grid, plan.known.traits
        now_ms = fetch.began_wall_ms
        settled = settled_steps(grid, traits, now_ms - self._policy.freshness_ms)
        old = min(settled, settled_steps(grid, traits, now_ms - self._policy.recent_ms))
        first = 0
        while first < settled:
            room = self._extent_steps - (grid.first_index + first) % self._extent_steps
            end = min(first + room, old if first < old else settled)
            yield Run(first, end), first >= old
            first = end

    def _kept(self, plan: RangePlan, fetch: Fetch, piece: Piece, is_recent: bool) -> Kept:
        return Kept(
            piece=piece,
            first_index=piece.grid.first_index,
            began_ms=fetch.began_ms,
            ended_ms=fetch.ended_ms,
            expires_ms=fetch.ended_ms + life_ms(self._policy, is_recent, piece.is_empty),
            pending_until_ms=fetch.ended_ms + self._policy.short_life_ms,
            reads=reads_span(piece.grid, plan.known.traits, _lookback_ms(plan)),
            fetched=_indices(fetch.indexed.grid),
        )

    def _put(self, plan: RangePlan, new: Kept) -> None:
        if plan.key is None:
            return
        extent_id = ExtentId(plan.key.name, new.first_index // self._extent_steps)
        held = self._store.get(extent_id)
        others = held.kept if held is not None and held.full_key == plan.key.full else ()
        others = tuple(other for other in others if self._serves_until_ms(other))
        if any(_overlap(other, new) and other.began_ms > new.began_ms for other in others):
            NOT_KEPT.labels("overtaken").inc()
            return
        kept = [other for other in others if not _overlap(other, new)]
        kept = sorted([*kept, new], key=lambda one: one.first_index)
        names = plan.known.traits.metric_names
        extent = Extent(plan.key.full, names, tuple(kept))
        if self._store.put(extent_id, extent) and self._is_scattered(extent):
            self._background.spawn(self._join(extent_id, extent))

    def _is_scattered(self, extent: Extent) -> bool:
        """Full but in pieces, or in too many pieces."""
        steps = sum(kept.piece.grid.steps for kept in extent.kept)
        is_full = steps == self._extent_steps and len(extent.kept) > _MOST_PIECES_OF_FULL
        return is_full or len(extent.kept) > _MOST_PIECES

    async def _join(self, extent_id: ExtentId, extent: Extent) -> None:
        """Join neighbouring pieces of an extent, unless it has changed meanwhile."""
        runs = [run for run in self._neighbours(extent.kept) if len(run) > 1]
        joined: list[Piece] = []
        for run in runs:
            pieces = [kept.piece for kept in run]
            size_bytes = sum(piece.floats.text_bytes for piece in pieces)
            joined.append(await self._threads.run(join_pieces, pieces, size_bytes))
        if self._store.get(extent_id) is not extent:
            return
        if not all(self._serves_until_ms(kept) for run in runs for kept in run):
            return
        gone = {id(kept) for run in runs for kept in run}
        kept = [kept for kept in extent.kept if id(kept) not in gone]
        kept += [self._joined(run, piece) for run, piece in zip(runs, joined, strict=True)]
        kept.sort(key=lambda one: one.first_index)
        self._store.put(extent_id, dataclasses.replace(extent, kept=tuple(kept)))

    def _neighbours(self, kept: tuple[Kept, ...]) -> list[list[Kept]]:
        """Runs of pieces without a gap between them that are as good together as each by itself."""
        runs: list[list[Kept]] = []
        for one in kept:
            if runs and self._may_join(runs[-1], one):
                runs[-1].append(one)
            else:
                runs.append([one])
        return runs

    def _may_join(self, run: list[Kept], one: Kept) -> bool:
        """Not when their lives end far apart, nor when a store was away between their fetches."""
        last = run[-1]
        if last.end_index != one.first_index or abs(one.expires_ms - last.expires_ms) >= _ALIKE_MS:
            return False
        trust = self._watch.trust(*_fetched([*run, one]), _reads([*run, one]))
        return trust in {Trust.CONFIRMED, Trust.PENDING}

    def _joined(self, run: list[Kept], piece: Piece) -> Kept:
        """A joined piece is as young and as doubtful as the worst of its parts.

        Its fetch ended with the last of theirs; until that is confirmed it may serve as long as
        each of them may.
        """
        began_ms, ended_ms = _fetched(run)
        return Kept(
            piece=dataclasses.replace(piece, series=self._store.intern(piece.series)),
            first_index=run[0].first_index,
            began_ms=began_ms,
            ended_ms=ended_ms,
            expires_ms=min(kept.expires_ms for kept in run),
            pending_until_ms=min(self._serves_until_ms(kept) for kept in run),
            reads=_reads(run),
            fetched=(min(k.fetched[0] for k in run), max(k.fetched[1] for k in run)),
        )


def _notes_fit(kept: Kept, plan: RangePlan) -> bool:
    """Whether the notes that a piece carries are right for the plan's window."""
    first, end = _indices(plan.grid)
    is_whole_fetch = first <= kept.fetched[0] and kept.fetched[1] <= end
    fits = is_whole_fetch or hold_for_parts(kept.piece.tail, plan.known.traits)
    if not fits:
        NOT_SERVED.labels("notes").inc()
    return fits


def _indices(grid: Grid) -> tuple[int, int]:
    return grid.first_index, grid.first_index + grid.steps


def _overlap(one: Kept, other: Kept) -> bool:
    return one.first_index < other.end_index and other.first_index < one.end_index


def _lookback_ms(plan: RangePlan) -> int:
    """The lookback delta that the query asks for; a very long one where only Thanos can read it."""
    text = first_value(plan.query.form, "lookback_delta")
    given_ms = parse_duration_ms(text) if text else 0
    return _FOREVER_MS if given_ms is None else given_ms


def _fetched(run: list[Kept]) -> tuple[int, int]:
    """From the begin of the first of their fetches to the end of the last."""
    return min(kept.began_ms for kept in run), max(kept.ended_ms for kept in run)


def _reads(run: list[Kept]) -> tuple[int, int]:
    return min(kept.reads[0] for kept in run), max(kept.reads[1] for kept in run)
