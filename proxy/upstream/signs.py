"""What an address shows to those who watch: latency, failures, how far its clock is off. Pure.

Nothing here decides who is asked; `balancer` and `plan.breaker` do, by what they are told themselves.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from email.utils import parsedate_to_datetime

from proxy.errors import QueryError, QueryTimeoutError, UpstreamRefusedError, UpstreamUnreachableError

OVERTAKEN = "overtaken"
NOT_READY = "not_ready"
_NEW_TIME = 0.2
"""The weight of the newest time against all that came before."""
_FORGOTTEN_MS = 60_000
_TINY = 1e-9
_ERROR_LASTS_MS = 30_000
_LONGEST_TEXT = 300
_NEW_RATIO = 0.3
_MOST_RATIO = math.log(8)
"""No answer says more than this: only three late ones in a row make an address three times as slow."""
_COMPARED_MS = 30_000
_REMEMBERED_DATES = 8
_RESOLUTION_MS = 1000


class Skew:
    """How far a clock is ahead of ours, by `Date` headers, which know whole seconds only.

    Each says that the other's time was within one second at some moment between question and answer.
    What the last ones say together is narrower; where they contradict each other, the newest counts.
    """

    __slots__ = ("_bounds",)

    def __init__(self) -> None:
        self._bounds: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED_DATES)

    def note(self, date: str, sent_ms: int, received_ms: int) -> None:
        """A `Date` header of an answer; one that cannot be read says nothing."""
        try:
            told_ms = round(parsedate_to_datetime(date).timestamp() * 1000)
        except (ValueError, TypeError, OverflowError):
            return
        low, high = told_ms - received_ms, told_ms + _RESOLUTION_MS - sent_ms
        if any(high < other_low or other_high < low for other_low, other_high in self._bounds):
            self._bounds.clear()
        self._bounds.append((low, high))

    @property
    def least_ms(self) -> int | None:
        """What it is ahead at least, negative when it is behind; None when nothing is known."""
        if not self._bounds:
            return None
        low = max(low for low, _ in self._bounds)
        high = min(high for _, high in self._bounds)
        return low if low > 0 else min(high, 0)


class Signs:
    """Of one address."""

    __slots__ = (
        "_error_ms", "_judged_ms", "_latency_ms", "_slow_log", "_timed_ms",
        "failures", "last_error", "last_reason", "skew",
    )  # fmt: skip

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        self.last_error = ""
        self.last_reason = ""
        self.skew = Skew()
        self._error_ms = 0
        self._latency_ms: float | None = None
        self._timed_ms = 0
        self._slow_log = 0.0
        self._judged_ms = 0

    def took(self, took_ms: float, now_ms: int) -> None:
        """A question was answered well."""
        before_ms = self.latency_ms(now_ms)
        known_ms = took_ms if before_ms is None else before_ms
        self._latency_ms = known_ms + (took_ms - known_ms) * _NEW_TIME
        self._timed_ms = now_ms

    def latency_ms(self, now_ms: int) -> float | None:
        """The mean of late; None when nothing was answered for a while."""
        return self._latency_ms if now_ms - self._timed_ms < _FORGOTTEN_MS else None

    def judged(self, ratio: float, now_ms: int) -> None:
        """An answer took `ratio` times as long as such questions do."""
        before = math.log(self.slowness(now_ms))
        newest = max(-_MOST_RATIO, min(math.log(max(ratio, _TINY)), _MOST_RATIO))
        self._slow_log = before + (newest - before) * _NEW_RATIO
        self._judged_ms = now_ms

    def slowness(self, now_ms: int) -> float:
        """At least, of late. Unlike `Candidate.slowness` it does not fade, it is forgotten."""
        return math.exp(self._slow_log) if now_ms - self._judged_ms < _COMPARED_MS else 1.0

    def failed(self, reason: str, text: str, now_ms: int) -> None:
        """A question was not answered well. Not being ready is told often: it hides no error."""
        self.failures[reason] += 1
        is_news = reason != NOT_READY or self.last_reason == NOT_READY
        if is_news or now_ms - self._error_ms > _ERROR_LASTS_MS:
            self.last_reason, self.last_error = reason, text[:_LONGEST_TEXT]
            self._error_ms = now_ms


def reason_of(error: QueryError | None) -> str:
    """A failure's reason, one of few."""
    match error:
        case UpstreamRefusedError():
            return "refused"
        case UpstreamUnreachableError():
            return "broke_off"
        case QueryTimeoutError():
            return "timeout"
        case _:
            return "bad_answer"
