"""Tasks side by side: who wins, how the others end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from proxy.errors import (
    BadUpstreamAnswerError,
    LimitError,
    QueryTimeoutError,
    UpstreamUnreachableError,
)
from proxy.upstream.races import end_all, first_good, is_good, leave_all


@dataclass(eq=False, slots=True)
class Brought:
    status: int = 200
    worth_another: bool = False
    left: int = 0

    def leave(self) -> None:
        self.left += 1


def racer(outcome: Brought | Exception, after_s: float = 0) -> asyncio.Task[Brought]:
    async def run() -> Brought:
        await asyncio.sleep(after_s)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return asyncio.create_task(run())


GOOD = Brought()
GATEWAY = Brought(502, worth_another=True)
GONE = UpstreamUnreachableError("gone")
LATE = QueryTimeoutError("late")
GARBAGE = BadUpstreamAnswerError("garbage")
LIMIT = LimitError("too large")


@pytest.mark.parametrize("bad", [GATEWAY, GONE, LATE, GARBAGE], ids=["502", "gone", "late", "garbage"])
@pytest.mark.parametrize("is_bad_first", [True, False])
@pytest.mark.parametrize("later_s", [0, 0.01])
async def test_a_good_answer_wins_over_a_failure_whichever_ends_first(
    bad: Brought | Exception, is_bad_first: bool, later_s: float
) -> None:
    failing = racer(bad, 0 if is_bad_first else later_s)
    good = racer(GOOD, later_s if is_bad_first else 0)
    assert await first_good([failing, good]) is good
    assert await first_good([good, failing]) is good
    await end_all([failing])


async def test_of_two_that_ended_at_the_same_time_the_good_one_wins_wherever_it_stands() -> None:
    for _ in range(50):  # which of two comes first in a set is chance
        racers = [racer(GONE), racer(GOOD)]
        await asyncio.wait(racers)
        assert await first_good(racers) is racers[1]
        assert await first_good(racers[::-1]) is racers[1]


@pytest.mark.parametrize("error", [LIMIT, KeyError("a mistake")])
async def test_a_limit_or_a_mistake_ends_the_race_at_once(error: Exception) -> None:
    other, failing = racer(GOOD, 60), racer(error)
    assert await first_good([other, failing]) is failing
    await end_all([other, failing])


async def test_when_none_is_good_the_last_that_ends_counts() -> None:
    racers = [racer(GATEWAY, 0.01), racer(GONE)]
    assert await first_good(racers) is racers[0]
    await end_all(racers)


async def test_only_an_answer_that_nobody_else_need_be_asked_for_is_good() -> None:
    racers = [racer(GOOD), racer(GATEWAY), racer(GONE)]
    await asyncio.wait(racers)
    assert [is_good(one) for one in racers] == [True, False, False]


async def test_what_the_others_brought_is_let_go_and_their_errors_are_read() -> None:
    brought = Brought()
    racers = [racer(brought), racer(GONE), racer(GOOD, 60)]
    await asyncio.wait(racers[:2])
    await leave_all(racers)
    assert brought.left == 1
    assert racers[2].cancelled()


async def test_whoever_ends_others_stays_until_all_have_ended_even_when_cancelled_again() -> None:
    ended = []

    async def slow_to_leave() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            ended.append(1)

    tasks = [asyncio.create_task(slow_to_leave()) for _ in range(3)]
    await asyncio.sleep(0)
    ending = asyncio.create_task(end_all(tasks))
    for _ in range(3):
        await asyncio.sleep(0.001)
        ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert len(ended) == 3


async def test_an_answer_is_let_go_even_when_whoever_leaves_it_is_cancelled_again() -> None:
    brought = Brought()

    async def stubborn() -> Brought:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
        return brought

    attempt = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    leaving = asyncio.create_task(leave_all([attempt]))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert brought.left == 1


async def test_an_error_of_who_is_ended_is_not_missed() -> None:
    failing = racer(GONE)
    await asyncio.wait([failing])
    await end_all([failing])
    assert not failing._log_traceback, "nobody will say that it was never retrieved"


async def test_nobody_to_end_is_no_wait() -> None:
    await end_all([])
