"""Answers kept whole: one flight for equal questions, a short life, and nothing doubtful."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.engine.answer_memo import AnswerMemo
from proxy.engine.memory import MemoryBudget, MemoryPolicy
from proxy.engine.ports import UpstreamAnswer
from proxy.engine.whole_answers import Wanted, WholeAnswer, WholeAnswers
from proxy.errors import (
    BadUpstreamAnswerError,
    LimitError,
    QueryError,
    QueryTimeoutError,
    UpstreamAnswerError,
    UpstreamUnreachableError,
)
from proxy.model.query import Caller
from proxy.plan.cache_key import answer_key
from proxy.plan.holes import StoreWatch
from tests.engine.cached import ManualClock
from tests.plan.stores import store

LIFE_MS, SHORT_LIFE_MS = 30_000, 10_000
KEY = answer_key((), "/api/v1/labels", ())
A, B = store("a"), store("b")
CALLER = Caller(())
GONE = UpstreamUnreachableError("nobody is there")


@dataclass(slots=True)
class Labels:
    """Questions whose answer is the number of times that it was fetched."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(monotonic=1000))
    watch: StoreWatch = field(default_factory=lambda: StoreWatch(10**9))
    fetches: int = 0
    ended: int = 0
    no_store: bool = False
    error: Exception | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    answers: WholeAnswers = field(init=False)
    stale_ms: int = 0
    budget: MemoryBudget = field(default_factory=lambda: MemoryBudget(MemoryPolicy(1 << 20, 1_000)))

    def __post_init__(self) -> None:
        memo: AnswerMemo[UpstreamAnswer] = AnswerMemo(1 << 20, 60_000, self.stale_ms)
        self.answers = WholeAnswers(memo, self.watch, self.clock, SHORT_LIFE_MS)
        self.gate.set()

    async def fetch(self) -> UpstreamAnswer:
        self.fetches += 1
        body = b"%d" % self.fetches
        memory = self.budget.open()
        try:
            await memory.grow(100)
            await self.gate.wait()
            self.ended += 1
            self._fail()
        except BaseException:
            memory.close()
            raise
        return UpstreamAnswer(body, self.no_store, "application/json", memory)

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error

    async def get(
        self, life_ms: int = LIFE_MS, refresh: bool = False, caller: Caller = CALLER
    ) -> WholeAnswer:
        async with self.answers.get(Wanted(KEY, self.fetch, life_ms, refresh), caller) as found:
            return found

    async def found(self, life_ms: int = LIFE_MS, refresh: bool = False) -> tuple[str, bytes]:
        answer = await self.get(life_ms, refresh)
        return answer.result, answer.body

    def look(self, *stores: object) -> None:
        began_ms = self.clock.monotonic
        self.clock.advance(1)
        self.watch.look(began_ms, self.clock.monotonic, list(stores))  # type: ignore[arg-type]
        self.clock.advance(1)


async def ticks() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_answer_serves_until_its_life_is_over() -> None:
    labels = Labels()
    assert await labels.found() == ("miss", b"1")
    labels.clock.advance(LIFE_MS - 1)
    assert await labels.found() == ("hit", b"1")
    labels.clock.advance(1)
    assert await labels.found() == ("miss", b"2")


async def test_a_hundred_equal_questions_are_asked_once() -> None:
    labels = Labels()
    labels.gate.clear()
    asking = [asyncio.create_task(labels.found(life_ms=0)) for _ in range(100)]
    await ticks()
    labels.gate.set()
    assert set(await asyncio.gather(*asking)) == {("miss", b"1")}


async def test_an_answer_without_a_life_is_shared_while_it_is_fetched_and_not_kept() -> None:
    labels = Labels()
    await labels.found(life_ms=0)
    assert await labels.found(life_ms=0) == ("miss", b"2")


async def test_who_leaves_does_not_take_the_answer_from_the_others() -> None:
    labels = Labels()
    labels.gate.clear()
    first, second = (asyncio.create_task(labels.found()) for _ in range(2))
    await ticks()
    first.cancel()
    await ticks()
    labels.gate.set()
    assert await second == ("miss", b"1")


async def test_the_last_who_leaves_cancels_the_fetch() -> None:
    labels = Labels()
    labels.gate.clear()
    asking = asyncio.create_task(labels.found())
    await ticks()
    asking.cancel()
    await ticks()
    labels.gate.set()
    assert await labels.found() == ("miss", b"2")
    assert labels.ended == 1


async def test_no_store_is_passed_on_and_not_kept() -> None:
    labels = Labels(no_store=True)
    assert (await labels.get()).no_store
    labels.no_store = False
    assert await labels.found() == ("miss", b"2")


async def test_an_error_is_that_of_all_who_wait_and_is_not_kept() -> None:
    labels = Labels(error=UpstreamAnswerError(422, (("Content-Type", "application/json"),), b"{}"))
    results = await asyncio.gather(labels.get(), labels.get(), return_exceptions=True)
    assert [type(result) for result in results] == [UpstreamAnswerError] * 2
    assert labels.fetches == 1
    labels.error = None
    assert await labels.found() == ("miss", b"2")


async def test_a_refresh_asks_again_and_its_answer_is_kept() -> None:
    labels = Labels()
    await labels.get()
    assert await labels.found(refresh=True) == ("miss", b"2")
    assert await labels.found() == ("hit", b"2")


async def test_a_refresh_does_not_wait_for_what_was_asked_before() -> None:
    labels = Labels()
    labels.gate.clear()
    asking = [asyncio.create_task(labels.found(refresh=refresh)) for refresh in (False, True)]
    await ticks()
    labels.gate.set()
    assert await asyncio.gather(*asking) == [("miss", b"1"), ("miss", b"2")]


async def test_after_a_purge_nothing_old_is_found_not_even_what_was_under_way() -> None:
    labels = Labels()
    await labels.get()
    labels.clock.advance(LIFE_MS)
    labels.gate.clear()
    under_way = asyncio.create_task(labels.found())
    await ticks()
    labels.answers.clear()
    after = asyncio.create_task(labels.found())
    await ticks()
    labels.gate.set()
    assert await under_way == ("miss", b"2")
    assert await after == ("miss", b"3")
    assert await labels.found() == ("hit", b"3")


async def test_while_a_store_is_away_lives_are_short() -> None:
    labels = Labels()
    labels.look(A, B)
    labels.look(A)
    await labels.get()
    labels.clock.advance(SHORT_LIFE_MS - 1)
    assert await labels.found() == ("hit", b"1")
    labels.clock.advance(1)
    assert await labels.found() == ("miss", b"2")


@pytest.mark.parametrize("then", [(A,), (A, B, store("c"))], ids=["lost", "new"])
async def test_when_a_store_goes_or_comes_everything_is_asked_again(then: tuple[object, ...]) -> None:
    labels = Labels()
    labels.look(A, B)
    await labels.get()
    labels.look(A, B)
    assert await labels.found() == ("hit", b"1")
    labels.look(*then)
    assert await labels.found() == ("miss", b"2")


async def test_what_was_fetched_while_a_store_was_away_is_asked_again_when_it_is_back() -> None:
    labels = Labels()
    labels.look(A, B)
    labels.look(A)
    await labels.get()
    labels.look(A, B)
    assert await labels.found() == ("miss", b"2")


async def test_an_answer_that_arrives_after_the_store_is_back_was_asked_while_it_was_away() -> None:
    labels = Labels()
    labels.look(A, B)
    labels.look(A)
    labels.gate.clear()
    asking = asyncio.create_task(labels.found())
    await ticks()
    labels.look(A, B)
    labels.gate.set()
    assert await asking == ("miss", b"1")
    assert await labels.found() == ("miss", b"2")


def within(seconds: float) -> Caller:
    return Caller((), deadline_s=asyncio.get_running_loop().time() + seconds)


async def test_an_answer_is_held_until_the_last_has_been_sent_it() -> None:
    labels = Labels()
    wanted = Wanted(KEY, labels.fetch, 0, refresh=False)
    one, other = labels.answers.get(wanted, CALLER), labels.answers.get(wanted, CALLER)
    first, second = await asyncio.gather(one.__aenter__(), other.__aenter__())
    assert first.body is second.body
    assert labels.budget.used_bytes == 1, "its buffers are needed no more, the body is"
    await one.__aexit__(None, None, None)
    assert labels.budget.used_bytes == 1
    await other.__aexit__(None, None, None)
    assert labels.budget.used_bytes == 0


async def test_what_is_remembered_is_held_by_nobody() -> None:
    labels = Labels()
    await labels.get()
    wanted = Wanted(KEY, labels.fetch, LIFE_MS, refresh=False)
    async with labels.answers.get(wanted, CALLER) as found:
        assert found.result == "hit"
        assert labels.budget.used_bytes == 0


async def test_each_waits_until_its_own_deadline() -> None:
    labels = Labels()
    labels.gate.clear()
    patient = asyncio.create_task(labels.found())
    await ticks()
    with pytest.raises(QueryTimeoutError):
        await labels.get(caller=within(0.01))
    labels.gate.set()
    assert await patient == ("miss", b"1")


async def test_who_has_time_left_asks_again_when_that_of_who_asked_first_is_over() -> None:
    labels = Labels()
    labels.gate.clear()
    labels.error = QueryTimeoutError("late")
    first = asyncio.create_task(labels.get(caller=within(0.05)))
    await ticks()
    other = asyncio.create_task(labels.found())
    await ticks()
    labels.gate.set()
    with pytest.raises(QueryTimeoutError):
        await first
    labels.error = None
    assert await other == ("miss", b"2")


@pytest.mark.parametrize(
    "error",
    [GONE, BadUpstreamAnswerError("html"), QueryTimeoutError("late")],
    ids=lambda error: type(error).__name__,
)
async def test_when_the_upstream_fails_what_was_remembered_is_given(error: QueryError) -> None:
    labels = Labels(stale_ms=60_000)
    await labels.get()
    labels.clock.advance(LIFE_MS + 30_000)
    labels.error = error
    answer = await labels.get()
    assert (answer.result, answer.body, answer.no_store) == ("stale", b"1", True)
    assert answer.note == f"thanoxy: {error}; this is kept data, up to 1m0s old"


async def test_a_stale_answer_is_not_remembered_as_new() -> None:
    labels = Labels(stale_ms=60_000)
    await labels.get()
    labels.clock.advance(LIFE_MS)
    labels.error = GONE
    await labels.get()
    labels.error = None
    assert (await labels.get()).result == "miss"


@pytest.mark.parametrize("stale_ms", [0, 1_000])
async def test_nothing_is_given_that_is_staler_than_allowed(stale_ms: int) -> None:
    labels = Labels(stale_ms=stale_ms)
    await labels.get()
    labels.clock.advance(LIFE_MS + stale_ms)
    labels.error = GONE
    with pytest.raises(UpstreamUnreachableError):
        await labels.get()


@pytest.mark.parametrize(
    "error", [UpstreamAnswerError(503, (), b"{}"), LimitError("too large")], ids=str
)
async def test_an_error_that_is_an_answer_is_given_as_it_is(error: QueryError) -> None:
    labels = Labels(stale_ms=60_000)
    await labels.get()
    labels.clock.advance(LIFE_MS)
    labels.error = error
    with pytest.raises(type(error)):
        await labels.get()


async def test_who_asks_for_nothing_that_is_kept_gets_the_error() -> None:
    labels = Labels(stale_ms=60_000)
    await labels.get()
    labels.error = GONE
    with pytest.raises(UpstreamUnreachableError):
        await labels.get(refresh=True)


async def test_what_was_fetched_before_a_store_went_away_is_not_given() -> None:
    labels = Labels(stale_ms=60_000)
    labels.look(A, B)
    await labels.get()
    labels.look(A)
    labels.error = GONE
    with pytest.raises(UpstreamUnreachableError):
        await labels.get()


async def test_who_waited_until_its_own_deadline_is_given_stale_data_too() -> None:
    labels = Labels(stale_ms=60_000)
    await labels.get()
    labels.clock.advance(LIFE_MS)
    labels.gate.clear()
    assert (await labels.get(caller=within(0.01))).result == "stale"


@given(st.integers(0, 1 << 32))
async def test_whatever_happens_every_ticket_is_closed(seed: int) -> None:
    drawn = random.Random(seed)
    labels = Labels(stale_ms=drawn.choice((0, 60_000)))

    async def client() -> None:
        caller = within(drawn.choice((0.001, 5)))
        wanted = Wanted(KEY, labels.fetch, drawn.choice((0, LIFE_MS)), drawn.random() < 0.2)
        async with labels.answers.get(wanted, caller):
            for _ in range(drawn.randrange(4)):
                await asyncio.sleep(0)
            if drawn.random() < 0.2:
                raise ConnectionResetError("the client is gone")

    tasks = []
    for _ in range(drawn.randrange(1, 12)):
        labels.error = drawn.choice((None, None, GONE, LimitError("too large")))
        drawn.choice((labels.gate.set, labels.gate.clear))()
        tasks.append(asyncio.create_task(client()))
        for _ in range(drawn.randrange(3)):
            await asyncio.sleep(0)
        if drawn.random() < 0.3:
            drawn.choice(tasks).cancel()
        if drawn.random() < 0.1:
            labels.answers.clear()
    labels.gate.set()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    await ticks()
    assert labels.budget.used_bytes == 0
