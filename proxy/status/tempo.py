"""How fast queries come and are answered: rates, quantiles, and the curves of the last five minutes."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING

from proxy.status.rates import Rates as Growth
from proxy.status.rates import total
from proxy.status.snapshot import Moment, Rates
from proxy.telemetry.metrics import DURATION_BOUNDS, STEPS, UPSTREAM_ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxy.status.lag import Lag
    from proxy.status.snapshot import MemoryInFlight, Queue
    from proxy.telemetry.book import Pace

_MINUTE_MS = 60_000
_CURVE_MS = 300_000
_EVERY_MS = 2_000


class Tempo:
    """Looked at once a second. `pace`: what the process has answered so far."""

    def __init__(self, pace: Callable[[], Pace]) -> None:
        self._pace = pace
        self._growth = Growth()
        self._spreads: deque[tuple[int, list[int]]] = deque(maxlen=2 * _MINUTE_MS // 1000)
        self._moments: deque[Moment] = deque(maxlen=_CURVE_MS // _EVERY_MS)

    def look(self, now_ms: int, lag: Lag) -> Rates:
        """The rates at `now_ms`, on the wall's clock; what the loop did since the last look."""
        per_s = self._growth.per_s
        requested = per_s(total(STEPS, event="requested"), now_ms, "requested")
        hit = per_s(total(STEPS, event="hit"), now_ms, "hit")
        pace = self._pace()
        counts = self._last_minute(now_ms, pace.took)
        return Rates(
            requests_per_s=per_s(pace.requests, now_ms, "requests"),
            errors_per_s=per_s(pace.errors, now_ms, "errors"),
            upstream_per_s=per_s(total(UPSTREAM_ATTEMPTS), now_ms, "upstream"),
            median_ms=quantile_ms(counts, 0.5),
            p99_ms=quantile_ms(counts, 0.99),
            hit_share=hit / requested if requested else None,
            loop_lag_ms=lag.worst_ms,
            loop_busy=lag.busy,
        )

    def _last_minute(self, now_ms: int, now: list[int]) -> list[int]:
        """How many requests fell into each bucket."""
        self._spreads.append((now_ms, now))
        while len(self._spreads) > 1 and self._spreads[1][0] <= now_ms - _MINUTE_MS:
            self._spreads.popleft()
        before = self._spreads[0][1]
        return [count - earlier for count, earlier in zip(now, before, strict=True)]

    def curve(
        self, now_ms: int, rates: Rates, queue: Queue, memory: MemoryInFlight
    ) -> tuple[Moment, ...]:
        """The last five minutes, a point every two seconds, up to now."""
        if not self._moments or now_ms - self._moments[-1].at_ms >= _EVERY_MS:
            self._moments.append(
                Moment(
                    now_ms,
                    rates.requests_per_s,
                    rates.errors_per_s,
                    rates.p99_ms,
                    rates.hit_share,
                    queue.waiting,
                    memory.held_bytes / memory.most_bytes if memory.most_bytes else 0.0,
                )
            )
        return tuple(self._moments)


def quantile_ms(counts: Sequence[int], share: float) -> float | None:
    """As Prometheus's `histogram_quantile`: evenly spread within a bucket; None of no requests.

    counts: by bucket, of `DURATION_BOUNDS` and one for what is above.
    """
    rank = share * sum(counts)
    if not rank:
        return None
    for (low_s, high_s), count in zip(pairwise((0.0, *DURATION_BOUNDS)), counts, strict=False):
        if rank <= count:
            return (low_s + (high_s - low_s) * rank / count) * 1000
        rank -= count
    return DURATION_BOUNDS[-1] * 1000
