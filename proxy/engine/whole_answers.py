"""Answers that are kept whole: labels, label values, series, and instant queries at a given time.

One flight for equal questions, and a short life for the answer. What is kept is the upstream's body
as it came, so that the client's is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.engine.flights import Flights
from proxy.engine.ports import UpstreamAnswer
from proxy.plan.partition import Run
from proxy.telemetry.metrics import NOT_KEPT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from proxy.engine.answer_memo import AnswerMemo, Version
    from proxy.engine.ports import Clock
    from proxy.plan.cache_key import CacheKey
    from proxy.plan.holes import StoreWatch

_ALL = Run(0, 1)
"""These answers have no parts: a flight brings all."""


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """An answer and where it came from: `hit` or `miss`."""

    body: bytes
    content_type: str
    no_store: bool
    result: str


class WholeAnswers:
    """Asks once for equal questions, and remembers answers for a short time."""

    def __init__(
        self, memo: AnswerMemo[UpstreamAnswer], watch: StoreWatch, clock: Clock, short_life_ms: int
    ) -> None:
        self._memo = memo
        self._watch = watch
        self._clock = clock
        self._short_life_ms = short_life_ms
        self._flights: Flights[UpstreamAnswer] = Flights()

    def clear(self) -> None:
        """Forget all answers, those that are being fetched too."""
        self._memo.clear()
        self._flights.forget()

    async def get(
        self,
        key: CacheKey,
        fetch: Callable[[], Awaitable[UpstreamAnswer]],
        life_ms: int,
        refresh: bool,
    ) -> WholeAnswer:
        """The answer to a question: remembered, under way, or fetched.

        Args:
            key: all that can change the answer.
            fetch: asks the upstream.
            life_ms: how long it may be remembered; 0 only shares it while it is fetched.
            refresh: what is remembered must not serve.

        Raises:
            QueryError: what the upstream's failure raised; it is not remembered.
        """
        known = None if refresh else self._remembered(key)
        if known is not None:
            return WholeAnswer(known.body, known.content_type, known.no_store, "hit")

        async def fly(_run: Run) -> UpstreamAnswer:
            version = self._version
            answer = await fetch()
            self._remember(key, version, answer, life_ms)
            return answer

        flights = Flights[UpstreamAnswer]() if refresh else self._flights
        (share,) = flights.cover(key.full, [_ALL], lambda run: [run], fly)
        answer = await share.join()
        return WholeAnswer(answer.body, answer.content_type, answer.no_store, "miss")

    @property
    def _version(self) -> Version:
        return self._memo.version(self._watch.version)

    def _remembered(self, key: CacheKey) -> UpstreamAnswer | None:
        return self._memo.get(key.full, self._version, self._clock.monotonic_ms())

    def _remember(self, key: CacheKey, version: Version, answer: UpstreamAnswer, life_ms: int) -> None:
        """As long as a store is away, no longer than an unconfirmed piece."""
        if answer.no_store:
            NOT_KEPT.labels("no_store").inc()
            return
        if life_ms:
            now_ms = self._clock.monotonic_ms()
            life_ms = min(life_ms, self._short_life_ms) if self._watch.away else life_ms
            until_ms = now_ms + life_ms
            self._memo.put(key.full, version, now_ms, until_ms, answer, len(answer.body))
