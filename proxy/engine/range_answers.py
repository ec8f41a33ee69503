"""Range queries from a question to a body: remembered, being made for somebody else, or made.

Who asks the same at the same time shares one body, and waits for it without holding anything. What
is held is counted once, until the last of them has been sent it.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.codec.matrix_text import text_bytes
from proxy.engine.answer_memo import Assembled
from proxy.engine.bodies import LARGE_TEXT_BYTES, assemble
from proxy.engine.deadline import until_deadline
from proxy.engine.flights import Flights, OutlivedError, Share
from proxy.engine.group_texts import GroupTexts
from proxy.engine.range_query import Wish
from proxy.engine.stale import UPSTREAM_FAILS
from proxy.plan.partition import Run
from proxy.telemetry.metrics import STEPS
from proxy.telemetry.record import ASSEMBLE, current
from proxy.telemetry.tallies import Count

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from proxy.engine.answer_memo import AnswerMemo, Peeked, Version
    from proxy.engine.ports import Admission, Clock, MemoryTicket, Threads
    from proxy.engine.range_query import RangeAnswer, RangeQueries
    from proxy.errors import QueryError
    from proxy.merge.matrices import JoinedMatrix
    from proxy.model.query import Caller
    from proxy.plan.holes import StoreWatch
    from proxy.plan.range_plan import RangePlan

_ALL = Run(0, 1)
_steps = Count(STEPS)
_REQUESTED, _HIT = ("requested",), ("hit",)
_GZIP_SHARE = 0.5
"""A gzip body is at most about so long as its text, digits being what they are."""
MemoKey = tuple[object, ...]


_NO_BODY = Assembled((), 0, is_gzip=False)


@dataclass(slots=True)
class RangeBody:
    """What clients get: `body`, or `texts` where it is too large to be put together before it is sent.

    answer: without its matrix; what the cache held of it, and until when it may be given again.
    memory: what it takes, until it is sent. key, version: under which it may be remembered.
    is_collected: by one who sends it.
    """

    answer: RangeAnswer
    memory: MemoryTicket
    key: MemoKey
    version: Version
    body: Assembled = _NO_BODY
    texts: GroupTexts | None = None
    is_collected: bool = False


class RangeAnswers:
    """Gives bodies of plans that are not whole."""

    def __init__(
        self,
        queries: RangeQueries,
        admission: Admission,
        threads: Threads,
        clock: Clock,
        memo: AnswerMemo[Assembled],
        watch: StoreWatch,
    ) -> None:
        self._queries = queries
        self._admission = admission
        self._threads = threads
        self._clock = clock
        self._memo = memo
        self._watch = watch
        self._flights: Flights[RangeBody] = Flights(_drop)

    def remembered(self, plan: RangePlan, wants_gzip: bool) -> Assembled | None:
        """The body as it was sent lately, if it may be sent again."""
        version = self._memo.version(self._watch.version)
        key = _memo_key(plan, wants_gzip)
        known = self._memo.get(key, version, self._clock.monotonic_ms())
        if known is not None:
            _steps.add(_REQUESTED, plan.grid.steps)
            _steps.add(_HIT, plan.grid.steps)
        return known

    def peek(self, plan: RangePlan, is_gzip: bool) -> Peeked | None:
        """What is known of the body that `remembered` would give; nothing is counted."""
        version = self._memo.version(self._watch.version)
        return self._memo.peek(_memo_key(plan, is_gzip), version, self._clock.monotonic_ms())

    def forget_flights(self) -> None:
        """Let nobody else join what is being made, after a purge."""
        self._flights.forget()

    @asynccontextmanager
    async def make(
        self, plan: RangePlan, caller: Caller, wants_gzip: bool, refresh: bool
    ) -> AsyncIterator[RangeBody]:
        """A body that was not remembered; what it takes is held while the context is open.

        Who asks for nothing that is kept is not given stale data either.

        Raises:
            NotSplittableError: only the whole query, asked as it came, gives the exact answer.
            QueryError: a fetch failed, or there was no memory.
        """
        if refresh:
            self._memo.forget(_memo_key(plan, wants_gzip))
            self._memo.forget(_memo_key(plan, not wants_gzip))
        try:
            share = await self._join(plan, caller, wants_gzip, refresh)
        except UPSTREAM_FAILS as error:
            if refresh:
                raise
            share = self._stale(plan, wants_gzip, error)
        try:
            yield await share.result()
        finally:
            share.leave()

    async def _join(
        self, plan: RangePlan, caller: Caller, wants_gzip: bool, refresh: bool
    ) -> Share[RangeBody]:
        """A seat in a flight that has brought the body, by this caller's deadline."""
        wish = Wish(as_text=not wants_gzip, refresh=refresh)
        is_own = refresh or plan.key is None
        flights = Flights[RangeBody](_drop) if is_own else self._flights
        key = (_memo_key(plan, wants_gzip), plan.query.timeout, plan.known.text)

        async def fly(_run: Run) -> RangeBody:
            return await self._make(
                plan, wants_gzip, lambda memory: self._queries.run(plan, caller, wish, memory)
            )

        while True:
            (share,) = flights.cover(key, [_ALL], _in_one, fly, until_s=caller.deadline_s)
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

    def _stale(self, plan: RangePlan, wants_gzip: bool, error: QueryError) -> Share[RangeBody]:
        """A seat in a flight that brings what is kept past its life, or the error."""

        async def fly(_run: Run) -> RangeBody:
            return await self._make(
                plan,
                wants_gzip,
                lambda memory: self._queries.stale(plan, error, not wants_gzip, memory),
            )

        key = ("stale", _memo_key(plan, wants_gzip))
        flights = Flights[RangeBody](_drop) if plan.key is None else self._flights
        (share,) = flights.cover(key, [_ALL], _in_one, fly)
        return share

    async def _make(
        self,
        plan: RangePlan,
        wants_gzip: bool,
        ask: Callable[[MemoryTicket], Awaitable[RangeAnswer]],
    ) -> RangeBody:
        version = self._memo.version(self._watch.version)
        memory = self._admission.open()
        try:
            answer = await ask(memory)
            made = RangeBody(answer.without_matrix(), memory, _memo_key(plan, wants_gzip), version)
            if wants_gzip or text_bytes(answer.matrix) <= LARGE_TEXT_BYTES:
                await self._assemble(made, answer.matrix, wants_gzip)
            else:
                made.texts = GroupTexts(answer.matrix, self._threads, memory)
            current().mark(ASSEMBLE)
        except BaseException:
            memory.close()
            raise
        return made

    async def _assemble(self, made: RangeBody, matrix: JoinedMatrix, wants_gzip: bool) -> None:
        """Put the body together; what it was made of is held no longer."""
        memory, size_bytes = made.memory, text_bytes(matrix)
        await memory.grow(int(size_bytes * (_GZIP_SHARE if wants_gzip else 1)))
        made.body = await self._threads.run(lambda one: assemble(one, wants_gzip), matrix, size_bytes)
        memory.add(max(made.body.length - memory.held_bytes, 0))
        memory.shrink(memory.held_bytes - made.body.length)
        self.remember(made, made.body)

    def remember(self, made: RangeBody, body: Assembled) -> None:
        """What came wholly from kept pieces, as long as each of them may serve."""
        if made.answer.expires_ms:
            now_ms = self._clock.monotonic_ms()
            self._memo.put(made.key, made.version, now_ms, made.answer.expires_ms, body, body.length)

    def collects(self, made: RangeBody, size_bytes: int) -> bool:
        """Whether a text that is sent in groups shall be collected, for `remember`; by one sender."""
        if made.is_collected or not made.answer.expires_ms:
            return False
        if not self._memo.has_room_for(size_bytes) or not made.memory.take(size_bytes):
            return False
        made.is_collected = True
        return True


def _in_one(run: Run) -> list[Run]:
    return [run]


def _drop(made: RangeBody) -> None:
    made.memory.close()


def _memo_key(plan: RangePlan, is_gzip: bool) -> MemoKey:
    return plan.key, plan.grid, is_gzip
