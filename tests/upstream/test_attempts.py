"""One question, asked until an answer is good: retries, hedges, and what is left of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
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
from proxy.telemetry.registry import REGISTRY
from proxy.upstream.addresses import Endpoint
from proxy.upstream.attempts import AttemptPolicy, Attempts, Send
from proxy.upstream.budget import BudgetPolicy, RetryBudget
from proxy.upstream.pool import Pool, now_ms

if TYPE_CHECKING:
    from proxy.upstream.balancer import Candidate

A, B, C = (Endpoint(f"http://{name}") for name in "abc")
GONE = UpstreamUnreachableError("gone")


@dataclass(eq=False, slots=True)
class Brought:
    """An answer that knows whether it was let go."""

    by: Endpoint
    status: int = 200
    worth_another: bool = False
    left: bool = False

    def leave(self) -> None:
        self.left = True


Doing = Callable[[Endpoint], Awaitable[Brought]]


@dataclass(slots=True)
class Scripted:
    """`send` of a script: what each address does, or what each attempt does in its turn."""

    by_address: dict[Endpoint, Doing] = field(default_factory=dict)
    in_turn: list[Doing] = field(default_factory=list)
    asked: list[Endpoint] = field(default_factory=list)
    cancelled: list[Endpoint] = field(default_factory=list)
    brought: list[Brought] = field(default_factory=list)
    running: int = 0

    async def __call__(self, endpoint: Endpoint) -> Brought:
        self.asked.append(endpoint)
        doing = self.in_turn.pop(0) if self.in_turn else self.by_address.get(endpoint, good)
        self.running += 1
        try:
            answer = await doing(endpoint)
        except asyncio.CancelledError:
            self.cancelled.append(endpoint)
            raise
        finally:
            self.running -= 1
        self.brought.append(answer)
        return answer


Reading = Callable[[Brought], Awaitable[Brought]]


async def as_it_is(answer: Brought) -> Brought:
    return answer


async def good(endpoint: Endpoint) -> Brought:
    return Brought(endpoint)


def brings(status: int, worth_another: bool = False) -> Doing:
    async def doing(endpoint: Endpoint) -> Brought:
        return Brought(endpoint, status, worth_another)

    return doing


def fails(error: Exception) -> Doing:
    async def doing(_endpoint: Endpoint) -> Brought:
        raise error

    return doing


def after(delay_s: float, then: Doing = good) -> Doing:
    async def doing(endpoint: Endpoint) -> Brought:
        await asyncio.sleep(delay_s)
        return await then(endpoint)

    return doing


never = after(60)


@dataclass(slots=True)
class Asking:
    """Attempts over three addresses, with all of their parts at hand."""

    pool: Pool
    budget: RetryBudget
    attempts: Attempts
    checked: list[Candidate]

    async def run(
        self, send: Send[Brought], kind: object, read: Reading = as_it_is, can_repeat: bool = True
    ) -> Brought:
        return await self.attempts.run(send, kind, read, can_repeat)

    def candidate(self, endpoint: Endpoint) -> Candidate:
        return next(one for one in self.pool.candidates if one.endpoint == endpoint)

    async def learn(self, kind: object = "kind", takes_s: float = 0.0) -> None:
        """So many good answers that it is known how long the kind takes."""
        for _ in range(15):
            await self.run(Scripted(dict.fromkeys((A, B, C), after(takes_s))), kind)

    def assert_idle(self) -> None:
        assert [one.in_flight for one in self.pool.candidates] == [0] * len(self.pool.candidates)
        assert not any(one.breaker._trial_runs for one in self.pool.candidates)


def asking(
    *endpoints: Endpoint,
    most: int = 3,
    hedge: bool = True,
    budget: BudgetPolicy | None = None,
    unknown_hedge_ms: float = 20,
) -> Asking:
    pool = Pool(BreakerPolicy(failures=3, pause_ms=10))
    pool.set_endpoints(endpoints or (A, B, C))
    tokens = RetryBudget(budget or BudgetPolicy())
    checked: list[Candidate] = []

    async def check(candidate: Candidate) -> None:
        checked.append(candidate)
        pool.probe(candidate, is_ready=False)
        raise UpstreamUnreachableError("not ready")

    policy = AttemptPolicy(most, 0.001, hedge, 5, unknown_hedge_ms)
    return Asking(pool, tokens, Attempts(pool, tokens, policy, check), checked)


def counted(name: str, result: str) -> float:
    return REGISTRY.get_sample_value(f"thanoxy_upstream_{name}_total", {"result": result}) or 0


async def test_a_failed_attempt_is_made_again_at_another_address_each_time() -> None:
    for _ in range(20):
        ground, send = asking(), Scripted(in_turn=[fails(GONE), brings(502, True), good])
        answer = await ground.run(send, "kind")
        assert set(send.asked) == {A, B, C}
        assert answer is send.brought[-1]
        assert [one.left for one in send.brought] == [True, False]
        ground.assert_idle()


async def test_one_address_alone_is_asked_again() -> None:
    ground, send = asking(A), Scripted(in_turn=[fails(GONE), good])
    await ground.run(send, "kind")
    assert send.asked == [A, A]


@pytest.mark.parametrize(
    "error",
    [
        QueryTimeoutError("late"),
        LimitError("large"),
        KeyError("a mistake"),
    ],
)
async def test_what_another_attempt_would_not_help_is_raised_at_once(error: Exception) -> None:
    ground, send = asking(), Scripted(in_turn=[fails(error)])
    with pytest.raises(type(error)):
        await ground.run(send, "kind")
    assert len(send.asked) == 1
    ground.assert_idle()


@pytest.mark.parametrize("status", [200, 204, 302, 400, 422, 429, 500, 503])
async def test_an_answer_that_is_not_a_gateways_is_the_answer(status: int) -> None:
    ground, send = asking(), Scripted(in_turn=[brings(status)])
    assert (await ground.run(send, "kind")).status == status
    assert len(send.asked) == 1


async def test_the_last_bad_answer_is_the_answer_when_there_is_no_better_one() -> None:
    ground = asking()
    send = Scripted(dict.fromkeys((A, B, C), brings(502, True)))
    answer = await ground.run(send, "kind")
    assert (answer.status, answer.left) == (502, False)
    assert [one.left for one in send.brought] == [True, True, False]


GARBAGE = BadUpstreamAnswerError("garbage")


def understands(*endpoints: Endpoint, error: Exception = GARBAGE) -> Reading:
    """Reads the answers of some addresses only."""

    async def read(answer: Brought) -> Brought:
        if answer.by not in endpoints:
            raise error
        return answer

    return read


async def test_an_answer_that_is_none_is_asked_for_elsewhere_and_blamed_on_its_address() -> None:
    ground = asking(A, B)
    while ground.candidate(A).breaker.state is State.CLOSED:
        send = Scripted()
        answer = await ground.run(send, "kind", understands(B))
        assert answer.by == B
        assert [(one.by, one.left) for one in send.brought] in ([(B, False)], [(A, True), (B, False)])
        ground.assert_idle()
    assert ground.candidate(B).breaker.state is State.CLOSED


async def test_garbage_wins_no_race_and_is_no_reproach_to_who_is_slower() -> None:
    ground = asking(A, B, unknown_hedge_ms=5)
    ground.candidate(B).in_flight = 1000
    send = Scripted({A: after(0.03), B: good})
    won = counted("hedges", "won")
    answer = await ground.run(send, "kind", understands(A))
    assert (send.asked, answer.by) == ([A, B], A)
    assert [(one.by, one.left) for one in send.brought] == [(B, True), (A, False)]
    assert counted("hedges", "won") == won
    assert ground.candidate(A).slowness(now_ms()) == 1
    ground.candidate(B).in_flight = 0
    ground.assert_idle()


async def test_an_answer_that_has_arrived_and_loses_while_it_is_read_is_let_go() -> None:
    ground, send = asking(A, B, unknown_hedge_ms=5), Scripted(in_turn=[after(0.02), after(0.01)])

    async def first_slowly(answer: Brought) -> Brought:
        await asyncio.sleep(60 if answer.by == send.asked[0] else 0.02)
        return answer

    answer = await ground.run(send, "kind", first_slowly)
    assert answer.by == send.asked[1]
    assert {one.by: one.left for one in send.brought} == {send.asked[0]: True, answer.by: False}
    ground.assert_idle()


async def test_after_garbage_another_address_is_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_sleep(delay_s: float) -> None:
        raise AssertionError(delay_s)

    monkeypatch.setattr("proxy.upstream.attempts.asyncio.sleep", no_sleep)
    for _ in range(9):
        await asking(A, B).run(Scripted(), "kind", understands(B))


async def test_what_nobody_answers_well_is_asked_twice_and_blamed_on_nobody() -> None:
    ground = asking(most=9)
    for _ in range(20):
        send = Scripted()
        with pytest.raises(BadUpstreamAnswerError):
            await ground.run(send, "kind", understands())
        assert len(set(send.asked)) == len(send.asked) == 2
        assert all(one.left for one in send.brought)
    assert all(one.breaker.state is State.CLOSED for one in ground.pool.candidates)
    ground.assert_idle()


async def test_what_is_none_is_not_asked_for_again_at_the_same_address() -> None:
    ground, send = asking(A), Scripted()
    with pytest.raises(BadUpstreamAnswerError):
        await ground.run(send, "kind", understands())
    assert send.asked == [A]


async def test_without_a_budget_what_is_none_is_the_answer() -> None:
    ground, send = asking(budget=BudgetPolicy(0, 0, 0)), Scripted()
    with pytest.raises(BadUpstreamAnswerError):
        await ground.run(send, "kind", understands())
    assert len(send.asked) == 1


async def test_garbage_on_the_wire_is_asked_for_elsewhere_and_is_a_failed_trial() -> None:
    ground = asking(A, B)
    one = await open_trial(ground)
    ground.candidate(B).in_flight = 1000
    send = Scripted({A: fails(GARBAGE)})
    answer = await ground.run(send, None)
    assert (send.asked, answer.by) == ([A, B], B)
    assert one.breaker.state is State.OPEN


@pytest.mark.parametrize("error", [GONE, QueryTimeoutError("late")])
async def test_an_address_whose_answer_breaks_off_while_it_is_read_is_blamed(error: QueryError) -> None:
    ground = asking(A, most=1)
    for _ in range(3):
        with pytest.raises(type(error)):
            await ground.run(Scripted(), "kind", understands(error=error))
    assert ground.candidate(A).breaker.state is State.OPEN


@pytest.mark.parametrize("error", [LimitError("large"), KeyError("a mistake")])
async def test_what_its_reader_cannot_do_is_no_reproach_to_an_address(error: Exception) -> None:
    ground = asking(A)
    one = await open_trial(ground)
    with pytest.raises(type(error)):
        await ground.run(send := Scripted(), "kind", understands(error=error))
    assert (send.asked, send.brought[0].left) == ([A], True)
    assert one.breaker.state is State.CLOSED


async def test_how_long_a_reader_takes_says_nothing_of_the_address() -> None:
    ground, send = asking(A, B, unknown_hedge_ms=5), Scripted()

    async def slowly(answer: Brought) -> Brought:
        await asyncio.sleep(0.03)
        return answer

    await ground.run(send, "kind", slowly)
    assert len(send.asked) == 1
    assert (ground.attempts._latencies.typical_ms("kind") or 0) < 20


async def test_the_last_bad_answer_is_read_and_says_no_more_of_its_address() -> None:
    ground, send = asking(A, most=2), Scripted({A: brings(502, True)})
    with pytest.raises(BadUpstreamAnswerError):
        await ground.run(send, "kind", understands())
    assert send.asked == [A, A]
    assert ground.candidate(A).breaker.state is State.CLOSED, "two failures, not three"


async def test_what_cannot_be_repeated_is_asked_once_and_never_side_by_side() -> None:
    ground, send = asking(unknown_hedge_ms=1), Scripted(in_turn=[after(0.03, fails(GONE))])
    with pytest.raises(UpstreamUnreachableError):
        await ground.run(send, "kind", can_repeat=False)
    assert len(send.asked) == 1


async def test_without_an_address_nobody_is_asked() -> None:
    ground = asking()
    ground.pool.set_endpoints(())
    with pytest.raises(UpstreamUnreachableError, match="no address"):
        await ground.run(Scripted(), "kind")


async def test_a_storm_is_not_multiplied() -> None:
    budget = BudgetPolicy(share=0.1, burst=5, per_second=0)
    ground = asking(budget=budget)
    send = Scripted(dict.fromkeys((A, B, C), fails(GONE)))
    before = counted("retries", "no_budget")
    for _ in range(200):
        with pytest.raises(UpstreamUnreachableError):
            await ground.run(send, "kind")
    assert 200 + 5 + 10 <= len(send.asked) <= 200 + 5 + 20
    assert counted("retries", "no_budget") >= before + 180


async def test_hedges_and_retries_live_on_the_same_budget() -> None:
    ground = asking(budget=BudgetPolicy(share=0.001, burst=1, per_second=0), unknown_hedge_ms=1)
    await ground.run(Scripted(in_turn=[never]), "kind")
    slow_then_gone = Scripted(in_turn=[after(0.02, fails(GONE))])
    with pytest.raises(UpstreamUnreachableError):
        await ground.run(slow_then_gone, "kind")
    assert len(slow_then_gone.asked) == 1


async def test_a_late_question_is_asked_elsewhere_too_and_the_first_answer_counts() -> None:
    ground, send = asking(), Scripted(in_turn=[never, good])
    await ground.learn()
    sent, won = counted("hedges", "sent"), counted("hedges", "won")
    began_s = asyncio.get_running_loop().time()
    answer = await ground.run(send, "kind")
    assert asyncio.get_running_loop().time() - began_s < 1
    first, second = send.asked
    assert first != second == answer.by
    assert send.cancelled == [first]
    assert (counted("hedges", "sent"), counted("hedges", "won")) == (sent + 1, won + 1)
    assert ground.candidate(first).slowness(now_ms()) > 1.5
    assert send.running == 0
    ground.assert_idle()


async def test_a_question_is_late_only_after_nearly_all_of_its_kind_were() -> None:
    ground = asking(unknown_hedge_ms=1)
    await ground.learn("slow", takes_s=0.03)
    send = Scripted(dict.fromkeys((A, B, C), after(0.02)))
    await ground.run(send, "slow")
    assert len(send.asked) == 1


async def test_a_hedge_that_loses_is_cancelled_and_says_nothing() -> None:
    ground, send = asking(unknown_hedge_ms=10), Scripted(in_turn=[after(0.03), never])
    won = counted("hedges", "won")
    answer = await ground.run(send, "kind")
    first, second = send.asked
    assert answer.by == first
    assert send.cancelled == [second]
    assert counted("hedges", "won") == won
    assert ground.pool.take_answered() == {ground.candidate(first)}
    ground.assert_idle()


async def test_a_hedge_that_loses_after_it_has_answered_is_let_go() -> None:
    both = asyncio.Event()

    async def at_once(endpoint: Endpoint) -> Brought:
        await both.wait()
        return Brought(endpoint)

    ground, send = asking(unknown_hedge_ms=5), Scripted(in_turn=[at_once, at_once])
    run = asyncio.create_task(ground.run(send, "kind"))
    async with asyncio.timeout(5):
        while len(send.asked) < 2:  # noqa: ASYNC110  a script tells nobody
            await asyncio.sleep(0.005)
    both.set()
    answer = await run
    assert [one.left for one in send.brought] == [one is not answer for one in send.brought]
    assert len(send.brought) == 2
    ground.assert_idle()


@pytest.mark.parametrize("error", [GONE, QueryTimeoutError("late"), BadUpstreamAnswerError("garbage")])
@pytest.mark.parametrize("is_first_bad", [True, False])
async def test_where_two_run_one_that_fails_leaves_it_to_the_other(
    error: QueryError, is_first_bad: bool
) -> None:
    doing = [after(0.02, fails(error)), after(0.03)]
    ground = asking(unknown_hedge_ms=5)
    send = Scripted(in_turn=doing if is_first_bad else doing[::-1])
    answer = await ground.run(send, "kind")
    assert len(send.asked) == 2
    assert answer.by == send.asked[1 if is_first_bad else 0]
    ground.assert_idle()


async def test_a_hedge_that_meets_a_limit_is_no_reproach_to_the_first() -> None:
    ground, send = asking(unknown_hedge_ms=5), Scripted(in_turn=[never, fails(LimitError("large"))])
    won = counted("hedges", "won")
    with pytest.raises(LimitError):
        await ground.run(send, "kind")
    assert counted("hedges", "won") == won
    assert ground.candidate(send.asked[0]).slowness(now_ms()) == 1
    ground.assert_idle()


async def test_a_limit_while_another_runs_ends_both() -> None:
    ground, send = (
        asking(unknown_hedge_ms=5),
        Scripted(in_turn=[after(0.02, fails(LimitError("x"))), never]),
    )
    with pytest.raises(LimitError):
        await ground.run(send, "kind")
    assert send.cancelled == [send.asked[1]]
    ground.assert_idle()


@pytest.mark.parametrize(
    ("endpoints", "kind", "hedge"),
    [((A,), "kind", True), ((A, B), None, True), ((A, B), "kind", False)],
)
async def test_where_there_is_no_hedge_there_is_no_task(
    endpoints: tuple[Endpoint, ...], kind: object, hedge: bool
) -> None:
    ground = asking(*endpoints, hedge=hedge, unknown_hedge_ms=1)
    here = asyncio.current_task()

    async def same_task(endpoint: Endpoint) -> Brought:
        assert asyncio.current_task() is here
        return Brought(endpoint)

    await ground.run(same_task, kind)


async def test_a_good_answer_of_one_address_needs_no_turn_of_the_loop() -> None:
    run = asking(A).run(good, "kind")
    with pytest.raises(StopIteration) as ended:
        run.send(None)
    assert ended.value.value.by == A


async def test_questions_that_come_together_see_each_other() -> None:
    ground, send = asking(), Scripted(dict.fromkeys((A, B, C), after(0.01)))
    ground.candidate(A).judge(0.9, now_ms())  # a little faster: all would run there
    await asyncio.gather(*(ground.run(send, "kind") for _ in range(30)))
    assert all(7 <= send.asked.count(one) <= 13 for one in (A, B, C))


async def open_trial(ground: Asking) -> Candidate:
    """The breaker of A has opened, and its pause is over."""
    one = ground.candidate(A)
    for _ in range(3):
        ground.pool.fail(one)
    await asyncio.sleep(0.015)
    assert one.breaker.state is State.OPEN
    assert one.breaker.allows(now_ms())
    return one


async def test_of_questions_that_come_together_one_is_the_trial() -> None:
    ground, send = asking(A, B), Scripted(dict.fromkeys((A, B), after(0.01)))
    await open_trial(ground)
    await asyncio.gather(*(ground.run(send, "kind") for _ in range(30)))
    assert send.asked.count(A) == 1


@pytest.mark.parametrize(
    "doing",
    [
        pytest.param(fails(LimitError("large")), id="limit"),
        pytest.param(fails(KeyError("mistake")), id="mistake"),
        pytest.param(brings(500), id="500"),
        pytest.param(never, id="left"),
    ],
)
@pytest.mark.parametrize("kind", ["kind", None])
async def test_a_trial_that_says_nothing_makes_room_for_the_next(doing: Doing, kind: object) -> None:
    ground = asking(A, B, unknown_hedge_ms=60_000)
    one = await open_trial(ground)
    ground.candidate(B).in_flight = 1000
    run = asyncio.create_task(ground.run(Scripted({A: doing}), kind))
    await asyncio.sleep(0.01)
    run.cancel()
    await asyncio.wait([run])
    run.cancelled() or run.exception()
    assert one.breaker.state is State.HALF_OPEN
    assert one.breaker.allows(now_ms())
    ground.candidate(B).in_flight = 0
    ground.assert_idle()


async def test_a_trial_that_is_cancelled_before_it_has_begun_makes_room_for_the_next() -> None:
    ground = asking(A, B)
    one = await open_trial(ground)
    ground.candidate(B).in_flight = 1000
    send = Scripted()
    run = asyncio.create_task(ground.run(send, "kind"))
    await asyncio.sleep(0)
    (attempt,) = asyncio.all_tasks() - {run, asyncio.current_task()}
    assert one.in_flight == 1
    attempt.cancel()
    await asyncio.wait([run])
    assert send.asked == []
    assert one.in_flight == 0
    assert one.breaker.allows(now_ms())


async def test_a_hedge_may_be_the_trial_of_the_only_other_address() -> None:
    ground = asking(A, B, unknown_hedge_ms=20)
    one = await open_trial(ground)
    one.in_flight = 1000
    send = Scripted({B: after(0.05)})
    answer = await ground.run(send, "kind")
    assert (send.asked, answer.by) == ([B, A], A)
    assert one.breaker.state is State.CLOSED


async def test_no_hedge_goes_to_an_address_whose_trial_runs() -> None:
    ground = asking(A, B, unknown_hedge_ms=5)
    one = await open_trial(ground)
    trial = ground.pool.begin(one)
    send = Scripted({B: after(0.03)})
    await ground.run(send, "kind")
    assert send.asked == [B]
    trial.close()


async def test_quick_refusals_do_not_make_an_address_look_fast() -> None:
    ground = asking()
    await ground.learn(takes_s=0.002)
    for status in (400, 422, 429, 500, 503):
        for _ in range(10):
            await ground.run(Scripted(dict.fromkeys((A, B, C), brings(status))), "kind")
    assert all(one.slowness(now_ms()) > 0.4 for one in ground.pool.candidates)
    assert (ground.attempts._latencies.typical_ms("kind") or 0) > 1


async def test_a_server_error_neither_ejects_nor_absolves() -> None:
    ground = asking(A)
    for _ in range(10):
        await ground.run(Scripted({A: brings(500)}), "kind")
    for _ in range(2):
        ground.pool.fail(ground.candidate(A))
    await ground.run(Scripted({A: brings(503)}), "kind")
    assert ground.candidate(A).breaker.state is State.CLOSED
    ground.pool.fail(ground.candidate(A))
    assert ground.candidate(A).breaker.state is State.OPEN


async def test_timeouts_and_broken_connections_eject() -> None:
    for error in (QueryTimeoutError("late"), GONE):
        ground = asking(A, most=1)
        for _ in range(3):
            with pytest.raises(type(error)):
                await ground.run(Scripted({A: fails(error)}), "kind")
        assert ground.candidate(A).breaker.state is State.OPEN


async def test_who_refused_a_connection_is_asked_whether_it_is_ready_before_anything_else() -> None:
    ground, send = asking(A, most=1), Scripted({A: fails(UpstreamRefusedError("refused"))})
    for _ in range(2):
        with pytest.raises(UpstreamUnreachableError):
            await ground.run(send, "kind")
    assert len(send.asked) == 1
    assert ground.checked == [ground.candidate(A)]
    ground.assert_idle()


async def test_a_backoff_doubles_with_jitter_and_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def short(delay_s: float) -> None:
        slept.append(delay_s * 1000)
        await sleep(0)

    ground = asking(A, most=12)
    send = Scripted({A: fails(GONE)})
    monkeypatch.setattr("proxy.upstream.attempts.asyncio.sleep", short)
    with pytest.raises(UpstreamUnreachableError):
        await ground.run(send, "kind")
    assert len(slept) == 11
    for number, took_ms in enumerate(slept, 1):
        assert 0 <= took_ms <= 2 ** min(number, 6)
    assert len(set(slept)) == 11
