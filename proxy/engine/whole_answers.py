"""Answers that are kept whole: labels, label values, series, and instant queries at a given time.

One flight for equal questions, and a short life for the answer. What is kept is the upstream's body
as it came, so that the client's is the same.
"""

from __future__ import annotations

import dataclasses
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from proxy.engine.deadline import until_deadline
from proxy.engine.flights import Flights, OutlivedError, Share
from proxy.engine.memory import UNCOUNTED
from proxy.engine.ports import UpstreamAnswer
from proxy.engine.stale import UPSTREAM_FAILS, stale_note
from proxy.plan.partition import Run
from proxy.telemetry.metrics import NOT_KEPT, STALE_ANSWERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from proxy.engine.answer_memo import AnswerMemo, Peeked, Version
    from proxy.engine.ports import Clock, MemoryTicket
    from proxy.errors import QueryError
    from proxy.model.query import Caller
    from proxy.plan.cache_key import CacheKey
    from proxy.plan.holes import StoreWatch

_ALL = Run(0, 1)
"""These answers have no parts: a flight brings all."""


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """An answer and where it came from: `hit`, `miss`, or `stale` with a note that says how old.

    memory: what is set aside for it, and takes on what is made of it.
    """

    body: bytes
    content_type: str
    no_store: bool
    result: str
    note: str = ""
    memory: MemoryTicket = UNCOUNTED


class Wanted(NamedTuple):
    """A question.

    key: all that can change the answer. fetch: asks the upstream. life_ms: how long the answer may
    be remembered; 0 only shares it while it is fetched. refresh: what is remembered must not serve.
    """

    key: CacheKey
    fetch: Callable[[], Awaitable[UpstreamAnswer]]
    life_ms: int
    refresh: bool


class WholeAnswers:
    """Asks once for equal questions, and remembers answers for a short time."""

    def __init__(
        self,
        memo: AnswerMemo[UpstreamAnswer],
        watch: StoreWatch,
        clock: Clock,
        short_life_ms: int,
    ) -> None:
        self._memo = memo
        self._watch = watch
        self._clock = clock
        self._short_life_ms = short_life_ms
        self._flights: Flights[UpstreamAnswer] = Flights(_drop)

    def clear(self) -> None:
        """Forget all answers, those that are being fetched too."""
        self._memo.clear()
        self._flights.forget()

    @asynccontextmanager
    async def get(self, wanted: Wanted, caller: Caller) -> AsyncIterator[WholeAnswer]:
        """The answer to a question: remembered, under way, or fetched; held while the context is open.

        Raises:
            QueryError: what the upstream's failure raised; it is not remembered.
        """
        known = None if wanted.refresh else self._remembered(wanted.key)
        if known is not None:
            yield _whole(known, "hit")
            return

        found, leave = await self._found(wanted, caller)
        try:
            yield found
        finally:
            leave()

    async def _found(self, wanted: Wanted, caller: Caller) -> tuple[WholeAnswer, Callable[[], None]]:
        """What a flight brings, or what was remembered before; and to be called when it is sent."""
        try:
            share = await self._join(wanted, caller)
        except UPSTREAM_FAILS as error:
            return self._stale(wanted, error), _nothing_to_leave
        return _whole(await share.result(), "miss"), share.leave

    async def _join(self, wanted: Wanted, caller: Caller) -> Share[UpstreamAnswer]:
        """A seat in a flight that has brought the answer, by this caller's deadline."""

        async def fly(_run: Run) -> UpstreamAnswer:
            version = self._version
            answer = await wanted.fetch()
            answer.memory.shrink(answer.memory.held_bytes - len(answer.body))
            self._remember(wanted.key, version, answer, wanted.life_ms)
            return answer

        flights = Flights[UpstreamAnswer](_drop) if wanted.refresh else self._flights
        while True:
            (share,) = flights.cover(
                wanted.key.full, [_ALL], lambda run: [run], fly, until_s=caller.deadline_s
            )
            try:
                async with until_deadline(caller):
                    await share.result(caller.deadline_s)
            except OutlivedError:
                share.leave()
            except BaseException:
                share.leave()
                raise
            else:
                return share

    def _stale(self, wanted: Wanted, error: QueryError) -> WholeAnswer:
        """What was remembered before.

        Raises:
            QueryError: `error`, where nothing is, or was not to be used.
        """
        now_ms = self._clock.monotonic_ms()
        found = None
        if not wanted.refresh:
            found = self._memo.get_stale(wanted.key.full, self._version, now_ms)
        if found is None:
            raise error
        answer, age_ms = found
        STALE_ANSWERS.inc()
        return dataclasses.replace(
            _whole(answer, "stale"), no_store=True, note=stale_note(age_ms, error)
        )

    def peek(self, key: CacheKey) -> Peeked | None:
        """What is known of the answer that is remembered; nothing is counted."""
        return self._memo.peek(key.full, self._version, self._clock.monotonic_ms())

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
            kept = dataclasses.replace(answer, memory=UNCOUNTED)
            self._memo.put(key.full, version, now_ms, now_ms + life_ms, kept, len(answer.body))


def _nothing_to_leave() -> None:
    """A remembered answer is held by nobody."""


def _whole(answer: UpstreamAnswer, result: str) -> WholeAnswer:
    return WholeAnswer(answer.body, answer.content_type, answer.no_store, result, memory=answer.memory)


def _drop(answer: UpstreamAnswer) -> None:
    answer.memory.close()
