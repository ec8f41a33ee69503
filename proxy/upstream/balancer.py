"""Which address is asked: of two drawn at random the one that is less busy and less slow. Pure.

Two random choices come close to the best one, without everybody running to the same place (M.
Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.plan.breaker import Breaker, BreakerPolicy, State
from proxy.upstream.signs import Signs

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from proxy.upstream.addresses import Endpoint

_FORGETS_MS = 10_000
"""In this time an old opinion of an address loses most of its weight."""
_NEW_OPINION = 0.3
"""The weight of the newest time against all that came before."""
_TINY = 1e-9
_MOST = math.log(100)
"""No more than a hundred times as slow, or as fast, as others."""


@dataclass(eq=False, slots=True)
class Candidate:
    """An address, what it is doing, and what is thought of it.

    slowness: how long it takes, in times of what questions of the kind typically take.
    """

    endpoint: Endpoint
    breaker: Breaker = field(default_factory=lambda: Breaker(BreakerPolicy()))
    in_flight: int = 0
    started: str = ""
    """When its process says that it began; "" where it does not say."""
    signs: Signs = field(default_factory=Signs)
    has_listed_stores: bool = False
    _slow_log: float = 0.0
    _judged_ms: int = 0

    def judge(self, ratio: float, now_ms: int) -> None:
        """A question has taken `ratio` times as long as such questions do.

        The mean is that of logarithms: once a thousand times as slow is no reason for a long exile.
        """
        current = self._log(now_ms)
        newest = max(-_MOST, min(math.log(max(ratio, _TINY)), _MOST))
        self.signs.judged(ratio, now_ms)
        self._slow_log = current + (newest - current) * _NEW_OPINION
        self._judged_ms = now_ms

    def slowness(self, now_ms: int) -> float:
        """Fades to 1 where nothing is asked, so that a slow address is tried again."""
        return math.exp(self._log(now_ms))

    def _log(self, now_ms: int) -> float:
        return self._slow_log * math.exp((self._judged_ms - now_ms) / _FORGETS_MS)

    def cost(self, now_ms: int) -> float:
        return (self.in_flight + 1) * self.slowness(now_ms) / self.breaker.weight(now_ms)


def pick(
    candidates: Sequence[Candidate], tried: Sequence[Candidate], now_ms: int, chance: random.Random
) -> Candidate:
    """The address for a question that was asked of `tried` before.

    One that was not tried and may work; else any that may; when none may, all are as good but those
    that say that they are not ready.
    Raises IndexError without candidates.
    """
    able = [one for one in candidates if one.breaker.allows(now_ms)]
    fresh = [one for one in able if one not in tried]
    hopeful = [one for one in candidates if not one.breaker.is_last_resort]
    choice = (
        fresh or able or [one for one in hopeful if one not in tried] or hopeful or list(candidates)
    )
    if len(choice) == 1:
        return choice[0]
    one, other = chance.sample(choice, 2)
    return min(one, other, key=lambda candidate: candidate.cost(now_ms))


def in_rotation(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that are given work; all of them, when none is."""
    working = [one for one in candidates if one.breaker.state is not State.OPEN]
    return working or list(candidates)
