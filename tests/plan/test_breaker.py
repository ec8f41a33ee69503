"""When an address gets no work: the transitions, and plain numbers for the time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.plan.breaker import Breaker, BreakerPolicy, State

POLICY = BreakerPolicy(
    failures=3, failed_probes=2, pause_ms=1_000, most_pause_ms=8_000, slow_return_ms=10_000
)


def breaker() -> Breaker:
    return Breaker(POLICY)


def opened(now_ms: int = 0) -> Breaker:
    one = breaker()
    for _ in range(POLICY.failures):
        one.fail(now_ms)
    return one


def test_failures_in_a_row_open_it_and_a_success_in_between_does_not() -> None:
    one = breaker()
    for fails in (True, True, False, True, True):
        (one.fail if fails else one.succeed)(0)
    states = [one.state]
    one.fail(0)
    assert [*states, one.state] == [State.CLOSED, State.OPEN]
    assert not one.allows(999)


def test_after_the_pause_one_trial_is_let_in_at_a_time() -> None:
    one = opened()
    assert one.allows(1_000)
    one.begin(1_000)
    assert one.state is State.HALF_OPEN
    assert not one.allows(1_000)
    one.abandon()
    assert one.allows(1_000)


def test_a_trial_that_succeeds_closes_it() -> None:
    one = opened()
    one.begin(1_000)
    one.succeed(1_200)
    assert one.state is State.CLOSED
    assert one.allows(1_200)


@pytest.mark.parametrize(("trials", "pause_ms"), [(1, 2_000), (2, 4_000), (3, 8_000), (9, 8_000)])
def test_each_trial_that_fails_makes_the_pause_longer(trials: int, pause_ms: int) -> None:
    one, now_ms = opened(), 0
    for _ in range(trials):
        now_ms += POLICY.most_pause_ms
        one.begin(now_ms)
        one.fail(now_ms)
    assert not one.allows(now_ms + pause_ms - 1)
    assert one.allows(now_ms + pause_ms)


def test_the_pause_is_short_again_only_after_a_full_return() -> None:
    one = opened()
    one.begin(1_000)
    one.succeed(1_000)
    for _ in range(POLICY.failures):
        one.fail(2_000)
    assert not one.allows(2_000 + 1_999)
    one.begin(4_000)
    one.succeed(4_000)
    one.succeed(14_000)
    for _ in range(POLICY.failures):
        one.fail(15_000)
    assert one.allows(16_000)


def test_probes_that_fail_open_it_and_keep_it_open_until_one_succeeds() -> None:
    one = breaker()
    one.probe(is_ready=False, now_ms=0)
    assert one.allows(0)
    one.probe(is_ready=False, now_ms=0)
    assert one.state is State.OPEN
    assert not one.allows(10**6)
    one.probe(is_ready=True, now_ms=10**6)
    assert one.allows(10**6)


def test_a_probe_that_succeeds_does_not_end_the_pause() -> None:
    one = opened()
    one.probe(is_ready=True, now_ms=500)
    assert not one.allows(999)


@pytest.mark.parametrize(
    ("since_ms", "weight"), [(0, 0.1), (500, 0.1), (5_000, 0.5), (10_000, 1.0), (10**9, 1.0)]
)
def test_who_returns_gets_its_share_slowly(since_ms: int, weight: float) -> None:
    one = opened()
    one.begin(1_000)
    one.succeed(1_000)
    assert one.weight(1_000 + since_ms) == pytest.approx(weight)


def test_who_was_never_away_has_its_full_share() -> None:
    assert breaker().weight(0) == 1.0


def test_an_answer_that_comes_while_it_is_open_closes_it() -> None:
    one = opened()
    one.begin(10)
    states = [one.state]  # all were as bad, so it was asked all the same
    one.succeed(20)
    assert [*states, one.state] == [State.OPEN, State.CLOSED]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "succeed", "fail", "abandon", "ready", "not ready"]),
        st.integers(0, 5_000),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_happens_it_may_work_again_when_it_is_ready_and_the_longest_pause_is_over(
    steps: list[tuple[str, int]],
) -> None:
    one, now_ms = breaker(), 0
    for step, later_ms in steps:
        now_ms += later_ms
        if step == "abandon":
            one.abandon()
        elif step in {"ready", "not ready"}:
            one.probe(step == "ready", now_ms)
        else:
            getattr(one, step)(now_ms)
        assert 0 < one.weight(now_ms) <= 1
    one.abandon()
    one.probe(is_ready=True, now_ms=now_ms)
    assert one.allows(now_ms + POLICY.most_pause_ms)


def test_an_address_that_refused_a_connection_gets_no_work_until_it_says_that_it_is_ready() -> None:
    one = breaker()
    one.fail(0, is_refused=True)
    assert one.state is State.CLOSED
    assert not one.allows(10**6)
    one.probe(is_ready=False, now_ms=1)
    assert not one.allows(10**6)
    one.probe(is_ready=True, now_ms=2)
    assert one.allows(2)


def test_where_nobody_probes_a_refused_connection_is_a_failure_like_others() -> None:
    one = Breaker(BreakerPolicy(failures=3, is_probed=False))
    one.fail(0, is_refused=True)
    assert one.allows(0)


def test_an_address_that_fails_every_second_time_is_opened_too() -> None:
    one = breaker()
    for turn in range(40):
        (one.fail if turn % 2 else one.succeed)(turn)
        if one.state is State.OPEN:
            break
    assert 10 <= turn < 25


def test_a_failure_now_and_then_does_not_open_it() -> None:
    one = breaker()
    for turn in range(400):
        (one.succeed if turn % 5 else one.fail)(turn)
    assert one.state is State.CLOSED


def test_one_that_says_that_it_is_not_ready_is_asked_last_of_all() -> None:
    one = breaker()
    one.probe(is_ready=False, now_ms=0)
    assert one.is_last_resort
    one.probe(is_ready=True, now_ms=0)
    assert not one.is_last_resort
