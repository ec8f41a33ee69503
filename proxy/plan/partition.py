"""A grid minus what is held of it: hits and gaps. Steps are counted from the grid's own start."""

from __future__ import annotations

import itertools
from typing import NamedTuple

MOST_GAPS = 8
"""A request with more gaps than this asks for some held steps again instead."""


class Run(NamedTuple):
    """The steps `first` to `end` (exclusive)."""

    first: int
    end: int

    @property
    def steps(self) -> int:
        return self.end - self.first


def gaps_between(steps: int, held: list[Run]) -> list[Run]:
    """What `held` (sorted, without overlap) leaves of the steps 0 to `steps`."""
    gaps: list[Run] = []
    at = 0
    for run in held:
        if run.first > at:
            gaps.append(Run(at, run.first))
        at = run.end
    if at < steps:
        gaps.append(Run(at, steps))
    return gaps


def coalesced(gaps: list[Run], most: int = MOST_GAPS) -> list[Run]:
    """At most `most` gaps: those with the fewest held steps between them become one."""
    gaps = list(gaps)
    while len(gaps) > most:
        distances = [after.first - gap.end for gap, after in itertools.pairwise(gaps)]
        at = distances.index(min(distances))
        gaps[at : at + 2] = [Run(gaps[at].first, gaps[at + 1].end)]
    return gaps


def without(runs: list[Run], taken: list[Run]) -> list[Run]:
    """The parts of `runs` that lie outside of all of `taken` (both sorted, without overlap)."""
    left: list[Run] = []
    for run in runs:
        at = run.first
        for other in taken:
            if other.end <= at or other.first >= run.end:
                continue
            if other.first > at:
                left.append(Run(at, other.first))
            at = max(at, other.end)
        if at < run.end:
            left.append(Run(at, run.end))
    return left
