"""How fast counters grow."""

from __future__ import annotations

from prometheus_client import Counter

from proxy.status.rates import Rate, Rates, total


def test_a_rate_is_of_the_last_ten_seconds() -> None:
    rate = Rate()
    assert rate.per_s(100, 0) == 0
    assert rate.per_s(110, 2_000) == 5
    for second in range(3, 30):
        rate.per_s(110, second * 1_000)
    assert rate.per_s(110, 30_000) == 0


def test_a_rate_may_look_back_less_far() -> None:
    rates = Rates(scale=0.1)
    assert rates.per_s(0, 0, "a") == 0
    assert rates.per_s(9, 1_000, "a") == 9
    assert rates.per_s(9, 2_000, "a") == 0


def test_what_happened_in_a_moment_is_not_multiplied() -> None:
    rate = Rate()
    rate.per_s(0, 0)
    assert rate.per_s(3, 100) == 3


def test_a_counter_that_begins_anew_and_a_clock_that_goes_back_say_nothing() -> None:
    rate = Rate()
    rate.per_s(100, 0)
    assert rate.per_s(5, 1_000) == 0
    assert rate.per_s(9, 500) == 0
    assert rate.per_s(19, 2_500) == 5


def test_a_rate_remembers_little() -> None:
    rate = Rate()
    for at_ms in range(10_000):
        rate.per_s(at_ms, at_ms)
    assert len(rate._points) == 128


def test_counters_are_told_apart_by_name() -> None:
    rates = Rates()
    assert (rates.per_s(0, 0, "tier", "hit"), rates.per_s(0, 0, "tier", "miss")) == (0, 0)
    assert (rates.per_s(9, 1_000, "tier", "hit"), rates.per_s(0, 1_000, "tier", "miss")) == (9, 0)


def test_a_total_is_the_sum_of_what_fits() -> None:
    counter = Counter("x_total", "X.", ["tier", "result"], registry=None)
    counter.labels("a", "hit").inc(1)
    counter.labels("b", "hit").inc(2)
    counter.labels("b", "miss").inc(4)
    assert total(counter) == 7
    assert total(counter, result="hit") == 3
    assert total(counter, tier="b", result="miss") == 4
    assert total(counter, tier="c") == 0
