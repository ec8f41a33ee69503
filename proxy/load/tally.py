"""What came of the requests to one target, counted as they end.

A latency runs from the *planned* time to the last byte, also when the request was sent late. It is
counted for answers, and for requests that were given up on: those count as long as they were waited
for. Quick failures are counted by kind and not as latencies: a server that refuses at once would
look fast.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from proxy.load.histogram import Histogram

TIMEOUT, NOT_SENT = "timeout", "not sent"
WAITED_FOR = frozenset((TIMEOUT, NOT_SENT))
LATE_MS = 50.0
MOST_BUCKETS = 240
_MOST_KINDS = 50
"""Kinds of failures and of cache results; what comes after them is counted as one."""
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request's end. Times are milliseconds: planned since the start, took since planned.

    `late_ms` is how long after its time it was sent; `waited` says that it had to wait for another
    to end, because of the bound on requests in flight.
    """

    question: int
    planned_ms: float
    took_ms: float
    late_ms: float = 0.0
    waited: bool = False
    failure: str = ""
    detail: str = ""
    size_bytes: int = 0
    cache: str = ""
    is_empty: bool = False


@dataclass(slots=True)
class Slice:
    """What was planned for one piece of time, or asked by one question."""

    requests: int = 0
    failures: int = 0
    size_bytes: int = 0
    latency: Histogram = field(default_factory=Histogram)

    def add(self, outcome: Outcome) -> None:
        """Count one request."""
        self.requests += 1
        self.failures += bool(outcome.failure)
        self.size_bytes += outcome.size_bytes
        if not outcome.failure or outcome.failure in WAITED_FOR:
            self.latency.record(outcome.took_ms)


class Tally:
    """All counters of one target; memory does not grow with the number of requests."""

    def __init__(self, duration_ms: float) -> None:
        self.bucket_ms = max(1_000.0, duration_ms / MOST_BUCKETS)
        self._duration_ms = duration_ms
        self.in_time = 0
        self.all = Slice()
        self.buckets: list[Slice] = []
        self.questions: dict[int, Slice] = {}
        self.failures: Counter[str] = Counter()
        self.details: dict[str, str] = {}
        self.cache: Counter[str] = Counter()
        self.late = self.waited = self.empty = self.unfinished = 0
        self.latest_ms = 0.0
        self.in_flight = self.most_in_flight = 0

    def sent(self) -> None:
        """A request goes out."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def ended(self) -> None:
        """A request that went out is over, however it ended."""
        self.in_flight -= 1

    def add(self, outcome: Outcome) -> None:
        """Count one request."""
        self.all.add(outcome)
        self._bucket(outcome.planned_ms).add(outcome)
        self.questions.setdefault(outcome.question, Slice()).add(outcome)
        self.waited += outcome.waited
        if not outcome.waited:  # then only this process itself can be the cause
            self.late += outcome.late_ms > LATE_MS
            self.latest_ms = max(self.latest_ms, outcome.late_ms)
        if outcome.failure:
            kind = _count(self.failures, outcome.failure)
            self.details.setdefault(kind, outcome.detail)
        else:
            self.empty += outcome.is_empty
            self.in_time += outcome.planned_ms + outcome.took_ms <= self._duration_ms
            _count(self.cache, outcome.cache or "no such header")

    def _bucket(self, planned_ms: float) -> Slice:
        index = int(planned_ms / self.bucket_ms)
        while len(self.buckets) <= index:
            self.buckets.append(Slice())
        return self.buckets[index]

    @property
    def answered(self) -> int:
        """Requests with a complete answer of status 2xx."""
        return self.all.requests - self.all.failures

    def answered_per_s(self, ran_ms: float) -> float:
        """Answers that came while requests were still being sent: a late rush is no throughput."""
        return self.in_time / (ran_ms / 1000)

    def recent(self, now_ms: float, span_ms: float = 10_000.0) -> Histogram:
        """Latencies of what was planned in the last while, up to `now_ms` after the start."""
        merged = Histogram()
        first = max(0, int((now_ms - span_ms) / self.bucket_ms))
        for bucket in self.buckets[first:]:
            merged.merge(bucket.latency)
        return merged


def _count(counter: Counter[str], kind: str) -> str:
    """Count a kind that a server may have made up, without letting it fill the memory."""
    if kind not in counter and len(counter) >= _MOST_KINDS:
        kind = OTHER
    counter[kind] += 1
    return kind
