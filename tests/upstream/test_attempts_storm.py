"""Many questions at once, random faults, clients that leave, addresses that come and go."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
from typing import TYPE_CHECKING

import pytest

from proxy.errors import (
    BadUpstreamAnswerError,
    LimitError,
    QueryError,
    QueryTimeoutError,
    UpstreamRefusedError,
    UpstreamUnreachableError,
)
from proxy.plan.breaker import BreakerPolicy, State
from proxy.upstream.addresses import Endpoint
from proxy.upstream.attempts import AttemptPolicy, Attempts
from proxy.upstream.budget import BudgetPolicy, RetryBudget
from proxy.upstream.pool import Pool, now_ms

if TYPE_CHECKING:
    from proxy.upstream.balancer import Candidate

ENDPOINTS = [Endpoint(f"http://{number}") for number in range(4)]
ERRORS = [
    UpstreamUnreachableError("gone"),
    UpstreamRefusedError("refused"),
    QueryTimeoutError("late"),
    LimitError("large"),
    BadUpstreamAnswerError("garbage"),
    KeyError("a mistake"),
]


class Brought:
    """An answer that holds something until it is let go or taken."""

    def __init__(self, status: int, worth_another: bool) -> None:
        self.status = status
        self.worth_another = worth_another
        self.is_held = True

    def leave(self) -> None:
        self.is_held = False


class Storm:
    """Everything that may happen, in an order drawn at random."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.pool = Pool(BreakerPolicy(failures=2, failed_probes=1, pause_ms=1, most_pause_ms=4))
        self.ever: dict[int, Candidate] = {}
        self.change_addresses()
        policy = AttemptPolicy(most=3, backoff_s=0.0005, least_hedge_ms=1, unknown_hedge_ms=1)
        budget = RetryBudget(BudgetPolicy(share=0.8))
        self.attempts = Attempts(self.pool, budget, policy, self.check)
        self.running = 0
        self.brought: list[Brought] = []
        self.taken: list[Brought] = []

    def change_addresses(self) -> None:
        self.pool.set_endpoints(self.chance.sample(ENDPOINTS, self.chance.randint(1, 4)))
        self.ever.update((id(one), one) for one in self.pool.candidates)

    async def pause(self) -> None:
        """No turn of the loop, some, or a little time."""
        drawn = self.chance.random()
        if drawn < 0.3:
            return
        if drawn < 0.6:
            for _ in range(self.chance.randint(1, 3)):
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(self.chance.random() * 0.006)

    async def check(self, candidate: Candidate) -> None:
        await self.pause()
        is_ready = self.chance.random() < 0.5
        self.pool.probe(candidate, is_ready)
        if not is_ready:
            raise UpstreamUnreachableError("not ready")

    async def send(self, _endpoint: Endpoint) -> Brought:
        self.running += 1
        try:
            await self.pause()
        finally:
            self.running -= 1
        if self.chance.random() < 0.3:
            raise self.chance.choice(ERRORS)
        answer = Brought(self.chance.choice([200, 200, 422, 500]), self.chance.random() < 0.2)
        self.brought.append(answer)
        return answer

    async def read(self, answer: Brought) -> Brought:
        await self.pause()
        if self.chance.random() < 0.2:
            raise self.chance.choice(ERRORS)
        return answer

    async def ask(self) -> None:
        kind = self.chance.choice(["a", "b", None])
        with contextlib.suppress(QueryError, KeyError):
            can_repeat = self.chance.random() < 0.9
            self.taken.append(await self.attempts.run(self.send, kind, self.read, can_repeat))

    async def client(self) -> None:
        """Asks, and may leave at any moment, more than once."""
        await self.pause()
        asking = asyncio.create_task(self.ask())
        if self.chance.random() < 0.4:
            for _ in range(self.chance.randint(1, 3)):
                await self.pause()
                asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled() or asking.exception() is None

    async def weather(self) -> None:
        while True:
            await asyncio.sleep(0.002)
            if self.chance.random() < 0.3:
                self.change_addresses()
            for one in self.pool.candidates:
                self.pool.probe(one, self.chance.random() < 0.7)

    async def blow(self, clients: int) -> None:
        weather = asyncio.create_task(self.weather())
        await asyncio.gather(*(self.client() for _ in range(clients)))
        weather.cancel()
        await asyncio.wait([weather])


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_happens_nothing_is_left_behind(seed: int) -> None:
    storm = Storm(seed)
    await storm.blow(150)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert storm.running == 0
    assert len(storm.taken) > 20
    assert [one for one in storm.brought if one.is_held] == [
        one for one in storm.brought if one in storm.taken
    ], "an answer that nobody took is let go, one that was taken is not"
    assert [one.in_flight for one in storm.ever.values()] == [0] * len(storm.ever)
    await asyncio.sleep(0.006)
    for one in storm.pool.candidates:
        storm.pool.probe(one, is_ready=True)
        assert one.breaker.allows(now_ms()), one
        assert one.breaker.state in State
    gc.collect()
