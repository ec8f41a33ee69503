"""How many requests may be asked twice, so that a storm of failures does not multiply itself. Pure.

Every request puts a share of a token in; a retry or a hedge takes a whole one out. A little trickles
in by itself, so that a quiet proxy may retry too.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """share: of the requests that may be asked twice. burst: the most that is saved up."""

    share: float = 0.2
    burst: float = 20.0
    per_second: float = 1.0


class RetryBudget:
    """Tokens, shared by all requests to an upstream."""

    def __init__(self, policy: BudgetPolicy) -> None:
        self._policy = policy
        self._tokens = policy.burst if policy.share else 0.0
        self._at_ms: int | None = None

    def deposit(self) -> None:
        """A request is asked for the first time."""
        self._tokens = min(self._policy.burst, self._tokens + self._policy.share)

    def give_back(self, retries: int) -> None:
        """Retries have helped: what ends well is no storm."""
        if retries:
            self._tokens = min(self._policy.burst, self._tokens + retries)

    def take(self, now_ms: int) -> bool:
        """Whether one more may be sent; it is counted then."""
        since_ms = now_ms - self._at_ms if self._at_ms is not None else 0
        self._at_ms = now_ms
        if self._policy.share:
            more = since_ms / 1000 * self._policy.per_second
            self._tokens = min(self._policy.burst, self._tokens + more)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
