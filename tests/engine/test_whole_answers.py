"""Answers kept whole: one flight for equal questions, a short life, and nothing doubtful."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from proxy.engine.answer_memo import AnswerMemo
from proxy.engine.ports import UpstreamAnswer
from proxy.engine.whole_answers import Wanted, WholeAnswer, WholeAnswers
from proxy.errors import UpstreamAnswerError
from proxy.model.query import Caller
from proxy.plan.cache_key import answer_key
from proxy.plan.holes import StoreWatch
from tests.engine.cached import ManualClock
from tests.plan.stores import store

LIFE_MS, SHORT_LIFE_MS = 30_000, 10_000
KEY = answer_key((), "/api/v1/labels", ())
A, B = store("a"), store("b")


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

    def __post_init__(self) -> None:
        memo: AnswerMemo[UpstreamAnswer] = AnswerMemo(1 << 20, 60_000)
        self.answers = WholeAnswers(memo, self.watch, self.clock, SHORT_LIFE_MS)
        self.gate.set()

    async def fetch(self) -> UpstreamAnswer:
        self.fetches += 1
        body = b"%d" % self.fetches
        await self.gate.wait()
        self.ended += 1
        if self.error is not None:
            raise self.error
        return UpstreamAnswer(body, self.no_store, "application/json")

    async def get(self, life_ms: int = LIFE_MS, refresh: bool = False) -> WholeAnswer:
        async with self.answers.get(Wanted(KEY, self.fetch, life_ms, refresh), Caller(())) as found:
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
