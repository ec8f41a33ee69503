"""Replicas of a counter folded into one, each raised where Thanos would see it fall behind.

`counterErrAdjustSeriesIterator` (Thanos `pkg/dedup/iter.go`): whenever the penalty algorithm turns to
the other replica, both are raised, for good, to at least the value taken last. Which samples are
taken depends on times alone, so only the moments of turning are looked at, not the samples between.

Three replicas are folded as the fold of the first two with the third: then raising a fold raises
the replicas in it, where they stand at that moment. That is what `_Fold` follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from proxy.merge.penalty import Run, pick_runs, row_of_other, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class CounterReplica:
    """times_ms: int64, increasing. totals: float64, without resets. is_float: False: a histogram."""

    times_ms: NDArray[np.int64]
    totals: NDArray[np.float64]
    is_float: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Span:
    """Neighbouring samples of one replica, raised alike."""

    replica: int
    start: int
    end: int
    raised: float


class _Leaf:
    """A replica, the sample at which it stands, and how far it is raised."""

    def __init__(self, number: int, replica: CounterReplica) -> None:
        self.times_ms = replica.times_ms
        self._number = number
        self._replica = replica
        self._at = 0
        self._raised = 0.0

    def seek(self, row: int) -> None:
        self._at = row

    def value(self) -> float | None:
        """Its current value; None for a histogram and when it is at its end."""
        if self._at == len(self.times_ms) or not self._replica.is_float[self._at]:
            return None
        return float(self._replica.totals[self._at]) + self._raised

    def raise_to(self, last: float) -> None:
        value = self.value()
        if value is not None and last > value:
            self._raised += last - value

    def read(self, start: int, end: int) -> list[_Span]:
        self._at = end - 1
        return [_Span(self._number, start, end, self._raised)]


class _Fold:
    """Two replicas, of which the first may be a fold itself, and the sample at which it stands."""

    def __init__(self, first: _Leaf | _Fold, second: _Leaf) -> None:
        self._sides: tuple[_Leaf | _Fold, _Leaf] = first, second
        self._runs = pick_runs(first.times_ms, second.times_ms)
        both_ms = np.concatenate([first.times_ms, second.times_ms])
        self.times_ms: NDArray[np.int64] = both_ms[rows_of(self._runs, len(first.times_ms))]
        self._starts = [0]
        for run in self._runs:
            self._starts.append(self._starts[-1] + run.end - run.start)
        self._at = 0
        self._entered = -1
        self._enter_next()

    def seek(self, row: int) -> None:
        """Go on to a sample, its length for the end, turning from replica to replica on the way."""
        while self._entered + 1 < len(self._runs) and self._starts[self._entered + 1] <= row:
            self._enter_next()
        self._at = row

    def value(self) -> float | None:
        if self._at == len(self.times_ms):
            return None
        run, row = self._place()
        side = self._sides[run.is_second]
        side.seek(row)
        return side.value()

    def raise_to(self, last: float) -> None:
        if self.value() is None:
            return
        run, row = self._place()
        side, other = self._sides[run.is_second], self._sides[not run.is_second]
        other.seek(row_of_other(side.times_ms, other.times_ms, run, row))
        self._raise_both(last)

    def read(self, start: int, end: int) -> list[_Span]:
        """The samples from one to another (exclusive), as raised when they are taken."""
        spans = []
        while start < end:
            self.seek(start)
            run, row = self._place()
            upto = min(end, self._starts[self._entered + 1])
            spans += self._sides[run.is_second].read(row, row + upto - start)
            start = upto
        self._at = end - 1
        return spans

    def _place(self) -> tuple[Run, int]:
        """The run in which it stands, and the row there."""
        run = self._runs[self._entered]
        return run, run.start + self._at - self._starts[self._entered]

    def _enter_next(self) -> None:
        """Turn to the replica of the next run. Thanos begins as if it stood at the first one."""
        last = self._value_before()
        self._entered += 1
        if self._entered == len(self._runs):
            return
        run = self._runs[self._entered]
        self._sides[run.is_second].seek(run.start)
        self._sides[not run.is_second].seek(run.other)
        is_turn = self._entered > 0 or run.is_second
        if is_turn and last is not None:
            self._raise_both(last)

    def _value_before(self) -> float | None:
        """The value taken last, before the next run."""
        if self._entered < 0:
            return self._sides[0].value()
        run = self._runs[self._entered]
        side = self._sides[run.is_second]
        side.seek(run.end - 1)
        return side.value()

    def _raise_both(self, last: float) -> None:
        for side in self._sides:
            side.raise_to(last)


def fold_counters(
    replicas: Sequence[CounterReplica],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Fold at least one replica as Thanos does for `rate`, `increase`, `irate` and `resets`.

    Returns:
        int64, the samples taken, as rows of all replicas laid back to back, in order of time; and
        float64, by how much each is raised.
    """
    tree: _Leaf | _Fold = _Leaf(0, replicas[0])
    for number, replica in enumerate(replicas[1:], start=1):
        tree = _Fold(tree, _Leaf(number, replica))
    spans = tree.read(0, len(tree.times_ms)) if len(tree.times_ms) else []
    bases = np.cumsum([0, *(len(replica.times_ms) for replica in replicas)]).tolist()
    rows = [
        np.arange(bases[span.replica] + span.start, bases[span.replica] + span.end) for span in spans
    ]
    raised = np.repeat([span.raised for span in spans], [span.end - span.start for span in spans])
    return np.concatenate([np.zeros(0, np.int64), *rows]), raised
