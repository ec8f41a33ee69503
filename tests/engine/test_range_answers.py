"""Bodies of range queries: shared, held, remembered, stale; and every ticket closed."""

from __future__ import annotations

import asyncio
import gzip
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.engine.admission import GateAndMemory
from proxy.engine.answer_memo import AnswerMemo, Assembled
from proxy.engine.gate import Gate, GatePolicy
from proxy.engine.memory import MemoryBudget, MemoryPolicy
from proxy.engine.ports import UpstreamAnswer
from proxy.engine.range_answers import RangeAnswers, RangeBody
from proxy.errors import (
    BadUpstreamAnswerError,
    LimitError,
    NotSplittableError,
    QueryError,
    QueryTimeoutError,
    TooManyRequestsError,
    UpstreamAnswerError,
    UpstreamUnreachableError,
)
from proxy.model.query import Caller
from proxy.telemetry.metrics import QUEUE_WAITING
from tests.engine.cached import DAY_MS, HOUR_MS, MINUTE_MS, Cached, SlowThreads, window

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.model.grid import Grid
    from proxy.plan.range_plan import RangePlan
    from tests.fakes import Asked

GRID = window(5 * HOUR_MS, 60)
CALLER = Caller(())
GONE = UpstreamUnreachableError("nobody is there")


@dataclass
class Kitchen:
    """Everything from a plan to a body, with memory that is counted."""

    stale_ms: int = 0
    total: int = 1 << 24
    is_watched: bool = False
    interval_ms: int = DAY_MS
    error: Callable[[Asked], Exception | None] = lambda _asked: None
    pauses: Callable[[], int] = lambda: 3
    gate: asyncio.Event | None = None
    cached: Cached = field(init=False)

    def __post_init__(self) -> None:
        threads = SlowThreads()
        self.cached = Cached(
            stale_ms=self.stale_ms,
            is_watched=self.is_watched,
            interval_ms=self.interval_ms,
            threads=threads,
        )
        self.cached.upstream.answer = self._answer
        self.budget = MemoryBudget(MemoryPolicy(self.total, 5_000, 1_000, 0.2))
        gate = Gate(GatePolicy(100, 100, 100, 5_000), QUEUE_WAITING)
        self.memo: AnswerMemo[Assembled] = AnswerMemo(1 << 22, 30_000)
        self.answers = RangeAnswers(
            self.cached.queries,
            GateAndMemory(gate, self.budget),
            threads,
            self.cached.clock,
            self.memo,
            self.cached.watch,
        )

    async def _answer(self, asked: Asked) -> UpstreamAnswer:
        memory = self.budget.open()
        try:
            await memory.grow(500)
            for _ in range(self.pauses()):
                await asyncio.sleep(0)
            if self.gate is not None:
                await self.gate.wait()
            self._fail(asked)
            body = self.cached.world.body(dict(asked.form)["query"], asked.grid)
            await memory.grow(2 * len(body))
        except BaseException:
            memory.close()
            raise
        return UpstreamAnswer(body, self.cached.no_store, memory=memory)

    def _fail(self, asked: Asked) -> None:
        if error := self.error(asked):
            raise error

    def plan(self, grid: Grid = GRID, caller: tuple[str, ...] = ()) -> RangePlan:
        return self.cached.plan(grid, caller=caller)

    async def made(
        self,
        plan: RangePlan | None = None,
        caller: Caller = CALLER,
        *,
        wants_gzip: bool = True,
        refresh: bool = False,
    ) -> RangeBody:
        async with self.answers.make(plan or self.plan(), caller, wants_gzip, refresh) as made:
            assert self.budget.used_bytes >= made.body.length
            return made

    @property
    def asked(self) -> int:
        return len(self.cached.upstream.asked)

    def right(self, grid: Grid = GRID) -> bytes:
        return self.cached.world.body("a", grid)


def text(made: RangeBody) -> bytes:
    whole = b"".join(made.body.chunks)
    assert len(whole) == made.body.length
    return gzip.decompress(whole) if made.body.is_gzip else whole


async def ticks(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def within(seconds: float) -> Caller:
    return Caller((), deadline_s=asyncio.get_running_loop().time() + seconds)


async def test_who_asks_the_same_at_the_same_time_shares_one_body() -> None:
    kitchen = Kitchen()
    made = await asyncio.gather(*(kitchen.made() for _ in range(20)))
    assert kitchen.asked == 1
    assert len({id(one.body) for one in made}) == 1
    assert text(made[0]) == kitchen.right()
    assert kitchen.budget.used_bytes == 0


async def test_clients_with_and_without_gzip_share_what_is_fetched() -> None:
    kitchen = Kitchen()
    zipped, plain = await asyncio.gather(kitchen.made(), kitchen.made(wants_gzip=False))
    assert kitchen.asked == 1
    assert (zipped.body.is_gzip, plain.body.is_gzip) == (True, False)
    assert text(zipped) == text(plain) == kitchen.right()


async def test_different_callers_share_nothing() -> None:
    kitchen = Kitchen()
    plans = [kitchen.plan(caller=(name,)) for name in ("team-a", "team-b")]
    made = await asyncio.gather(*(kitchen.made(plan) for plan in plans))
    assert kitchen.asked == 2
    assert made[0].body is not made[1].body
    await kitchen.made(plans[0])  # kept by now: its body is put together without asking, and remembered
    assert kitchen.asked == 2
    assert kitchen.answers.remembered(plans[0], wants_gzip=True) is not None
    assert kitchen.answers.remembered(plans[1], wants_gzip=True) is None


async def test_who_leaves_cancels_only_its_own_wait() -> None:
    kitchen = Kitchen(gate=asyncio.Event())
    first, second = (asyncio.create_task(kitchen.made()) for _ in range(2))
    await ticks()
    first.cancel()
    await ticks()
    assert kitchen.gate
    kitchen.gate.set()
    assert text(await second) == kitchen.right()
    assert kitchen.asked == 1


async def test_the_last_who_leaves_cancels_the_making() -> None:
    kitchen = Kitchen(gate=asyncio.Event())
    tasks = [asyncio.create_task(kitchen.made()) for _ in range(2)]
    await ticks()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await ticks()
    assert kitchen.cached.upstream.asked[0].left
    assert kitchen.budget.used_bytes == 0


async def test_a_body_is_held_until_the_last_has_been_sent_it() -> None:
    kitchen = Kitchen()
    plan = kitchen.plan()
    one = kitchen.answers.make(plan, CALLER, True, False)
    other = kitchen.answers.make(plan, CALLER, True, False)
    first, second = await asyncio.gather(one.__aenter__(), other.__aenter__())
    assert first is second
    assert kitchen.budget.used_bytes == first.body.length
    await one.__aexit__(None, None, None)
    assert kitchen.budget.used_bytes == first.body.length
    await other.__aexit__(None, None, None)
    assert kitchen.budget.used_bytes == 0


async def test_each_waits_until_its_own_deadline() -> None:
    kitchen = Kitchen(gate=asyncio.Event())
    patient = asyncio.create_task(kitchen.made())
    await ticks()
    with pytest.raises(QueryTimeoutError):
        await kitchen.made(caller=within(0.01))
    assert kitchen.gate
    kitchen.gate.set()
    assert text(await patient) == kitchen.right()
    assert kitchen.asked == 1


async def test_who_has_time_left_asks_again_when_that_of_who_asked_first_is_over() -> None:
    kitchen = Kitchen()
    kitchen.gate = asyncio.Event()
    short = within(0.05)

    def too_late(_asked: Asked) -> Exception | None:
        return QueryTimeoutError("late") if kitchen.asked == 1 else None

    kitchen.error = too_late
    first = asyncio.create_task(kitchen.made(caller=short))
    await ticks()
    other_window = asyncio.create_task(kitchen.made(kitchen.plan(GRID.sliced(0, 50))))
    same = asyncio.create_task(kitchen.made())
    await asyncio.sleep(0.06)
    kitchen.gate.set()
    with pytest.raises(QueryTimeoutError):
        await first
    assert text(await same) == kitchen.right()
    assert text(await other_window) == kitchen.right(GRID.sliced(0, 50))
    assert kitchen.budget.used_bytes == 0


async def test_a_timeout_that_is_nobodys_deadline_is_not_asked_again() -> None:
    kitchen = Kitchen(error=lambda _asked: QueryTimeoutError("--upstream.request-timeout"))
    ended = await asyncio.gather(
        kitchen.made(caller=within(5)), kitchen.made(caller=within(9)), return_exceptions=True
    )
    assert [type(one) for one in ended] == [QueryTimeoutError] * 2
    assert kitchen.asked == 1


async def test_what_came_wholly_from_kept_pieces_is_remembered_until_they_may_not_serve() -> None:
    kitchen = Kitchen()
    plan = kitchen.plan()
    await kitchen.made()
    assert kitchen.answers.remembered(plan, wants_gzip=True) is None, "it was fetched"
    made = await kitchen.made()
    assert kitchen.answers.remembered(plan, wants_gzip=True) is made.body
    assert kitchen.answers.remembered(plan, wants_gzip=False) is None
    kitchen.cached.clock.advance(30_000)
    assert kitchen.answers.remembered(plan, wants_gzip=True) is None


async def test_a_refresh_forgets_what_is_remembered_and_shares_nothing() -> None:
    kitchen = Kitchen()
    plan = kitchen.plan()
    for wants_gzip in (True, False, True, False):
        await kitchen.made(wants_gzip=wants_gzip)
    before = kitchen.asked
    await asyncio.gather(kitchen.made(refresh=True), kitchen.made(refresh=True))
    assert kitchen.asked == before + 2
    assert kitchen.answers.remembered(plan, wants_gzip=True) is None
    assert kitchen.answers.remembered(plan, wants_gzip=False) is None


async def test_nobody_joins_what_was_being_made_before_a_purge() -> None:
    kitchen = Kitchen(gate=asyncio.Event())
    first = asyncio.create_task(kitchen.made())
    await ticks()
    kitchen.answers.forget_flights()
    kitchen.cached.queries.forget_flights()
    second = asyncio.create_task(kitchen.made())
    await ticks()
    assert kitchen.gate
    kitchen.gate.set()
    await asyncio.gather(first, second)
    assert kitchen.asked == 2
    assert kitchen.budget.used_bytes == 0


async def test_what_never_fits_is_a_limit_error_and_nothing_stays_held() -> None:
    kitchen = Kitchen(total=5_000)
    with pytest.raises(LimitError):
        await kitchen.made()
    assert kitchen.budget.used_bytes == 0


@pytest.mark.parametrize(
    "error",
    [GONE, BadUpstreamAnswerError("html"), QueryTimeoutError("late")],
    ids=lambda e: type(e).__name__,
)
async def test_kept_data_past_its_life_is_given_when_the_upstream_fails(error: QueryError) -> None:
    kitchen = Kitchen(stale_ms=2 * DAY_MS)
    right = kitchen.right()
    await kitchen.made()
    kitchen.cached.clock.advance(DAY_MS + 65 * MINUTE_MS)
    kitchen.error = lambda _asked: error
    made = await kitchen.made()
    assert made.answer.is_stale
    assert made.answer.no_store
    assert made.answer.steps_hit == GRID.steps
    note = f"thanoxy: {error}; this is kept data, up to 25h5m old"
    assert text(made) == right[:-1] + f',"warnings":["{note}"]}}'.encode()
    assert kitchen.answers.remembered(kitchen.plan(), wants_gzip=True) is None
    assert kitchen.budget.used_bytes == 0


async def test_a_stale_answer_says_how_many_steps_are_missing() -> None:
    kitchen = Kitchen(stale_ms=DAY_MS)
    await kitchen.made(kitchen.plan(GRID.sliced(0, 50)))
    kitchen.error = lambda _asked: GONE
    made = await kitchen.made(wants_gzip=False)
    assert b"0s old, and 10 of 60 steps are missing" in text(made)
    assert made.answer.steps_hit == 50


async def test_all_who_wait_for_a_failing_upstream_share_one_stale_body() -> None:
    kitchen = Kitchen(stale_ms=2 * DAY_MS)
    await kitchen.made()
    kitchen.cached.clock.advance(DAY_MS)
    kitchen.error = lambda _asked: GONE
    made = await asyncio.gather(*(kitchen.made() for _ in range(10)))
    assert len({id(one.body) for one in made}) == 1
    assert kitchen.budget.used_bytes == 0


async def test_who_waited_until_its_own_deadline_is_given_stale_data_too() -> None:
    kitchen = Kitchen(stale_ms=2 * DAY_MS)
    await kitchen.made()
    kitchen.cached.clock.advance(DAY_MS)
    kitchen.gate = asyncio.Event()
    assert (await kitchen.made(caller=within(0.01))).answer.is_stale


@pytest.mark.parametrize(
    "error",
    [UpstreamAnswerError(422, (), b"{}"), LimitError("too large"), TooManyRequestsError("full", 1)],
    ids=lambda e: type(e).__name__,
)
async def test_an_error_that_is_an_answer_is_given_as_it_is(error: QueryError) -> None:
    kitchen = Kitchen(stale_ms=2 * DAY_MS)
    await kitchen.made()
    kitchen.cached.clock.advance(DAY_MS)
    kitchen.error = lambda _asked: error
    with pytest.raises(type(error)):
        await kitchen.made()


async def test_nothing_stale_is_given_unless_the_settings_allow_it() -> None:
    kitchen = Kitchen()
    await kitchen.made()
    kitchen.cached.clock.advance(DAY_MS)
    kitchen.error = lambda _asked: GONE
    with pytest.raises(UpstreamUnreachableError):
        await kitchen.made()


async def test_nothing_is_given_that_is_staler_than_allowed() -> None:
    kitchen = Kitchen(stale_ms=HOUR_MS)
    await kitchen.made()
    kitchen.cached.clock.advance(DAY_MS + HOUR_MS)
    kitchen.error = lambda _asked: GONE
    with pytest.raises(UpstreamUnreachableError):
        await kitchen.made()


async def test_who_asks_for_nothing_that_is_kept_gets_the_error() -> None:
    kitchen = Kitchen(stale_ms=2 * DAY_MS)
    await kitchen.made()
    kitchen.error = lambda _asked: GONE
    with pytest.raises(UpstreamUnreachableError):
        await kitchen.made(refresh=True)


async def test_data_that_is_known_to_lack_something_is_never_given() -> None:
    kitchen = Kitchen(stale_ms=2 * DAY_MS, is_watched=True)
    cached = kitchen.cached
    await cached.look()
    cached.world.is_lost = True
    await kitchen.made()  # before anybody knows
    await cached.look()
    kitchen.error = lambda _asked: GONE
    cached.clock.advance(20_000)
    with pytest.raises(UpstreamUnreachableError):
        await kitchen.made()  # in doubt
    cached.world.is_lost = False
    await cached.look()
    with pytest.raises(UpstreamUnreachableError):
        await kitchen.made()  # lost


async def test_data_that_nobody_has_confirmed_yet_may_be_given() -> None:
    kitchen = Kitchen(stale_ms=2 * DAY_MS, is_watched=True)
    await kitchen.cached.look()
    await kitchen.made()
    kitchen.cached.clock.advance(20_000)
    kitchen.error = lambda _asked: GONE
    assert (await kitchen.made()).answer.is_stale


async def test_a_large_text_is_not_put_together_and_one_sender_collects_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proxy.engine.range_answers.LARGE_TEXT_BYTES", 100)
    kitchen = Kitchen()
    await kitchen.made(wants_gzip=False)
    async with kitchen.answers.make(kitchen.plan(), CALLER, False, False) as made:
        assert made.texts is not None
        assert kitchen.answers.collects(made, made.texts.length)
        assert not kitchen.answers.collects(made, made.texts.length), "another does already"
        assert kitchen.budget.used_bytes >= made.texts.length
        sent = b"".join([piece async for piece in made.texts.read()])
        kitchen.answers.remember(made, Assembled((sent,), len(sent), is_gzip=False))
    assert sent == kitchen.right()
    assert kitchen.answers.remembered(kitchen.plan(), wants_gzip=False) is not None
    assert kitchen.budget.used_bytes == 0


async def test_a_text_is_not_collected_where_there_is_no_memory_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proxy.engine.range_answers.LARGE_TEXT_BYTES", 100)
    kitchen = Kitchen()
    await kitchen.made(wants_gzip=False)
    async with kitchen.answers.make(kitchen.plan(), CALLER, False, False) as made:
        assert made.texts is not None
        kitchen.budget.open().add(kitchen.total)
        assert not kitchen.answers.collects(made, made.texts.length)


ENDS = (None, None, None, GONE, UpstreamAnswerError(422, (), b"{}"), NotSplittableError("odd"))


@given(st.integers(0, 1 << 32))
async def test_whatever_happens_every_ticket_is_closed(seed: int) -> None:
    """Overlapping windows, both encodings, refreshes, purges, failures, deadlines, cancellations."""
    drawn = random.Random(seed)
    kitchen = Kitchen(
        stale_ms=drawn.choice((0, DAY_MS)),
        total=drawn.choice((40_000, 1 << 24)),
        interval_ms=drawn.choice((HOUR_MS, DAY_MS)),
        error=lambda _asked: drawn.choice(ENDS),
        pauses=lambda: drawn.randrange(6),
    )

    async def client() -> None:
        first = drawn.randrange(40)
        plan = kitchen.plan(GRID.sliced(first, first + drawn.randrange(1, 20)))
        caller = within(drawn.choice((0.001, 5)))
        gzip_, refresh = drawn.random() < 0.5, drawn.random() < 0.2
        async with kitchen.answers.make(plan, caller, gzip_, refresh) as made:
            await ticks(drawn.randrange(4))
            assert made.body.length
            if drawn.random() < 0.2:
                raise ConnectionResetError("the client is gone")

    tasks = []
    for _ in range(drawn.randrange(1, 14)):
        tasks.append(asyncio.create_task(client()))
        await ticks(drawn.randrange(3))
        if drawn.random() < 0.25:
            drawn.choice(tasks).cancel()
        if drawn.random() < 0.1:
            kitchen.memo.clear()
            kitchen.answers.forget_flights()
            kitchen.cached.queries.forget_flights()
        if drawn.random() < 0.2:
            kitchen.cached.clock.advance(drawn.choice((1_000, DAY_MS)))
    ended = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    expected = (QueryError, NotSplittableError, ConnectionResetError, asyncio.CancelledError)
    odd = [one for one in ended if isinstance(one, BaseException) and not isinstance(one, expected)]
    assert not odd
    await ticks(20)
    assert kitchen.budget.used_bytes == 0
