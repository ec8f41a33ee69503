"""The plan of a run: open loop, from a seed."""

from __future__ import annotations

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from proxy.load.schedule import arrivals, expected_requests, user_phases
from proxy.load.workload import Workload
from tests.load.examples import QUESTION, workload


def log_like(*offsets_ms: float, turn_ms: float) -> Workload:
    return Workload("log", (QUESTION,) * len(offsets_ms), offsets_ms, turn_ms)


def test_the_first_user_begins_at_once_and_asks_everything_every_turn() -> None:
    plan = list(arrivals(workload(QUESTION, QUESTION), 1, 1, 2_500.0))
    assert [(a.at_ms, a.question) for a in plan] == [
        (0.0, 0),
        (0.0, 1),
        (1_000.0, 0),
        (1_000.0, 1),
        (2_000.0, 0),
        (2_000.0, 1),
    ]


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    first, again, other = (list(arrivals(workload(), 20, seed, 5_000.0)) for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_users_are_spread_over_the_whole_interval() -> None:
    phases = user_phases(400, 1_000.0, 3)
    quarters = Counter(int(phase // 250) for phase in phases)
    assert sorted(quarters) == [0, 1, 2, 3]
    assert min(quarters.values()) > 70


@given(
    st.lists(st.floats(0, 5_000), min_size=1, max_size=8).map(sorted),
    st.integers(1, 6),
    st.integers(0, 10),
)
def test_every_user_asks_every_question_once_in_every_turn(
    offsets: list[float], users: int, seed: int
) -> None:
    work = log_like(*offsets, turn_ms=6_000.0)
    plan = list(arrivals(work, users, seed, 18_000.0))
    assert [a.at_ms for a in plan] == sorted(a.at_ms for a in plan)
    assert plan[0].at_ms >= 0
    assert plan[-1].at_ms < 18_000.0
    asked = Counter((a.user, a.question) for a in plan)
    assert set(asked) == set(itertools.product(range(users), range(len(offsets))))
    assert set(asked.values()) == {3}


def test_a_log_is_asked_at_its_own_pace_and_then_again() -> None:
    plan = arrivals(log_like(0.0, 30.0, 100.0, turn_ms=150.0), 1, 1, 400.0)
    assert [(a.at_ms, a.question) for a in plan] == [
        (0.0, 0),
        (30.0, 1),
        (100.0, 2),
        (150.0, 0),
        (180.0, 1),
        (250.0, 2),
        (300.0, 0),
        (330.0, 1),
    ]


def test_a_plan_is_made_as_it_is_read_and_not_before() -> None:
    endless = arrivals(workload(), 1_000, 1, 1e12)
    assert len(list(itertools.islice(endless, 10))) == 10


def test_the_number_of_requests_is_known_beforehand() -> None:
    work = workload(QUESTION, QUESTION, QUESTION)
    assert expected_requests(work, 10, 20_000.0) == 600
    assert len(list(arrivals(work, 10, 5, 20_000.0))) == 600
