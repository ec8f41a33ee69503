"""One question, asked until an answer is good: again elsewhere after a failure, side by side when late.

What may be asked again is decided by `retry`, how often by the budget, where by the pool. Whether an
answer is one, only who reads it can tell; what is none wins no race.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Generic

from proxy.errors import (
    BadUpstreamAnswerError,
    QueryTimeoutError,
    UpstreamRefusedError,
    UpstreamUnreachableError,
)
from proxy.telemetry.metrics import HEDGES, RETRIES
from proxy.upstream.latencies import Latencies
from proxy.upstream.pool import now_ms
from proxy.upstream.races import Brought, R, T, first_good, is_good, leave_all

if TYPE_CHECKING:
    from collections.abc import Hashable

    from proxy.upstream.addresses import Endpoint
    from proxy.upstream.balancer import Candidate
    from proxy.upstream.budget import RetryBudget
    from proxy.upstream.pool import Pool, Turn


Send = Callable[["Endpoint"], Awaitable[R]]
Read = Callable[[R], Awaitable[T]]
Check = Callable[["Candidate"], Awaitable[None]]

_ANY = ("any",)
"""The kind of all questions together."""
_CLOCK_MS = 1.0
"""The event loop's clock knows whole milliseconds only."""
_MOST_DOUBLINGS = 6
"""A backoff grows no further: nobody waits for minutes, and each who waits has a turn."""


_OF_ONE_ADDRESS = (UpstreamUnreachableError, QueryTimeoutError)


@dataclass(frozen=True, slots=True)
class AttemptPolicy:
    """most: attempts for one question, hedges apart. hedge: ask side by side when one is late.

    least_hedge_ms: no earlier than that. unknown_hedge_ms: for kinds of questions not seen before.
    """

    most: int
    backoff_s: float
    hedge: bool = True
    least_hedge_ms: float = 10.0
    unknown_hedge_ms: float = 1_000.0


@dataclass(slots=True)
class _Question(Generic[R, T]):
    """How far a question has come. doubted: who gave answers that are none."""

    send: Send[R]
    read: Read[R, T]
    kind: Hashable
    most: int
    number: int = 0
    tried: list[Candidate] = field(default_factory=list)
    doubted: list[tuple[Candidate, BadUpstreamAnswerError]] = field(default_factory=list)


class Attempts:
    """Asks questions of a pool.

    check: asks an address that had refused a connection whether it is ready; UpstreamUnreachableError
    when not. A Thanos Query that has just started answers before it knows its stores.
    """

    def __init__(self, pool: Pool, budget: RetryBudget, policy: AttemptPolicy, check: Check) -> None:
        self._pool = pool
        self._check = check
        self._budget = budget
        self._policy = policy
        self._latencies = Latencies()

    async def run(self, send: Send[R], kind: Hashable, read: Read[R, T], can_repeat: bool = True) -> T:
        """What `read` makes of the first good answer; else of the last bad one.

        Args:
            send: makes one attempt at an address.
            kind: questions of one kind take about as long.
            read: raises BadUpstreamAnswerError where an answer is none: one more address is asked.
            can_repeat: whether `send` may be called more than once.

        Raises:
            UpstreamUnreachableError: no attempt brought an answer.
            QueryError: what `send` or `read` raised, where another attempt would not help.
        """
        self._budget.deposit()
        most = max(self._policy.most, 1)
        question = _Question(send, read, kind, most) if can_repeat else _Question(send, read, None, 1)
        while True:
            try:
                brought = await self._bring(question)
                if brought.made:
                    self._is_answered(question)
                    return brought.made[0]
                if not self._may_repeat(question):
                    return await self._make_do(question, brought)
                brought.leave()
            except UpstreamUnreachableError:
                if not self._may_repeat(question):
                    raise
            except BadUpstreamAnswerError:
                if not self._may_ask_another(question):
                    raise
                continue  # another address has no part in this: it need not be spared
            await self._back_off(question.number)

    async def _bring(self, question: _Question[R, T]) -> Brought[R, T]:
        """One attempt; a second one elsewhere, when the first is later than nearly all of its kind."""
        candidate = self._pool.pick(question.tried)
        if candidate is None:
            question.most = 0
            raise UpstreamUnreachableError("no address of the upstream is known")
        question.number += 1
        question.tried.append(candidate)
        turn, kind = self._pool.begin(candidate), question.kind
        if not self._policy.hedge or kind is None or self._pool.another(question.tried) is None:
            return await self._attempt(question, turn)
        return await self._hedged(question, turn)

    def _is_answered(self, question: _Question[R, T]) -> None:
        """Then the question is a good one, and retries have helped."""
        self._budget.give_back(question.number - 1)
        for candidate, error in question.doubted:
            self._pool.fail(candidate, error=error)

    async def _make_do(self, question: _Question[R, T], brought: Brought[R, T]) -> T:
        """What is made of an answer that is worth another, when there is no other."""
        try:
            return await question.read(brought.answer)
        except BaseException:
            brought.leave()
            raise

    async def _back_off(self, number: int) -> None:
        most_s = self._policy.backoff_s * 2 ** min(number, _MOST_DOUBLINGS)
        await asyncio.sleep(most_s * random.random())  # noqa: S311  jitter

    def _may_repeat(self, question: _Question[R, T]) -> bool:
        if question.number >= question.most:
            return False
        if not self._budget.take(now_ms()):
            RETRIES.labels("no_budget").inc()
            question.most = question.number
            return False
        RETRIES.labels("sent").inc()
        return True

    def _may_ask_another(self, question: _Question[R, T]) -> bool:
        """One address more: it may be the question that nobody answers well."""
        question.most = min(question.most, question.number + 1)
        return self._pool.another(question.tried) is not None and self._may_repeat(question)

    async def _hedged(self, question: _Question[R, T], turn: Turn) -> Brought[R, T]:
        began_s = asyncio.get_running_loop().time()
        first = self._start(question, turn)
        racers = [first]
        try:
            await asyncio.wait(racers, timeout=self._hedge_after_s(question.kind))
            is_late = not (first.done() or turn.is_over)
            if is_late and (other := self._hedge(question.tried)):
                racers.append(self._start(question, self._pool.begin(other)))
            winner = await first_good(racers)
            if not first.done() and is_good(winner):
                waited_ms = (asyncio.get_running_loop().time() - began_s) * 1000
                self._lost(turn.candidate, waited_ms, question.kind)
            await leave_all([racer for racer in racers if racer is not winner])
        except BaseException:
            await leave_all(racers)
            raise
        return winner.result()

    def _start(self, question: _Question[R, T], turn: Turn) -> asyncio.Task[Brought[R, T]]:
        """An attempt as a task. Its turn has begun, so that whoever chooses next sees it."""
        task = asyncio.get_running_loop().create_task(self._attempt(question, turn))
        task.add_done_callback(lambda _task: turn.close())  # of a task that never ran
        return task

    def _hedge(self, tried: list[Candidate]) -> Candidate | None:
        """Where else to ask, if the budget allows."""
        other = self._pool.another(tried)
        if other is None:
            return None
        if not self._budget.take(now_ms()):
            HEDGES.labels("no_budget").inc()
            return None
        HEDGES.labels("sent").inc()
        tried.append(other)
        return other

    def _hedge_after_s(self, kind: Hashable) -> float:
        slow_ms = self._latencies.slow_ms(kind)
        if slow_ms is None:
            slow_ms = self._latencies.slow_ms(_ANY)
        if slow_ms is None:
            slow_ms = self._policy.unknown_hedge_ms
        return max(slow_ms, self._policy.least_hedge_ms) / 1000

    def _lost(self, candidate: Candidate, waited_ms: float, kind: Hashable) -> None:
        HEDGES.labels("won").inc()
        self._pool.overtaken(candidate, _ratio(waited_ms, self._latencies.typical_ms(kind)))

    async def _attempt(self, question: _Question[R, T], turn: Turn) -> Brought[R, T]:
        """One attempt, and what it says of the address.

        A client that leaves, a limit: they say nothing.
        """
        candidate, loop = turn.candidate, asyncio.get_running_loop()
        began_s = loop.time()
        try:
            if candidate.breaker.needs_probe:
                await self._check(candidate)
            answer = await question.send(candidate.endpoint)
            took_ms = (loop.time() - began_s) * 1000
        except UpstreamUnreachableError as error:
            self._pool.fail(candidate, isinstance(error, UpstreamRefusedError), error)
            raise
        except (BadUpstreamAnswerError, QueryTimeoutError) as error:
            self._pool.fail(candidate, error=error)
            raise
        finally:
            turn.close()
        if answer.worth_another:
            self._pool.fail(candidate)
            return Brought(answer)
        made = await self._read(question, candidate, answer)
        self._note(candidate, answer.status, took_ms, question.kind)
        return Brought(answer, (made,))

    async def _read(self, question: _Question[R, T], candidate: Candidate, answer: R) -> T:
        """What is made of an answer.

        Where it is none, that may be the question's fault: it is held against the address when
        another one has answered the same question.
        """
        try:
            return await question.read(answer)
        except BaseException as error:
            answer.leave()
            if isinstance(error, BadUpstreamAnswerError):
                text = str(error)  # its traceback would hold the answer
                question.doubted.append((candidate, BadUpstreamAnswerError(text)))
            elif isinstance(error, _OF_ONE_ADDRESS):
                self._pool.fail(candidate, error=error)
            elif isinstance(error, Exception) and answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                self._pool.succeed(candidate)
            raise

    def _note(self, candidate: Candidate, status: int, took_ms: float, kind: Hashable) -> None:
        """It works. How fast it does, refusals do not tell: they are quick anywhere."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return
        if status >= HTTPStatus.BAD_REQUEST:
            self._pool.succeed(candidate)
            return
        ratio = _ratio(took_ms, self._latencies.typical_ms(kind))
        self._pool.succeed(candidate, ratio, took_ms)
        if kind is not None:
            self._latencies.add(kind, took_ms)
            self._latencies.add(_ANY, took_ms)


def _ratio(took_ms: float, typical_ms: float | None) -> float:
    """How many times as long as usual; what takes no millisecond counts as one."""
    if typical_ms is None:
        return 1.0
    return max(took_ms, _CLOCK_MS) / max(typical_ms, _CLOCK_MS)
