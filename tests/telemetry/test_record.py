"""What is written down of a request."""

from __future__ import annotations

import asyncio
from contextvars import Context

import pytest

from proxy.telemetry.record import (
    ANALYSE,
    FETCH,
    LOOKUP,
    PLAN,
    SCAN,
    SEND,
    WAIT,
    Ask,
    Record,
    asked,
    asking,
    begin,
    current,
)


def of(*marks: tuple[str, float], asks: tuple[Ask, ...] = ()) -> Record:
    """A record that began at 0."""
    record = Record(1, "query_range", None)
    record.began_s = 0.0
    record.marks = list(marks)
    record.asks = asks
    return record


def ask_of(*moments: float) -> Ask:
    ask = Ask()
    ask.begun_s, ask.sent_s, ask.arrived_s, ask.done_s = moments
    return ask


def test_stages_follow_each_other_and_add_up() -> None:
    record = of((ANALYSE, 0.5), (PLAN, 0.75), (LOOKUP, 1.0), (LOOKUP, 1.5))
    assert record.stages_s() == {ANALYSE: 0.5, PLAN: 0.25, LOOKUP: 0.75}


def test_the_question_that_is_ready_last_says_what_the_time_of_all_was_spent_with() -> None:
    quick, slow = ask_of(1.0, 1.0, 2.0, 2.5), ask_of(1.0, 2.0, 8.0, 11.0)
    stages = of((ANALYSE, 1.0), (FETCH, 11.0), (SEND, 12.0), asks=(slow, quick)).stages_s()
    assert stages == {ANALYSE: 1.0, WAIT: 1.0, FETCH: 6.0, SCAN: 3.0, SEND: 1.0}
    assert list(stages) == [ANALYSE, WAIT, FETCH, SCAN, SEND]


def test_waiting_for_a_fetch_that_somebody_else_began_takes_no_more_than_it_took() -> None:
    """The question may be older than the phase in which it was waited for."""
    stages = of((ANALYSE, 10.0), (FETCH, 11.0), asks=(ask_of(1.0, 9.0, 10.5, 10.9),)).stages_s()
    assert stages[FETCH] == stages[SCAN] == 0.0
    assert sum(stages.values()) == 11.0


def test_a_question_says_how_far_it_is() -> None:
    ask = Ask(1_000, 2_000)
    assert ask.state == "waiting"
    ask.send()
    assert ask.state == "fetching"
    ask.attempt("http://a")
    ask.attempt("http://b")
    assert (ask.url, ask.attempts) == ("http://b", 2)
    ask.arrive(7)
    assert ask.state == "scanning"
    ask.end()
    ask.end(has_failed=True)
    assert ask.state == "done"
    assert all(took_s >= 0 for took_s in ask.stages_s())


def test_who_asks_within_a_question_finds_it() -> None:
    record = Record(1, "query_range", None)
    begin(record)
    with asking(0, 60_000) as outer, asked() as inner:
        assert inner is outer
    assert list(record.asks) == [outer]
    assert outer.state == "done"
    with asked() as own:
        assert own is not outer
    assert list(record.asks) == [outer, own]


def test_a_question_that_fails_says_so() -> None:
    record = Record(1, "query_range", None)
    begin(record)
    with pytest.raises(ValueError, match="no"), asking():
        raise ValueError("no")
    assert record.asks[0].state == "failed"


async def test_tasks_write_into_the_record_of_the_request_that_started_them() -> None:
    async def work() -> None:
        current().mark(SCAN)

    async def request(number: int) -> Record:
        record = Record(number, "query_range", None)
        begin(record)
        async with asyncio.TaskGroup() as group:
            group.create_task(work())
        return record

    async with asyncio.TaskGroup() as group:
        both = [group.create_task(request(number)) for number in (1, 2)]
    assert [len(task.result().marks) for task in both] == [1, 1]


def test_of_very_many_questions_the_last_are_not_remembered() -> None:
    record = Record(1, "query_range", None)
    for _ in range(1_500):
        record.ask()
    assert len(record.asks) == 1_000


def test_work_that_belongs_to_no_request_leaves_nothing() -> None:
    def work() -> tuple[int, int]:
        current().mark(SCAN)
        with asking():
            pass
        return len(current().marks), len(current().asks)

    assert Context().run(work) == (0, 0)
