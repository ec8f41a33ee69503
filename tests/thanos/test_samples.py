"""The sample series themselves, before any server has seen them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.thanos.samples import HISTORY_MS, sample_series
from tests.thanos.series import METRIC_NAME, STALE_MARKER
from tests.thanos.timeline import Timeline, counter, inside

if TYPE_CHECKING:
    from tests.thanos.series import RawSeries

END_MS = 1_790_000_000_137


@pytest.fixture(scope="module")
def series() -> list[RawSeries]:
    return sample_series(END_MS)


def name(series: RawSeries) -> str:
    return dict(series.labels).get(METRIC_NAME, "")


def test_the_same_seed_gives_the_same_samples(series: list[RawSeries]) -> None:
    again = sample_series(END_MS)
    assert len(again) == len(series)
    for one, other in zip(series, again, strict=True):
        assert one.labels == other.labels
        assert one.timestamps_ms.tobytes() == other.timestamps_ms.tobytes()
        assert one.values.tobytes() == other.values.tobytes()
        assert repr(one.histograms) == repr(other.histograms)


def test_another_seed_gives_other_samples_of_the_same_series(series: list[RawSeries]) -> None:
    others = sample_series(END_MS, seed=2)
    assert [one.labels for one in series] == [other.labels for other in others]
    assert any(
        one.values.tobytes() != other.values.tobytes()
        for one, other in zip(series, others, strict=True)
    )


def test_series_have_labels_of_their_own_and_sorted(series: list[RawSeries]) -> None:
    assert len({one.labels for one in series}) == len(series)
    for one in series:
        names = [label.encode() for label, _ in one.labels]
        assert names == sorted(set(names))


def test_samples_ascend_within_the_history(series: list[RawSeries]) -> None:
    for one in series:
        times = [*one.timestamps_ms.tolist(), *(h.timestamp_ms for h in one.histograms)]
        assert len(times) == len(set(times)) == one.sample_count > 0
        assert np.all(np.diff(one.timestamps_ms) > 0)
        assert all(a.timestamp_ms < b.timestamp_ms for a, b in itertools.pairwise(one.histograms))
        assert END_MS - HISTORY_MS <= one.first_ms <= one.last_ms <= END_MS


def test_all_that_bites_is_there(series: list[RawSeries]) -> None:
    floats = np.concatenate([one.values for one in series])
    bits = set(floats.view(np.uint64).tolist())
    assert {0x7FF0000000000002, 0x7FF8000000000001, 0x8000000000000000} <= bits
    assert {np.inf, -np.inf, 1e-7, 1e21, 1e-320} <= set(floats[~np.isnan(floats)].tolist())
    assert any(len(one.values) and one.histograms for one in series)
    assert any(h.is_float and h.negative.counts for one in series for h in one.histograms)
    assert {"a", "b"} == {dict(one.labels).get("replica", "a") for one in series}


def test_restarted_counters_fall_and_nothing_else_about_them(series: list[RawSeries]) -> None:
    falls = [
        int(np.sum(np.diff(one.values) < 0))
        for one in series
        if name(one) == "http_requests_total" and dict(one.labels)["code"] == "200"
    ]
    assert falls == [3] * 8


def test_a_stale_marker_is_the_last_sample_of_each_life(series: list[RawSeries]) -> None:
    marker = np.float64(STALE_MARKER).tobytes()
    for one in series:
        if name(one) != "build_info":
            continue
        marked = [value.tobytes() == marker for value in one.values]
        gaps = np.flatnonzero(np.diff(one.timestamps_ms) > 60_000).tolist()
        assert np.flatnonzero(marked).tolist() == [*gaps, len(marked) - 1]


def test_a_counter_begins_again_at_zero_with_each_restart() -> None:
    times = Timeline(0, 600_000, seed=1).scrapes()
    values = counter(np.random.default_rng(1), times, 5.0, [180_000, 420_000])
    increments = np.diff(values)
    assert np.flatnonzero(increments < 0).tolist() == [2, 6]
    assert values[3] < values[2]
    assert np.all(values >= 0)


def test_a_window_holds_its_first_ms_and_not_its_last() -> None:
    times = np.array([9, 10, 19, 20])
    assert inside(times, [(10, 20)]).tolist() == [False, True, True, False]
