"""How long questions take, by kind. Pure.

A query over a day of a thousand series takes longer than a small one at a healthy address too. So
times are compared with those of questions that are alike.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

_REMEMBERED = 40
_LEAST = 5
"""With fewer times of a kind nothing is said of it."""
_PERCENTILE = 0.95


class Latencies:
    """The last times of each kind of question; the kinds asked least recently are forgotten."""

    def __init__(self, most_kinds: int = 1_000) -> None:
        self._most_kinds = most_kinds
        self._times: OrderedDict[int, deque[float]] = OrderedDict()
        """By the hash of the kind, which may be as long as a query."""

    def add(self, kind: Hashable, took_ms: float) -> None:
        key = hash(kind)
        times = self._times.get(key)
        if times is None:
            times = self._times[key] = deque(maxlen=_REMEMBERED)
            if len(self._times) > self._most_kinds:
                self._times.popitem(last=False)
        else:
            self._times.move_to_end(key)
        times.append(took_ms)

    def typical_ms(self, kind: Hashable) -> float | None:
        """The median; None when too little is known."""
        return self._quantile(kind, 0.5)

    def slow_ms(self, kind: Hashable) -> float | None:
        """The 95th percentile; None when too little is known."""
        return self._quantile(kind, _PERCENTILE)

    def _quantile(self, kind: Hashable, share: float) -> float | None:
        times = self._times.get(hash(kind))
        if times is None or len(times) < _LEAST:
            return None
        return sorted(times)[min(int(len(times) * share), len(times) - 1)]
