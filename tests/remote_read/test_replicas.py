"""Replicas are deduplicated as Thanos Query does it, as far as it does so in one way.

Thanos's penalty algorithm goes on from the sample that it chose before (`pkg/dedup/iter.go`), so the
first sample of a query decides which of two replicas is followed, and another start may follow the
other. Where both replicas hold the same samples, as with Thanos Receive's replication, that can be
seen only where a gap begins. Where two Prometheus scrape at times of their own, Thanos Query
contradicts itself: of the values of `ha_load` over three days, a third were others when the same steps
were asked hour by hour. Then only a read that begins where Thanos's begins can be compared, and of
others it is asked that they are right in themselves.
"""

from __future__ import annotations

import bisect
import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.remote_read.asking import Question, differences, told
from tests.remote_read.conftest import SOURCES
from tests.remote_read.servers import ServedThanoxy, source_flags
from tests.thanos.cluster import ThanosCluster
from tests.thanos.prometheus import PrometheusServer
from tests.thanos.remote_read_client import equal, query, read_samples
from tests.thanos.samples import sample_series
from tests.thanos.series import METRIC_NAME, RawSeries, float_series
from tests.thanos.timeline import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    Timeline,
    counter,
    gauge,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.remote_read.conftest import Readers

SCRAPE_MS = 30 * SECOND_MS
HA_LOAD = 'ha_load{target="db-0"}'

by_source = pytest.mark.parametrize("source", SOURCES)


GAP_OF_A, GAP_OF_B = 0.6, 0.2
"""Where gaps begin, of two hours and of one."""


def twins(timeline: Timeline) -> Iterator[RawSeries]:
    """Two replicas with the same samples and with gaps of their own."""
    gaps = {
        "a": [timeline.window(GAP_OF_A, 2 * HOUR_MS)],
        "b": [timeline.window(GAP_OF_B, HOUR_MS)],
    }
    every = timeline.scrapes(SCRAPE_MS, offset_ms=3_333)
    load = gauge(timeline.chance("twin_load"), every, 5.0, 2.0)
    total = counter(timeline.chance("twin_total"), every, 7.0)
    for replica, missing in gaps.items():
        kept = np.isin(every, without(every, missing))
        for name, values in (("twin_load", load), ("twin_total", total)):
            labels = {METRIC_NAME: name, "target": "db-0", "replica": replica}
            yield float_series(labels, every[kept], values[kept])


@pytest.fixture(scope="module")
def replicated(timeline: Timeline) -> Iterator[ThanosCluster]:
    """A Thanos of its own: the twins are no part of the samples that all tests share."""
    with ThanosCluster(list(twins(timeline)), end_ms=timeline.end_ms) as cluster:
        yield cluster


@by_source
def test_replicas_with_the_same_samples_are_one_series(
    replicated: ThanosCluster, timeline: Timeline, tmp_path: Path, source: str
) -> None:
    """Where the second gap begins, two samples may be missing until the other replica is followed.

    Whether they are depends on where a query starts, since that decides which replica is followed
    before: there only the latest value is compared, every five minutes, and not what a range holds.
    """
    whole, parts = [(0.01, 1.0)], [(0.01, 0.59), (0.15, 0.5), (0.21, 0.59), (0.63, 1.0), (0.7, 0.9)]
    latest = ("twin_load", "max by (target) (twin_load)")
    ranges = ("rate(twin_total[5m])", "count_over_time(twin_load[10m])", "increase(twin_total[1h])")
    questions = [
        Question(expr, timeline.moment(first), timeline.moment(last), 5 * MINUTE_MS)
        for windows, exprs in ((whole + parts, latest), (parts, ranges))
        for first, last in windows
        for expr in exprs
    ]
    with (
        ServedThanoxy(replicated.query_url, tmp_path, source_flags(replicated, source)) as thanoxy,
        PrometheusServer(thanoxy.read_url) as prometheus,
    ):
        for question in questions:
            want, _ = told(replicated.query_url, question)
            got, errors = told(prometheus.url, question)
            assert want.points
            assert not errors
            assert not differences(want, got), question


def test_thanos_query_contradicts_itself_about_replicas_that_scrape_at_times_of_their_own(
    thanos: ThanosCluster, timeline: Timeline
) -> None:
    """Why such replicas are compared from the same start alone."""

    def samples(range_hours: int, end_ms: int) -> set[tuple[str, str]]:
        answer, _ = told(thanos.query_url, Question(f"{HA_LOAD}[{range_hours}h]", 0, end_ms, 0))
        return {(at, value) for at, value in answer.result[0]["values"]}

    whole = samples(5 * 24, timeline.end_ms)
    parts = [samples(1, timeline.moment(tenth / 10)) for tenth in range(1, 11)]
    assert all(parts)
    assert any(not part <= whole for part in parts)


@pytest.mark.parametrize("target", ["db-0", "db-1", "db-2"])
@pytest.mark.parametrize(
    "expr",
    [
        'ha_load{target="$"}',
        'avg_over_time(ha_load{target="$"}[10m])',
        'rate(ha_requests_total{target="$"}[5m])',
        'increase(ha_requests_total{target="$"}[1h])',
    ],
)
def test_a_read_of_one_day_that_nothing_is_kept_of_follows_the_replica_that_thanos_follows(
    thanos: ThanosCluster, timeline: Timeline, tmp_path: Path, target: str, expr: str
) -> None:
    """The oldest whole day: the counters restart later, and Thanos changes samples after that."""
    day_ms = timeline.end_ms // DAY_MS * DAY_MS - 3 * DAY_MS
    question = Question(
        expr.replace("$", target), day_ms + 2 * HOUR_MS, day_ms + 23 * HOUR_MS, MINUTE_MS
    )
    with (
        ServedThanoxy(thanos.query_url, tmp_path, source_flags(thanos, "grpc")) as thanoxy,
        PrometheusServer(thanoxy.read_url) as prometheus,
    ):
        want, _ = told(thanos.query_url, question)
        got, errors = told(prometheus.url, question)
    assert want.points
    assert not errors
    assert not differences(want, got)


@by_source
def test_samples_of_replicas_are_theirs_and_as_dense_as_one_replica_s(
    thanos: ThanosCluster, readers: Readers, timeline: Timeline, source: str
) -> None:
    """Every sample is one of a replica's, none comes too soon after the one before it.

    And none is missing where the followed replica goes on, nor for long where only the other does.
    """
    asked = query(timeline.start_ms, timeline.end_ms, equal(METRIC_NAME, "ha_load"))
    [found] = read_samples(readers.thanoxy(source).read_url, asked)
    assert len(found) == 3
    for series in found:
        held = dict(samples_of_any_replica(thanos, dict(series.labels)["target"]))
        times_ms = [time_ms for time_ms, _ in series.floats]
        assert all(held[time_ms] == value for time_ms, value in series.floats)
        steps_ms = np.diff(times_ms)
        assert steps_ms.min() > 0
        # A switch of replicas may bring two samples close together; it does so at few places.
        assert np.mean(steps_ms < SCRAPE_MS) < 0.01
        assert not longest_gaps_that_another_replica_fills(times_ms, sorted(held))


def samples_of_any_replica(thanos: ThanosCluster, target: str) -> Iterator[tuple[int, float]]:
    for one in sample_series(thanos.end_ms):
        labels = dict(one.labels)
        if labels.get(METRIC_NAME) == "ha_load" and labels["target"] == target:
            yield from zip(one.timestamps_ms.tolist(), one.values.tolist(), strict=True)


def longest_gaps_that_another_replica_fills(
    times_ms: list[int], held_ms: list[int]
) -> list[tuple[int, int]]:
    """Gaps that are longer than the penalty (twice a scrape interval, and then the next scrape)."""
    found = []
    for one, other in itertools.pairwise(times_ms):
        inside = bisect.bisect_left(held_ms, other) - bisect.bisect_right(held_ms, one)
        if other - one > 4 * SCRAPE_MS and inside > 8:
            found.append((one, other))
    return found
