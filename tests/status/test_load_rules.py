"""What is found of the load, and what is not."""

from __future__ import annotations

import pytest

from proxy.status.load_rules import answers, loop, memory, queries, queue
from proxy.status.snapshot import FailingQuery, MemoryInFlight, Queue, Rates, TenantLoad
from tests.status.snapshots import NOW_MS, faults, only


def test_a_queue_that_stands_still_is_stuck() -> None:
    stuck = Queue(running=4, most=4, waiting=2, stuck_ms=10_000)
    found = only(queue, queue=stuck)
    assert (found.fault, found.is_critical) == ("queue_stuck", True)
    assert found.text == (
        "2 requests wait for a turn, and none was given one for 10 s: all 4 turns are held"
    )
    assert faults(queue, queue=Queue(running=4, most=4, waiting=2, stuck_ms=9_999)) == []
    assert faults(queue, queue=Queue(running=4, most=4, waiting=0, stuck_ms=99_999)) == []
    assert faults(queue, queue=Queue(running=3, most=4, waiting=2, stuck_ms=99_999)) == []


def test_a_tenant_that_has_most_while_others_wait_is_hot() -> None:
    tenants = (TenantLoad("a", 6, 10, 0.9), TenantLoad("b", 2, 3, 0.1))
    found = only(queue, queue=Queue(8, 8, 13, tenants=tenants))
    assert (found.fault, found.subject, found.weight) == ("hot_tenant", "a", 70)
    assert found.text == (
        "tenant a holds 6 of 8 turns while 3 requests of others wait; "
        "it took 90 % of the upstream's time in the last minute"
    )


def test_a_tenant_that_only_itself_waits_for_weighs_less() -> None:
    tenants = (TenantLoad("a", 2, 10, 0.9), TenantLoad("b", 2, 0, 0.1))
    found = only(queue, queue=Queue(4, 8, 10, tenants=tenants))
    assert (found.fault, found.weight) == ("hot_tenant", 54)
    assert "while 10 requests of its own wait" in found.text


def test_nobody_is_hot_where_nobody_waits_or_all_have_as_much() -> None:
    busy = (TenantLoad("a", 8, 0, 1.0),)
    assert faults(queue, queue=Queue(8, 8, 0, tenants=busy)) == []
    even = (TenantLoad("a", 4, 2, 0.5), TenantLoad("b", 4, 2, 0.5))
    assert faults(queue, queue=Queue(8, 8, 4, tenants=even)) == []
    few = (TenantLoad("a", 1, 1, 1.0), TenantLoad("b", 0, 0, 0.1))
    assert faults(queue, queue=Queue(1, 1, 1, tenants=few)) == []


def test_the_only_tenant_is_not_hot_but_its_queue_may_be_long() -> None:
    alone = (TenantLoad("a", 8, 9, 1.0),)
    assert faults(queue, queue=Queue(8, 8, 9, tenants=alone)) == ["queue_long"]
    assert faults(queue, queue=Queue(8, 8, 8, tenants=alone)) == []


def test_more_that_wait_than_run_or_are_refused_make_a_long_queue() -> None:
    even = (TenantLoad("a", 4, 5, 0.5), TenantLoad("b", 4, 5, 0.5))
    assert faults(queue, queue=Queue(8, 8, 10, tenants=even)) == ["queue_long"]
    fair = (TenantLoad("a", 4, 2, 0.5), TenantLoad("b", 4, 2, 0.5))
    refusing = only(queue, queue=Queue(8, 8, 4, 0.3, tenants=fair))
    assert (refusing.fault, refusing.is_critical) == ("queue_long", True)
    assert faults(queue, queue=Queue(8, 8, 4, 0.2, tenants=fair)) == []


def test_answers_that_get_no_memory_are_named() -> None:
    assert faults(memory, memory=MemoryInFlight(99, 100, 0, 0.2)) == []
    waits = only(memory, memory=MemoryInFlight(99, 100, 1, 0.0))
    assert (waits.fault, waits.is_critical) == ("no_memory", False)
    assert waits.text == "1 answer wait for want of memory: answers under way hold 99 B of 100 B"
    refused = only(memory, memory=MemoryInFlight(99, 100, 1, 0.3))
    assert (refused.is_critical, refused.weight > waits.weight) == (True, True)


def test_an_expression_that_fails_three_times_is_named() -> None:
    query = FailingQuery("sum(x)", 3, "timeout", "dash", "team", NOW_MS - 45_000)
    found = only(queries, failing=(query,))
    assert (found.fault, found.subject) == ("query_of_death", "sum(x)")
    assert found.text == (
        "the query sum(x) (tenant team, dashboard dash) failed 3 times within five minutes (timeout)"
    )
    assert faults(queries, failing=(FailingQuery("sum(x)", 2, "timeout", last_ms=NOW_MS),)) == []
    assert faults(queries, failing=(FailingQuery("x", 9, "timeout", last_ms=NOW_MS - 45_001),)) == []


def test_where_many_expressions_fail_it_is_not_they() -> None:
    failing = tuple(FailingQuery(f"q{number}", 9, "timeout", last_ms=NOW_MS) for number in range(4))
    assert faults(queries, failing=failing) == []
    assert faults(queries, failing=failing[:3]) == ["query_of_death"] * 3


def test_a_query_that_ran_when_a_process_died_is_always_named() -> None:
    failing = tuple(FailingQuery(f"q{number}", 9, "timeout", last_ms=NOW_MS) for number in range(4))
    found = only(queries, failing=(*failing, FailingQuery("deadly", 0, has_killed=True)))
    assert (found.subject, found.is_critical) == ("deadly", True)
    assert found.text == "the query deadly ran when a process died"


@pytest.mark.parametrize(
    ("rates", "is_found"),
    [
        (Rates(loop_lag_ms=499, loop_busy=0.94), False),
        (Rates(loop_lag_ms=500), True),
        (Rates(loop_busy=0.95), True),
    ],
)
def test_a_process_without_time_is_named(rates: Rates, is_found: bool) -> None:
    assert faults(loop, rates=rates) == ["loop_blocked"] * is_found


def test_errors_are_told_by_their_share() -> None:
    assert faults(answers, rates=Rates(requests_per_s=100, errors_per_s=4.9)) == []
    assert faults(answers, rates=Rates(requests_per_s=1, errors_per_s=0.2)) == []
    some = only(answers, rates=Rates(requests_per_s=100, errors_per_s=5))
    assert (some.fault, some.is_critical) == ("errors", False)
    assert some.text == "5 % of the answers are errors (5.0 a second)"
    assert only(answers, rates=Rates(requests_per_s=10, errors_per_s=2)).is_critical


def test_slow_answers_are_told() -> None:
    assert faults(answers, rates=Rates(p99_ms=4_999)) == []
    assert faults(answers, rates=Rates(p99_ms=5_000)) == ["slow"]
