"""One question, asked until an answer is good: again elsewhere after a failure, side by side when late.

What may be asked again is decided by `retry`, how often by the budget, where by the pool.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from proxy.errors import QueryTimeoutError, UpstreamRefusedError, UpstreamUnreachableError
from proxy.telemetry.metrics import HEDGES, RETRIES
from proxy.upstream.latencies import Latencies
from proxy.upstream.pool import now_ms
from proxy.upstream.races import R, first_good, is_good, leave_all

if TYPE_CHECKING:
    from collections.abc import Hashable

    from proxy.upstream.addresses import Endpoint
    from proxy.upstream.balancer import Candidate
    from proxy.upstream.budget import RetryBudget
    from proxy.upstream.pool import Pool, Turn


Send = Callable[["Endpoint"], Awaitable[R]]
Check = Callable[["Candidate"], Awaitable[None]]

_ANY = ("any",)
"""The kind of all questions together."""
_CLOCK_MS = 1.0
"""The event loop's clock knows whole milliseconds only."""
_MOST_DOUBLINGS = 6
"""A backoff grows no further: nobody waits for minutes, and each who waits has a turn."""


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

    async def run(self, send: Send[R], kind: Hashable, can_repeat: bool = True) -> R:
        """The first good answer; else the last bad one.

        Args:
            send: makes one attempt at an address.
            kind: questions of one kind take about as long.
            can_repeat: whether `send` may be called more than once.

        Raises:
            UpstreamUnreachableError: no attempt brought an answer.
            QueryError: what `send` raised, where another attempt would not help.
        """
        self._budget.deposit()
        tried: list[Candidate] = []
        most = max(self._policy.most, 1) if can_repeat else 1
        for number in range(1, most + 1):
            candidate = self._pool.pick(tried)
            if candidate is None:
                raise UpstreamUnreachableError("no address of the upstream is known")
            tried.append(candidate)
            try:
                answer = await self._hedged(send, candidate, tried, kind if can_repeat else None)
            except UpstreamUnreachableError:
                if number == most or not self._may_repeat():
                    raise
            else:
                if not answer.worth_another:
                    self._budget.give_back(number - 1)
                    return answer
                if number == most or not self._may_repeat():
                    return answer
                answer.leave()
            await self._back_off(number)
        raise AssertionError("unreachable")

    async def _back_off(self, number: int) -> None:
        most_s = self._policy.backoff_s * 2 ** min(number, _MOST_DOUBLINGS)
        await asyncio.sleep(most_s * random.random())  # noqa: S311  jitter

    def _may_repeat(self) -> bool:
        if not self._budget.take(now_ms()):
            RETRIES.labels("no_budget").inc()
            return False
        RETRIES.labels("sent").inc()
        return True

    async def _hedged(
        self, send: Send[R], candidate: Candidate, tried: list[Candidate], kind: Hashable
    ) -> R:
        """One attempt; a second one elsewhere, when the first is later than nearly all of its kind."""
        if not self._policy.hedge or kind is None or self._pool.another(tried) is None:
            return await self._attempt(send, self._pool.begin(candidate), kind)
        began_s = asyncio.get_running_loop().time()
        first = self._start(send, candidate, kind)
        racers = [first]
        try:
            await asyncio.wait(racers, timeout=self._hedge_after_s(kind))
            if not first.done() and (other := self._hedge(tried)):
                racers.append(self._start(send, other, kind))
            winner = await first_good(racers)
            if not first.done() and is_good(winner):
                self._lost(candidate, (asyncio.get_running_loop().time() - began_s) * 1000, kind)
            await leave_all([racer for racer in racers if racer is not winner])
        except BaseException:
            await leave_all(racers)
            raise
        return winner.result()

    def _start(self, send: Send[R], candidate: Candidate, kind: Hashable) -> asyncio.Task[R]:
        """An attempt as a task. It counts at once, so that whoever chooses next sees it."""
        turn = self._pool.begin(candidate)
        task = asyncio.get_running_loop().create_task(self._attempt(send, turn, kind))
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

    async def _attempt(self, send: Send[R], turn: Turn, kind: Hashable) -> R:
        """One attempt, and what it says of the address.

        A client that leaves, a limit, an answer that is none: they say nothing.
        """
        candidate, loop = turn.candidate, asyncio.get_running_loop()
        began_s = loop.time()
        try:
            if candidate.breaker.needs_probe:
                await self._check(candidate)
            answer = await send(candidate.endpoint)
            if answer.worth_another:
                self._pool.fail(candidate)
            elif answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                self._note(candidate, answer.status, (loop.time() - began_s) * 1000, kind)
        except UpstreamUnreachableError as error:
            self._pool.fail(candidate, isinstance(error, UpstreamRefusedError), error)
            raise
        except QueryTimeoutError as error:
            self._pool.fail(candidate, error=error)
            raise
        finally:
            turn.close()
        return answer

    def _note(self, candidate: Candidate, status: int, took_ms: float, kind: Hashable) -> None:
        """It works. How fast it does, refusals do not tell: they are quick anywhere."""
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
