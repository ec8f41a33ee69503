from __future__ import annotations

import numpy as np
import pytest

from proxy.demo.series import BUCKETS, CATALOGUE, DAY_S, sample, wave, wave_area
from tests.demo.asking import NOON_S

TICKS = np.arange(NOON_S // 15, (NOON_S + 9 * DAY_S) // 15)
HELD = {one.labels: row for one, row in zip(CATALOGUE, sample(CATALOGUE, TICKS), strict=True)}


def named(prefix: str) -> dict[tuple[tuple[str, str], ...], np.ndarray]:
    return {k: v for k, v in HELD.items() if dict(k)["__name__"].startswith(prefix)}


def test_every_series_says_that_it_is_synthetic() -> None:
    assert 100 <= len(HELD) == len(CATALOGUE) <= 200
    for labels in HELD:
        assert dict(labels)["source"] == "synthetic"
        assert dict(labels)["__name__"].startswith(("demo_", "up"))
        assert list(labels) == sorted(labels)


def test_a_sample_does_not_depend_on_the_others_that_are_asked_for() -> None:
    for tick in (0, 7, 12_345):
        alone = sample(CATALOGUE, TICKS[tick : tick + 1])[:, 0]
        np.testing.assert_array_equal(alone, [row[tick] for row in HELD.values()])


def test_samples_are_whole_multiples_of_a_power_of_two() -> None:
    for row in HELD.values():
        scaled = row[~np.isnan(row)] * 4096
        np.testing.assert_array_equal(scaled, np.rint(scaled))


@pytest.mark.parametrize("name", ["demo_http_requests_total", "demo_request_duration_seconds_"])
def test_a_counter_falls_only_when_its_target_restarts(name: str) -> None:
    for row in named(name).values():
        assert (row[~np.isnan(row)] >= 0).all()
        fell = np.flatnonzero(np.diff(row[~np.isnan(row)]) < 0)
        restarts = np.flatnonzero(np.diff(np.isnan(row).astype(int)) == -1)
        assert len(fell) == len(restarts) >= 2


def test_buckets_are_cumulative_and_the_last_equals_the_count() -> None:
    for labels, count in named("demo_request_duration_seconds_count").items():
        name = {"__name__": "demo_request_duration_seconds_bucket"}
        rows = [HELD[tuple(sorted((dict(labels) | name | {"le": le}).items()))] for le in BUCKETS]
        assert all((np.diff(rows, axis=0) >= 0).all(axis=0) | np.isnan(count))
        np.testing.assert_array_equal(rows[-1], count)


def test_a_target_that_is_away_is_not_up_and_has_no_other_series() -> None:
    for labels, up in named("up").items():
        instance = dict(labels)["instance"]
        others = [v for k, v in named("demo_").items() if dict(k)["instance"] == instance]
        assert 0 < (up == 0).sum() < len(up) / 50
        assert all((np.isnan(row) == (up == 0)).all() for row in others)


def test_gauges_follow_the_time_of_day() -> None:
    for row in named("demo_cpu").values():
        assert 0 <= np.nanmin(row) < 0.3
        assert 0.5 < np.nanmax(row) <= 1


def test_there_is_nothing_before_1970() -> None:
    assert np.isnan(sample(CATALOGUE, np.array([-1]))).all()


def test_the_area_of_a_wave_is_its_integral() -> None:
    t_s = np.arange(0, 5_400, dtype=np.int64)
    middle = (wave(t_s[:-1], 5_400) + wave(t_s[1:], 5_400)) / 2
    np.testing.assert_allclose(np.diff(wave_area(t_s, 5_400)), middle, atol=1e-6)
