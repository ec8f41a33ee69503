"""Pieces under a key, in extents: found while they may serve, put in place, joined when scattered.

What the results cache (steps of a grid) and the samples cache (raw samples, a step being a
millisecond) have in common: the rules of when a piece may serve, and of which piece gives way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from proxy.model.extent import AnyPiece, Extent, ExtentId, Kept
from proxy.plan.freshness import KeepPolicy, life_ms
from proxy.plan.holes import StoreWatch, Trust
from proxy.plan.purge import Purge, matches
from proxy.plan.serving import serving
from proxy.telemetry.metrics import NOT_KEPT, NOT_SERVED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.engine.background import Background
    from proxy.engine.ports import Clock, ExtentStore, Threads
    from proxy.model.grid import Grid
    from proxy.plan.cache_key import CacheKey

P = TypeVar("P", bound=AnyPiece)
Put = Callable[[ExtentId, Extent[Any]], bool]

_MOST_PIECES = 8
"""An extent of more pieces than this has them joined."""
_MOST_PIECES_OF_FULL = 3
"""So is a full one with more than these. Two or three are what splits leave, which cost less to
weave into an answer than to join."""
_ALIKE_MS = 600_000
"""Pieces that are joined expire with the first: their lives should end about together."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """When an answer was asked for and complete, and for which grid."""

    grid: Grid
    began_wall_ms: int
    began_ms: int
    ended_ms: int


@dataclass(frozen=True, slots=True)
class Keeping(Generic[P]):
    """How a cache keeps its pieces.

    join: makes one piece of neighbours, in a thread. share: lets a piece use the one object for
    its list of series. work_bytes: what joining a piece costs.
    """

    extent_steps: int
    join: Callable[[list[P]], P]
    share: Callable[[P], P]
    work_bytes: Callable[[P], int]
    policy: KeepPolicy


class KeptPieces(Generic[P]):
    """The pieces of one kind. All indices are steps of a grid, counted from the epoch."""

    def __init__(
        self,
        store: ExtentStore,
        watch: StoreWatch,
        clock: Clock,
        threads: Threads,
        background: Background,
        keeping: Keeping[P],
    ) -> None:
        self._store = store
        self._watch = watch
        self._clock = clock
        self._threads = threads
        self._background = background
        self._keeping = keeping
        self._purged_ms = -1

    def between(
        self, key: CacheKey, first: int, end: int, stale_ms: int = 0
    ) -> Iterator[tuple[Kept[P], int]]:
        """What is held of these steps and may serve, in time order, and until when it may.

        stale_ms: how long past its life it may serve.
        """
        size = self._keeping.extent_steps
        for number in range(first // size, (end - 1) // size + 1):
            extent = self._extent(key, ExtentId(key.name, number))
            for kept in extent.kept if extent else ():
                if kept.first_index >= end or kept.end_index <= first:
                    continue
                until_ms = self.serves_until_ms(kept) or self._stale_until_ms(kept, stale_ms)
                if until_ms:
                    yield kept, until_ms

    async def load(self, key: CacheKey, first: int, end: int) -> bool:
        """Bring what a tier behind the store has of these steps into memory; whether it had any."""
        size = self._keeping.extent_steps
        numbers = range(first // size, (end - 1) // size + 1)
        found = False
        for extent in await self._store.load(key, list(numbers)):
            for kept in extent.kept:
                found |= self._take_in(key, extent.metric_names, cast("Kept[P]", kept))
        return found

    def _take_in(self, key: CacheKey, names: frozenset[str] | None, kept: Kept[P]) -> bool:
        """Put a piece of another process in its place, unless less would be held then."""
        held = self._extent(key, ExtentId(key.name, kept.first_index // self._keeping.extent_steps))
        others = [o for o in held.kept if _overlap(o, kept) and self.serves_until_ms(o)] if held else []
        is_more = all(
            kept.first_index <= o.first_index and o.end_index <= kept.end_index for o in others
        )
        if not is_more or any(o.began_ms >= kept.began_ms for o in others):
            return False
        own = dataclasses.replace(kept, piece=self._keeping.share(kept.piece))
        self._put(key, names, own, self._store.adopt)
        return True

    def _stale_until_ms(self, kept: Kept[P], stale_ms: int) -> int:
        """Until when a piece whose life is over may serve; never one that is known to lack data."""
        until_ms = max(kept.expires_ms, kept.pending_until_ms) + stale_ms
        if not stale_ms or self._clock.monotonic_ms() >= until_ms:
            return 0
        trust = self._watch.trust(kept.began_ms, kept.ended_ms, kept.reads)
        return until_ms if trust in {Trust.CONFIRMED, Trust.PENDING} else 0

    def serves_until_ms(self, kept: Kept[P]) -> int:
        """Until when (monotonic) a piece may serve as things stand; 0 when it may not."""
        until_ms, why_not = serving(kept, self._watch, self._clock.monotonic_ms())
        if why_not:
            NOT_SERVED.labels(why_not).inc()
        return until_ms

    def purge(self, wanted: Purge) -> int:
        """Remove what matches; answers that are being fetched are not kept either."""
        self._purged_ms = self._clock.monotonic_ms()
        return self._store.remove_where(lambda _, extent: matches(extent, wanted))

    def is_purged(self, fetched: Fetched) -> bool:
        """Whether a purge came after an answer was asked for."""
        if fetched.began_ms <= self._purged_ms:
            NOT_KEPT.labels("purged").inc()
            return True
        return False

    def keep(
        self, key: CacheKey, names: frozenset[str] | None, fetched: Fetched, piece: P, aged: Aged
    ) -> None:
        """Put a piece in its extent, in place of older ones that it overlaps."""
        policy = self._keeping.policy
        first, end = indices(fetched.grid)
        new = Kept(
            piece=piece,
            first_index=piece.grid.first_index,
            began_ms=fetched.began_ms,
            ended_ms=fetched.ended_ms,
            expires_ms=fetched.ended_ms + life_ms(policy, aged.is_recent, aged.is_empty),
            pending_until_ms=fetched.ended_ms + policy.short_life_ms,
            reads=aged.reads,
            fetched=(first, end),
        )
        self._put(key, names, new)

    def _extent(self, key: CacheKey, extent_id: ExtentId) -> Extent[P] | None:
        """The full key is compared: its hash, the name, is not proof."""
        extent = self._store.get(extent_id)
        if extent is None or extent.full_key != key.full:
            return None
        return cast("Extent[P]", extent)  # a key names the kind of piece that it is for

    def _put(
        self, key: CacheKey, names: frozenset[str] | None, new: Kept[P], put: Put | None = None
    ) -> None:
        extent_id = ExtentId(key.name, new.first_index // self._keeping.extent_steps)
        held = self._extent(key, extent_id)
        others = [other for other in held.kept if self.serves_until_ms(other)] if held else []
        if any(_overlap(other, new) and other.began_ms > new.began_ms for other in others):
            NOT_KEPT.labels("overtaken").inc()
            return
        kept = [other for other in others if not _overlap(other, new)]
        kept = sorted([*kept, new], key=lambda one: one.first_index)
        extent = Extent(key.full, names, tuple(kept))
        if (put or self._store.put)(extent_id, extent) and self._is_scattered(extent):
            self._background.spawn(self._join(extent_id, extent))

    def _is_scattered(self, extent: Extent[P]) -> bool:
        """Full but in pieces, or in too many pieces."""
        steps = sum(kept.piece.grid.steps for kept in extent.kept)
        is_full = steps == self._keeping.extent_steps and len(extent.kept) > _MOST_PIECES_OF_FULL
        return is_full or len(extent.kept) > _MOST_PIECES

    async def _join(self, extent_id: ExtentId, extent: Extent[P]) -> None:
        """Join neighbouring pieces of an extent, unless it has changed meanwhile."""
        runs = [run for run in self._neighbours(extent.kept) if len(run) > 1]
        if not runs:
            return
        joined: list[P] = []
        for run in runs:
            pieces = [kept.piece for kept in run]
            size_bytes = sum(map(self._keeping.work_bytes, pieces))
            joined.append(await self._threads.run(self._keeping.join, pieces, size_bytes))
        if self._store.get(extent_id) is not extent:
            return
        if not all(self.serves_until_ms(kept) for run in runs for kept in run):
            return
        gone = {id(kept) for run in runs for kept in run}
        kept = [kept for kept in extent.kept if id(kept) not in gone]
        kept += [self._joined(run, piece) for run, piece in zip(runs, joined, strict=True)]
        kept.sort(key=lambda one: one.first_index)
        self._store.put(extent_id, dataclasses.replace(extent, kept=tuple(kept)))

    def _neighbours(self, kept: tuple[Kept[P], ...]) -> list[list[Kept[P]]]:
        """Runs of pieces without a gap between them that are as good together as each by itself.

        Nothing, which lives shorter, is joined with something only where there are too many pieces.
        """
        is_crowded = len(kept) > _MOST_PIECES
        runs: list[list[Kept[P]]] = []
        for one in kept:
            is_alike = bool(runs) and runs[-1][-1].piece.is_empty == one.piece.is_empty
            if runs and (is_alike or is_crowded) and self._may_join(runs[-1], one):
                runs[-1].append(one)
            else:
                runs.append([one])
        return runs

    def _may_join(self, run: list[Kept[P]], one: Kept[P]) -> bool:
        """Not when their lives end far apart, nor when a store was away between their fetches."""
        last = run[-1]
        if last.end_index != one.first_index or abs(one.expires_ms - last.expires_ms) >= _ALIKE_MS:
            return False
        trust = self._watch.trust(*_fetched([*run, one]), _reads([*run, one]))
        return trust in {Trust.CONFIRMED, Trust.PENDING}

    def _joined(self, run: list[Kept[P]], piece: P) -> Kept[P]:
        """A joined piece is as young and as doubtful as the worst of its parts.

        Its fetch ended with the last of theirs; until that is confirmed it may serve as long as
        each of them may.
        """
        began_ms, ended_ms = _fetched(run)
        return Kept(
            piece=self._keeping.share(piece),
            first_index=run[0].first_index,
            began_ms=began_ms,
            ended_ms=ended_ms,
            expires_ms=min(kept.expires_ms for kept in run),
            pending_until_ms=min(self.serves_until_ms(kept) for kept in run),
            reads=_reads(run),
            fetched=(min(k.fetched[0] for k in run), max(k.fetched[1] for k in run)),
        )


@dataclass(frozen=True, slots=True)
class Aged:
    """What decides how long a piece lives: the times (ms) that it reads, its age, its emptiness.

    is_empty: it lives as short as steps without any series do.
    """

    reads: tuple[int, int]
    is_recent: bool
    is_empty: bool


def indices(grid: Grid) -> tuple[int, int]:
    """The first step of a grid and the one after its last, counted from the epoch."""
    return grid.first_index, grid.first_index + grid.steps


def _overlap(one: Kept[P], other: Kept[P]) -> bool:
    return one.first_index < other.end_index and other.first_index < one.end_index


def _fetched(run: list[Kept[P]]) -> tuple[int, int]:
    """From the begin of the first of their fetches to the end of the last."""
    return min(kept.began_ms for kept in run), max(kept.ended_ms for kept in run)


def _reads(run: list[Kept[P]]) -> tuple[int, int]:
    return min(kept.reads[0] for kept in run), max(kept.reads[1] for kept in run)
