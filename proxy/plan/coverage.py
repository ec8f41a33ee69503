"""Which times of an expression are held, as rows of runs. Pure.

A row is for one step, one phase, one caller and one choice of the other parameters.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.plan.holes import Trust
from proxy.plan.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from proxy.model.extent import AnyPiece, Kept
    from proxy.model.query import Form
    from proxy.plan.holes import StoreWatch

_ALIKE_MS = 60_000
"""Neighbours whose lives end further apart are told apart."""


@dataclass(frozen=True, slots=True)
class CoveredRun:
    """from_ms, to_ms: of the first and the last step. expires_in_ms: 0 when its life is over.

    state: "serves"; "pending" (not confirmed by a look at the stores); "in_doubt" (a store is away);
    "expired" (its life is over, or a store is back that was away: it is asked for again).
    """

    from_ms: int
    to_ms: int
    expires_in_ms: int
    state: str


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """caller: which of the headers that answers vary by it has sent, and a mark of their values.

    parameters: of values that may be secrets, marks.
    """

    step_ms: int
    phase_ms: int
    caller: str
    is_own: bool
    parameters: Form
    runs: tuple[CoveredRun, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """whole: why nothing of such a query is ever kept, or "". …_left_out: what was too much."""

    start_ms: int
    end_ms: int
    expression: str = ""
    whole: str = ""
    rows: tuple[CoverageRow, ...] = ()
    rows_left_out: int = 0
    runs_left_out: int = 0


def covered_runs(
    held: Iterable[Kept[AnyPiece]], times: tuple[int, int], watch: StoreWatch, now_ms: int
) -> list[CoveredRun]:
    """What is held between two times (both included), in order; neighbours that are alike are one.

    now_ms: on the monotonic clock.
    """
    runs: list[CoveredRun] = []
    for kept in sorted(held, key=lambda one: one.first_index):
        for run in _inside(kept, times, watch, now_ms):
            is_more = runs and _alike(runs[-1], run, kept.piece.grid.step_ms)
            runs.append(_joined(runs.pop(), run) if is_more else run)
    return runs


def cut(coverage: Coverage, most_rows: int, most_runs: int) -> Coverage:
    """The first rows, with so many runs altogether; the last row may have lost some of its own."""
    rows: list[CoverageRow] = []
    room = most_runs
    for row in coverage.rows[:most_rows]:
        if room > 0:
            rows.append(dataclasses.replace(row, runs=row.runs[:room]))
            room -= len(rows[-1].runs)
    shown = sum(len(row.runs) for row in rows)
    return dataclasses.replace(
        coverage,
        rows=tuple(rows),
        rows_left_out=len(coverage.rows) - len(rows),
        runs_left_out=sum(len(row.runs) for row in coverage.rows) - shown,
    )


def _inside(
    kept: Kept[AnyPiece], times: tuple[int, int], watch: StoreWatch, now_ms: int
) -> Iterator[CoveredRun]:
    grid, (start_ms, end_ms) = kept.piece.grid, times
    first, end = grid.steps_before(start_ms), grid.steps_before(end_ms + 1)
    if first < end:
        part = grid.sliced(first, end)
        expires_in_ms = max(kept.expires_ms - now_ms, 0)
        yield CoveredRun(part.start_ms, part.last_ms, expires_in_ms, _state(kept, watch, now_ms))


def _state(kept: Kept[AnyPiece], watch: StoreWatch, now_ms: int) -> str:
    _, why_not = serving(kept, watch, now_ms)
    if why_not in {"expired", "lost"}:
        return "expired"
    trust = watch.trust(kept.began_ms, kept.ended_ms, kept.reads)
    return "serves" if trust is Trust.CONFIRMED else trust.name.lower()


def _joined(one: CoveredRun, other: CoveredRun) -> CoveredRun:
    expires_in_ms = min(one.expires_in_ms, other.expires_in_ms)
    return dataclasses.replace(one, to_ms=other.to_ms, expires_in_ms=expires_in_ms)


def _alike(one: CoveredRun, other: CoveredRun, step_ms: int) -> bool:
    is_next = other.from_ms == one.to_ms + step_ms
    is_as_long = abs(one.expires_in_ms - other.expires_in_ms) < _ALIKE_MS
    return is_next and is_as_long and one.state == other.state
