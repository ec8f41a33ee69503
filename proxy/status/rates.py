"""How fast counters grow, over the last seconds. Pure but for the reading of a metric."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Counter

_OVER_MS = 10_000
_MOST_POINTS = 128
_LEAST_MS = 1_000
"""What happened in a shorter time is not multiplied up to a second."""


class Rate:
    """Of one counter, by what it has shown within the last ten seconds (`over_ms`)."""

    __slots__ = ("_over_ms", "_points")

    def __init__(self, over_ms: int = _OVER_MS) -> None:
        self._over_ms = over_ms
        self._points: deque[tuple[int, float]] = deque(maxlen=_MOST_POINTS)

    def per_s(self, total: float, now_ms: int) -> float:
        """It shows `total` now. A counter that has begun anew says nothing for once."""
        points = self._points
        if points and (total < points[-1][1] or now_ms < points[-1][0]):
            points.clear()
        points.append((now_ms, total))
        while len(points) > 1 and points[1][0] <= now_ms - self._over_ms:
            points.popleft()
        began_ms, before = points[0]
        return (total - before) * 1000 / max(now_ms - began_ms, _LEAST_MS)


class Rates:
    """Of many counters, by name. They are made on first use; names are few.

    scale: of the time that they look back, for tests.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self._over_ms = round(_OVER_MS * scale)
        self._rates: dict[tuple[str, ...], Rate] = {}

    def per_s(self, total: float, now_ms: int, *name: str) -> float:
        """How fast this one grows."""
        return self._rates.setdefault(name, Rate(self._over_ms)).per_s(total, now_ms)


def total(counter: Counter, **labels: str) -> float:
    """What this process has counted; of a counter with labels the sum of those that fit."""
    return sum(
        sample.value
        for family in counter.collect()
        for sample in family.samples
        if sample.name.endswith("_total") and labels.items() <= sample.labels.items()
    )
