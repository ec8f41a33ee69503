"""When every request is to be sent, decided before the first one is: open-loop arrivals.

A user who waits for a slow answer does not ask less, and one slow answer does not keep others from
asking. So the times come from here alone. They are drawn from a seed: the same options give the
same requests at the same times, whatever they are sent to.
"""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.load.workload import Workload

LEAST_TURN_MS = 100.0


class Arrival(NamedTuple):
    """One request: milliseconds after the start, who asks, and the question's index."""

    at_ms: float
    user: int
    question: int


def user_phases(users: int, turn_ms: float, seed: int) -> list[float]:
    """Where in the turn each user stands at the start; the first one at its beginning."""
    phases: list[float] = np.random.default_rng(seed).uniform(0.0, turn_ms, users).tolist()
    return [0.0, *phases[1:]]


def arrivals(workload: Workload, users: int, seed: int, duration_ms: float) -> Iterator[Arrival]:
    """All requests of a run, in the order of their times."""
    phases = user_phases(users, workload.turn_ms, seed)
    asked = [_of_one(workload, user, phase) for user, phase in enumerate(phases)]
    return itertools.takewhile(lambda arrival: arrival.at_ms < duration_ms, heapq.merge(*asked))


def _of_one(workload: Workload, user: int, phase_ms: float) -> Iterator[Arrival]:
    """A user's endless turns, entered at the phase."""
    offsets = workload.offsets_ms
    first = bisect_left(offsets, phase_ms)
    for count in itertools.count(first):
        turn, question = divmod(count, len(offsets))
        at_ms = turn * workload.turn_ms + offsets[question] - phase_ms
        yield Arrival(at_ms, user, question)


def expected_requests(workload: Workload, users: int, duration_ms: float) -> int:
    """About how many requests that will be."""
    return round(users * len(workload.offsets_ms) * duration_ms / workload.turn_ms)
