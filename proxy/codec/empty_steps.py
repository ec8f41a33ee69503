"""Steps at which no series has a point: found in columns, and cut off, since they may live shorter."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from proxy.plan.partition import Run

if TYPE_CHECKING:
    from proxy.codec.pieces import IndexedMatrix
    from proxy.codec.points import PointIndex

Steps = NDArray[np.bool_]

MOST_EMPTY_RUNS = 3
"""A piece with more runs of empty steps than this stays in one: they leave seven parts of an extent,
which is fewer than are joined again."""


class Part(NamedTuple):
    """Some steps of an answer; `has_empty`: no series has a point at all of them, or at some."""

    run: Run
    has_empty: bool


def steps_with_points(indexed: IndexedMatrix) -> Steps:
    """bool[steps]: whether any series has a point there."""
    there = _with_points(indexed.floats, indexed.grid.steps)
    if not there.all():
        there |= _with_points(indexed.histograms, indexed.grid.steps)
    return there


def _with_points(index: PointIndex, steps: int) -> Steps:
    if index.counts.max(initial=0) == steps:
        return np.ones(steps, np.bool_)
    at = index.steps
    if at is None:
        begins = np.bincount(index.first, minlength=steps + 1)
        ends = np.bincount(index.last + 1, minlength=steps + 1)
        filled: Steps = np.cumsum(begins - ends)[:steps] > 0
        return filled
    there = np.zeros(steps, np.bool_)
    there[at] = True
    return there


def cut_at_empty(run: Run, there: Steps, most: int = MOST_EMPTY_RUNS) -> list[Part]:
    """A run of steps, cut where points begin and end; in one, where that would be in too many places.

    there: as `steps_with_points`.
    """
    window = there[run.first : run.end]
    if window.all():
        return [Part(run, has_empty=False)]
    edges = np.flatnonzero(window[1:] != window[:-1]) + 1
    empty_runs = (len(edges) + 1 + (not window[0])) // 2
    if empty_runs > most:
        return [Part(run, has_empty=True)]
    bounds = [run.first, *(edges + run.first).tolist(), run.end]
    return [Part(Run(first, end), has_empty=not there[first]) for first, end in pairwise(bounds)]
