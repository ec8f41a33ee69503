"""Kept raw samples: found for a window of time, and kept from what was fetched."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.codec.clip import cut
from proxy.codec.compact import join_sample_pieces
from proxy.engine.kept_pieces import Aged, Keeping, KeptPieces, indices
from proxy.model.sample_piece import SamplePiece
from proxy.plan.partition import Run
from proxy.telemetry.metrics import NOT_KEPT

if TYPE_CHECKING:
    from proxy.engine.background import Background
    from proxy.engine.kept_pieces import Fetched
    from proxy.engine.ports import Clock, ExtentStore, Threads
    from proxy.model.chunks import ChunkBatch
    from proxy.plan.freshness import KeepPolicy
    from proxy.plan.holes import StoreWatch
    from proxy.plan.purge import Purge
    from proxy.plan.read_plan import ReadPlan


@dataclass(frozen=True, slots=True)
class SampleHit:
    """The milliseconds `run` (counted from the epoch) of a kept piece, which may reach further."""

    run: Run
    piece: SamplePiece


class SamplesCache:
    """Looks up and keeps pieces of raw samples under a plan's key; extents are its windows."""

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
            join_sample_pieces,
            self._shared,
            lambda piece: len(piece.chunks.data),
            policy,
        )
        self._pieces = KeptPieces(store, watch, clock, threads, background, keeping)
        self._store = store
        self._threads = threads
        self._policy = policy

    def lookup(self, plan: ReadPlan) -> list[SampleHit]:
        """What is held of the plan's time and may be served, in time order, without overlap."""
        if plan.key is None:
            return []
        first, end = indices(plan.span)
        return [
            SampleHit(Run(max(kept.first_index, first), min(kept.end_index, end)), kept.piece)
            for kept, _ in self._pieces.between(plan.key, first, end)
        ]

    def purge(self, wanted: Purge) -> int:
        """Remove what matches; answers that are being fetched are not kept either."""
        return self._pieces.purge(wanted)

    async def keep(self, plan: ReadPlan, fetched: Fetched, batch: ChunkBatch) -> None:
        """Keep the settled part of a fetched answer, cut at windows and where recent data begins."""
        grid = fetched.grid
        settled = grid.steps_before(fetched.began_wall_ms - self._policy.freshness_ms)
        old = min(settled, grid.steps_before(fetched.began_wall_ms - self._policy.recent_ms))
        if plan.key is None or not settled:
            NOT_KEPT.labels("unsettled").inc()
            return
        windows = plan.windows(Run(*indices(grid)))
        cuts = {old, settled, *(window.first - grid.first_index for window in windows)}
        edges = [edge for edge in sorted(cuts) if 0 < edge < grid.steps]
        edges_ms = [grid.start_ms + edge for edge in edges]
        parts = await self._threads.run(
            lambda whole: cut(whole, edges_ms), batch, len(batch.chunks.data)
        )
        if self._pieces.is_purged(fetched):  # asked last: the threads take their time
            return
        bounds = [0, *edges, grid.steps]
        for first, end, part in zip(bounds[:-1], bounds[1:], parts, strict=True):
            if end > settled:
                break
            piece = self._shared(SamplePiece.of(grid.sliced(first, end), part))
            reads = piece.grid.start_ms, piece.grid.last_ms
            aged = Aged(reads, is_recent=first >= old, is_empty=piece.is_empty)
            self._pieces.keep(plan.key, plan.metric_names, fetched, piece, aged)

    def _shared(self, piece: SamplePiece) -> SamplePiece:
        """With the one object for its list of series."""
        return dataclasses.replace(piece, series=self._store.intern(piece.series))
