"""When nothing is written to a tier for a while, as `set_async_circuit_breaker_config` says. Pure.

It counts as the breaker in Thanos does (`pkg/cacheutil/cacheutil.go`): closed, it counts for ten
seconds and begins anew; of enough writes it opens when so many have failed in a row, or too large a
share has. After a pause it lets some writes through: one that fails opens it again, and when all of
them have gone well it closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from proxy.store.tier_config import WriteBreakerConfig

_COUNTED_MS = 10_000


class AnyBreaker(Protocol):
    """What `plan.breaker.Breaker` is too."""

    def allows(self, now_ms: int) -> bool:
        """Whether something may be tried; asking changes nothing."""
        ...

    def begin(self, now_ms: int) -> None:
        """Something is tried."""
        ...

    def succeed(self, now_ms: int) -> None:
        """It went well."""
        ...

    def fail(self, now_ms: int) -> None:
        """It did not."""
        ...

    def abandon(self) -> None:
        """Nobody has waited for its end."""
        ...


class WriteBreaker:
    """Implements `AnyBreaker`."""

    def __init__(self, config: WriteBreakerConfig) -> None:
        self._config = config
        self._most_trials = max(config.half_open_max_requests, 1)
        self._is_trying = False
        self._open_until_ms: int | None = None
        self._counted_until_ms = 0
        self._begun = self._failures = self._failed_in_a_row = self._succeeded_in_a_row = 0

    def allows(self, now_ms: int) -> bool:
        if self._open_until_ms is not None:
            return now_ms >= self._open_until_ms
        return not self._is_trying or self._begun < self._most_trials

    def begin(self, now_ms: int) -> None:
        if self._open_until_ms is not None:
            self._restart(is_trying=True)
        elif not self._is_trying and now_ms >= self._counted_until_ms:
            self._restart(is_trying=False)
            self._counted_until_ms = now_ms + _COUNTED_MS
        self._begun += 1

    def succeed(self, now_ms: int) -> None:
        self._failed_in_a_row = 0
        self._succeeded_in_a_row += 1
        if self._is_trying and self._succeeded_in_a_row >= self._most_trials:
            self._restart(is_trying=False)
            self._counted_until_ms = now_ms + _COUNTED_MS

    def fail(self, now_ms: int) -> None:
        self._failures += 1
        self._failed_in_a_row += 1
        self._succeeded_in_a_row = 0
        if self._is_trying or self._is_too_much():
            self._restart(is_trying=False)
            self._open_until_ms = now_ms + self._config.open_duration_ms

    def abandon(self) -> None:
        self._begun = max(self._begun - 1, 0)

    def _is_too_much(self) -> bool:
        config = self._config
        return self._begun >= config.min_requests and (
            self._failed_in_a_row >= config.consecutive_failures
            or self._failures >= config.failure_share * self._begun
        )

    def _restart(self, *, is_trying: bool) -> None:
        self._open_until_ms = None
        self._is_trying = is_trying
        self._begun = self._failures = self._failed_in_a_row = self._succeeded_in_a_row = 0
