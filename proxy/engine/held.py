"""What is held of a plan, looked at without using it: nothing is counted, nothing is moved."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

from proxy.engine.kept_pieces import indices
from proxy.model.extent import ExtentId
from proxy.plan.explain import HeldRun
from proxy.plan.notes import fit_window
from proxy.plan.partition import Run, coalesced, gaps_between
from proxy.plan.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.engine.ports import Clock, ExtentStore
    from proxy.model.extent import Kept
    from proxy.model.piece import Piece
    from proxy.plan.holes import StoreWatch
    from proxy.plan.range_plan import RangePlan


class Seen(NamedTuple):
    """Steps `run` of the plan's grid, out of a piece; until_ms, why_not: see `plan.serving`."""

    run: Run
    kept: Kept[Piece]
    until_ms: int
    why_not: str


@dataclass(frozen=True, slots=True)
class HeldView:
    """The kept pieces of range queries, as `ResultsCache` would find them in memory."""

    store: ExtentStore
    watch: StoreWatch
    clock: Clock
    extent_steps: int

    def of(self, plan: RangePlan, is_refresh: bool) -> tuple[list[Seen], list[Run]]:
        """What is held, in time order, and the gaps that would be asked for (steps of the grid)."""
        seen = [self._judged(plan, kept, is_refresh) for kept in self._kept(plan)]
        steps = plan.grid.steps
        gaps = coalesced(gaps_between(steps, [one.run for one in seen if not one.why_not]))
        return [_between(one, gaps) for one in seen], gaps

    def runs(self, plan: RangePlan, seen: list[Seen]) -> list[HeldRun]:
        """The same in times; neighbours that are alike in everything are one."""
        runs: list[HeldRun] = []
        last: Seen | None = None
        for one in seen:
            run = self._run(plan, one)
            if last and _alike(last, one) and runs[-1].trust == run.trust:
                before = runs.pop()
                run = dataclasses.replace(before, to_ms=run.to_ms, steps=before.steps + run.steps)
            runs.append(run)
            last = one
        return runs

    def _kept(self, plan: RangePlan) -> Iterator[Kept[Piece]]:
        if plan.key is None:
            return
        first, end = indices(plan.grid)
        size = self.extent_steps
        for number in range(first // size, (end - 1) // size + 1):
            extent = self.store.peek(ExtentId(plan.key.name, number))
            if extent is None or extent.full_key != plan.key.full:
                continue
            for kept in extent.kept:
                if kept.first_index < end and first < kept.end_index:
                    yield cast("Kept[Piece]", kept)  # the key says which kind of piece it is for

    def _judged(self, plan: RangePlan, kept: Kept[Piece], is_refresh: bool) -> Seen:
        first, end = indices(plan.grid)
        until_ms, why_not = serving(kept, self.watch, self.clock.monotonic_ms())
        window, traits = (first, end), plan.known.traits
        if not why_not and not fit_window(kept.piece.tail, kept.fetched, window, traits):
            why_not = "notes"
        if not why_not and is_refresh:
            why_not = "refresh"
        run = Run(max(kept.first_index, first) - first, min(kept.end_index, end) - first)
        return Seen(run, kept, until_ms, why_not)

    def _run(self, plan: RangePlan, seen: Seen) -> HeldRun:
        kept, now_ms = seen.kept, self.clock.monotonic_ms()
        part = plan.grid.sliced(*seen.run)
        return HeldRun(
            from_ms=part.start_ms,
            to_ms=part.last_ms,
            steps=part.steps,
            age_ms=now_ms - kept.ended_ms,
            lives_ms=kept.expires_ms - now_ms,
            trust=self.watch.trust(kept.began_ms, kept.ended_ms, kept.reads).name.lower(),
            serves_ms=0 if seen.why_not else seen.until_ms - now_ms,
            why_not=seen.why_not,
        )


def _between(seen: Seen, gaps: list[Run]) -> Seen:
    """What lies in a gap, because gaps were joined, is asked for again."""
    is_asked = any(gap.first <= seen.run.first < gap.end for gap in gaps)
    return seen._replace(why_not="between_gaps") if is_asked and not seen.why_not else seen


def _alike(one: Seen, other: Seen) -> bool:
    """Neighbours, cut from one fetch, to live as long and as good."""
    ours, theirs = one.kept, other.kept
    is_one_fetch = (ours.began_ms, ours.ended_ms) == (theirs.began_ms, theirs.ended_ms)
    is_as_good = one[2:] == other[2:] and ours.expires_ms == theirs.expires_ms
    return one.run.end == other.run.first and is_one_fetch and is_as_good
