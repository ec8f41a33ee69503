"""Rates and quantiles of queries."""

from __future__ import annotations

from itertools import pairwise

import pytest

from proxy.status.lag import Lag
from proxy.status.snapshot import MemoryInFlight, Moment, Queue, Rates
from proxy.status.tempo import Tempo, quantile_ms
from proxy.telemetry.book import Pace
from proxy.telemetry.metrics import DURATION_BOUNDS

BUCKETS = len(DURATION_BOUNDS) + 1


def counts(**buckets: int) -> list[int]:
    """`b3=7`: seven in the fourth bucket."""
    return [buckets.get(f"b{number}", 0) for number in range(BUCKETS)]


def test_of_no_requests_there_is_no_quantile() -> None:
    assert quantile_ms(counts(), 0.99) is None


def test_a_quantile_lies_within_its_bucket_as_prometheus_reckons() -> None:
    low_ms, high_ms = DURATION_BOUNDS[2] * 1000, DURATION_BOUNDS[3] * 1000
    assert quantile_ms(counts(b3=10), 0.5) == pytest.approx((low_ms + high_ms) / 2)
    assert quantile_ms(counts(b0=50, b3=50), 0.75) == pytest.approx((low_ms + high_ms) / 2)
    assert quantile_ms(counts(b0=4), 1.0) == pytest.approx(DURATION_BOUNDS[0] * 1000)


def test_what_is_above_all_bounds_is_at_least_the_last() -> None:
    assert quantile_ms([0] * (BUCKETS - 1) + [3], 0.5) == DURATION_BOUNDS[-1] * 1000


def test_rates_are_those_of_the_last_ten_seconds_and_quantiles_of_the_last_minute() -> None:
    seen = [Pace(0, 0, counts())]
    tempo = Tempo(lambda: seen[-1])
    tempo.look(0, Lag())
    rates = Rates()
    for second in range(1, 11):
        seen.append(Pace(20 * second, second, counts(b7=20 * second)))
        rates = tempo.look(second * 1000, Lag(5.0, 0.5))
    assert rates.requests_per_s == pytest.approx(20)
    assert rates.errors_per_s == pytest.approx(1)
    assert rates.median_ms is not None
    assert DURATION_BOUNDS[6] * 1000 < rates.median_ms < DURATION_BOUNDS[7] * 1000
    assert (rates.loop_lag_ms, rates.loop_busy) == (5.0, 0.5)
    for second in range(11, 75):
        rates = tempo.look(second * 1000, Lag())
    assert rates.requests_per_s == 0
    assert rates.p99_ms is None


def test_the_curve_has_a_point_every_two_seconds_for_five_minutes() -> None:
    tempo = Tempo(lambda: Pace(0, 0, counts()))
    curve: tuple[Moment, ...] = ()
    for second in range(1_000):
        rates = tempo.look(second * 1000, Lag())
        curve = tempo.curve(second * 1000, rates, Queue(waiting=second), MemoryInFlight(1, 4))
    assert len(curve) == 150
    assert {later.at_ms - one.at_ms for one, later in pairwise(curve)} == {2_000}
    assert (curve[-1].waiting, curve[-1].memory_share) == (998, 0.25)
