"""For how long something has been wrong: a blip is not told, what comes and goes is told once. Pure."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.status.findings import find, in_order

if TYPE_CHECKING:
    from proxy.status.snapshot import Finding, Snapshot

_AT_ONCE_MS, _SOON_MS, _LATER_MS = 0, 2_000, 4_000
PATIENCE_MS = {
    "all_upstreams_dead": 1_000,
    "queue_stuck": _AT_ONCE_MS,
    "query_of_death": _AT_ONCE_MS,
    "store_lost": _AT_ONCE_MS,
    "upstream_dead": _AT_ONCE_MS,
    "clock_skew": _AT_ONCE_MS,
    "bad_reload": _AT_ONCE_MS,
    "stores_unseen": _AT_ONCE_MS,
    "queue_long": _LATER_MS,
    "dns_failing": _LATER_MS,
    "slow": _LATER_MS,
}
"""For how long a fault must be seen before it is told; others: `_SOON_MS`."""
HOLD_MS = 15_000
"""For how long it is told after it was seen last."""
_SHORT_HOLD_MS = 3_000
_TELLS_ITS_END = {"bad_reload", "store_lost", "clock_skew", "queue_stuck"}
"""Seen for as long as they last, without pause: their end is one."""
_GAP_MS = 3_000
"""What was not seen for longer than this before it was told begins anew."""
_MOST_WATCHED = 200


@dataclass(slots=True)
class _Watched:
    finding: Finding
    first_ms: int
    last_ms: int
    is_told: bool = False


class Watchman:
    """Remembers what was found, in order to say since when. `scale`: of all its times, for tests."""

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale
        self._watched: dict[tuple[str, str], _Watched] = {}

    def look(self, now: Snapshot) -> tuple[Finding, ...]:
        """What is to be told at `now.at_ms`, worst first."""
        for finding in find(now):
            self._see(finding, now.at_ms)
        for key, watched in list(self._watched.items()):
            if now.at_ms - watched.last_ms > self._hold_ms(watched) * self._scale:
                del self._watched[key]
        told = [watched for watched in self._watched.values() if watched.is_told]
        return in_order(
            dataclasses.replace(watched.finding, since_ms=watched.first_ms) for watched in told
        )

    def _see(self, finding: Finding, now_ms: int) -> None:
        key = (finding.fault, finding.subject)
        watched = self._watched.get(key)
        if watched is None:
            if len(self._watched) >= _MOST_WATCHED:
                return
            watched = self._watched[key] = _Watched(finding, now_ms, now_ms)
        watched.finding, watched.last_ms = finding, now_ms
        patience_ms = PATIENCE_MS.get(finding.fault, _SOON_MS) * self._scale
        watched.is_told = watched.is_told or now_ms - watched.first_ms >= patience_ms

    @staticmethod
    def _hold_ms(watched: _Watched) -> int:
        if not watched.is_told:
            return _GAP_MS
        return _SHORT_HOLD_MS if watched.finding.fault in _TELLS_ITS_END else HOLD_MS
