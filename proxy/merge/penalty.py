"""Which samples of two replicas Thanos's penalty algorithm takes; only times decide.

The rules are those of `dedupSeriesIterator` (Thanos `pkg/dedup/iter.go`), read from the start by
`Next`: the earlier of both replicas' samples is taken, the first replica's when they are equal.
The replica that was not taken is then skipped ahead to more than twice the distance of the last
two samples taken (5 s after the first), so that a replica is only left at a gap of its own.

So a replica surely goes on as long as its distances do not double. numpy finds the places where
they do; only those are looked at one by one. Times whose every other distance doubles cost a turn
of a Python loop for each such place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

INITIAL_PENALTY_MS = 5000
"""`initialPenalty`: how far the other replica is skipped when no distance is known yet."""

_LATEST_MS = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring samples of one replica that are taken together.

    is_second: which replica. start, end: its rows, `end` is exclusive. other: the row at which the
    other replica stood when the first of them was taken (its length: it had come to its end).
    previous_ms: the time of the sample taken before; None for the first run.
    """

    is_second: bool
    start: int
    end: int
    other: int
    previous_ms: int | None


class _Side:
    """One replica's times; what each sample, taken after its neighbour, makes the other skip.

    resume_ms[k]: where the other may go on when sample k is taken after sample k - 1. doubts: the
    rows k after which the other may have to be looked at, since sample k + 1 is not before that.
    """

    __slots__ = ("doubts", "resume_ms", "times_ms")

    def __init__(self, times_ms: NDArray[np.int64]) -> None:
        self.times_ms = times_ms
        self.resume_ms = times_ms + 1
        self.resume_ms[1:] += 2 * np.diff(times_ms)
        self.doubts = np.flatnonzero(times_ms[2:] >= self.resume_ms[1:-1]) + 1


def pick(first_ms: NDArray[np.int64], second_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """The samples that are taken, in order of time.

    first_ms, second_ms: int64, strictly increasing Unix milliseconds; any of them may be empty.

    Returns:
        int64: rows of both replicas laid back to back, those of the second counted from the
        length of the first.
    """
    return rows_of(pick_runs(first_ms, second_ms), len(first_ms))


def rows_of(runs: Sequence[Run], first_length: int) -> NDArray[np.int64]:
    """What `pick` returns, from its runs."""
    bases = (0, first_length)
    spans = [
        np.arange(bases[run.is_second] + run.start, bases[run.is_second] + run.end) for run in runs
    ]
    return np.concatenate(spans) if spans else np.zeros(0, np.int64)


def pick_runs(first_ms: NDArray[np.int64], second_ms: NDArray[np.int64]) -> list[Run]:
    """As `pick`, as runs: each ends where the other replica is turned to, or with its replica."""
    sides = _Side(first_ms), _Side(second_ms)
    at = [0, 0]
    taken = not len(first_ms) or (len(second_ms) > 0 and bool(second_ms[0] < first_ms[0]))
    previous_ms: int | None = None
    runs: list[Run] = []
    while at[taken] < len(sides[taken].times_ms):
        run = Run(taken, at[taken], 0, at[not taken], previous_ms)
        end, other = _extent(sides[taken], sides[not taken].times_ms, run)
        runs.append(Run(taken, run.start, end, run.other, previous_ms))
        previous_ms = int(sides[taken].times_ms[end - 1])
        at[taken], at[not taken] = end, other
        taken = not taken
    return runs


def row_of_other(side_ms: NDArray[np.int64], other_ms: NDArray[np.int64], run: Run, row: int) -> int:
    """Where the other replica stands when sample `row` of a run is taken (its length: at its end)."""
    if row == run.start:
        return run.other
    taken_ms = side_ms[run.start : row]
    later_ms = taken_ms[1:] + 1 + 2 * np.diff(taken_ms)
    resume_ms = later_ms.max(initial=_first_resume_ms(side_ms, run))
    return _row_from(other_ms, int(resume_ms))


def _extent(side: _Side, other_ms: NDArray[np.int64], run: Run) -> tuple[int, int]:
    """Where a run ends, and the row of the other replica that follows; their lengths at their ends."""
    length = len(side.times_ms)
    row, other = run.start, run.other
    resume_ms = _first_resume_ms(side.times_ms, run)
    doubt = int(side.doubts.searchsorted(row + 1))
    while other < len(other_ms):
        other = max(other, _row_from(other_ms, resume_ms))
        if row + 1 == length or other == len(other_ms):
            break
        # The first replica is taken when both have the same time.
        if int(other_ms[other]) < int(side.times_ms[row + 1]) + run.is_second:
            return row + 1, other
        upto = int(side.doubts[doubt]) if doubt < len(side.doubts) else length - 1
        resume_ms = int(side.resume_ms[row + 1 : upto + 1].max())
        row, doubt = upto, doubt + 1
    return length, other


def _first_resume_ms(side_ms: NDArray[np.int64], run: Run) -> int:
    """Where the other replica may go on once the first sample of a run is taken."""
    time_ms = int(side_ms[run.start])
    if run.previous_ms is None:
        return time_ms + 1 + INITIAL_PENALTY_MS
    return time_ms + 1 + 2 * (time_ms - run.previous_ms)


def _row_from(times_ms: NDArray[np.int64], time_ms: int) -> int:
    return int(times_ms.searchsorted(min(time_ms, _LATEST_MS)))
