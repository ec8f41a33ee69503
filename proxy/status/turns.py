"""Who has had the upstream's time in the last minute, and whether turns are given at all. Pure.

Looked at once a second: who holds a turn then has held it for that second, give or take, and no request
pays for the reckoning.
"""

from __future__ import annotations

from collections import Counter, deque

_LATELY_MS = 60_000
_MOST_LOOKS = 600
_MOST_TENANTS = 20


class TurnShares:
    """Shares of the turns by tenant."""

    def __init__(self) -> None:
        self._looks: deque[tuple[int, Counter[str]]] = deque(maxlen=_MOST_LOOKS)

    def look(self, running: dict[str, int], now_ms: int) -> dict[str, float]:
        """So many of each tenant's requests run now; what share each has had of late."""
        self._looks.append((now_ms, Counter(dict(Counter(running).most_common(_MOST_TENANTS)))))
        while self._looks[0][0] <= now_ms - _LATELY_MS:
            self._looks.popleft()
        held: Counter[str] = Counter()
        for _, look in self._looks:
            held.update(look)
        total = held.total()
        return {tenant: turns / total for tenant, turns in held.most_common(_MOST_TENANTS) if turns}


class Stuck:
    """For how long nobody was let in although somebody waits."""

    def __init__(self) -> None:
        self._since_ms: int | None = None
        self._let_in = 0

    def look(self, waiting: int, let_in: int, now_ms: int) -> int:
        """`let_in`: how many were, so far."""
        if not waiting or let_in != self._let_in or self._since_ms is None:
            self._let_in = let_in
            self._since_ms = now_ms
        return now_ms - self._since_ms
