"""Simulated time: it stands still but for `advance`, and remembers where it stood."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

SECOND_MS, MINUTE_MS, HOUR_MS = 1_000, 60_000, 3_600_000
DAY_MS = 24 * HOUR_MS

START_MS = 19_700 * DAY_MS + 4 * HOUR_MS
MAX_SKEW_MS = 15 * SECOND_MS
_REMEMBERED_MS = 25 * HOUR_MS


@dataclass(slots=True)
class SoakClock:
    """Implements `proxy.engine.ports.Clock`.

    skew_ms: how far the proxy's wall clock is ahead of the world's.
    stood: the moments at which time stood still, the last day's. A request that was answered at one
    of them can have ended later only if time was moved on under it: `ends` has those.
    """

    now_ms: int = START_MS
    skew_ms: int = 0
    stood: list[int] = field(default_factory=lambda: [START_MS])
    ends: dict[int, int] = field(default_factory=dict)

    def wall_ms(self) -> int:
        return self.now_ms + self.skew_ms

    def monotonic_ms(self) -> int:
        return self.now_ms

    def advance(self, by_ms: int, while_asked: bool = False) -> None:
        """Move on. while_asked: requests are under way, and may end only after this."""
        before_ms = self.now_ms
        self.now_ms += by_ms
        self.stood.append(self.now_ms)
        if while_asked:
            self.ends[before_ms] = self.now_ms
        oldest_ms = self.now_ms - _REMEMBERED_MS
        while self.stood[0] < oldest_ms:
            self.ends.pop(self.stood.pop(0), None)

    def ended_ms(self, moment_ms: int) -> int:
        """The latest time at which something asked at a moment can have been answered."""
        return self.ends.get(moment_ms, moment_ms)

    def last_before(self, time_ms: int) -> int | None:
        """The last moment before a time; None when it is forgotten."""
        at = bisect_left(self.stood, time_ms)
        return self.stood[at - 1] if at else None

    def since(self, time_ms: int) -> list[int]:
        """The moments at or after a time, the newest first."""
        return self.stood[bisect_left(self.stood, time_ms) :][::-1]
