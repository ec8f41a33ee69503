"""A store that is away while it is read leaves an error, never a hole that stays."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.remote_read.asking import Question, differences, told
from tests.remote_read.conftest import SOURCES
from tests.remote_read.servers import ServedThanoxy, source_flags
from tests.thanos.cluster import ThanosCluster
from tests.thanos.prometheus import PrometheusServer
from tests.thanos.series import float_series
from tests.thanos.timeline import DAY_MS, HOUR_MS, MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.thanos.series import RawSeries

pytestmark = pytest.mark.thanos

PATIENCE_S = 60.0
SETTLED_MS = 6 * HOUR_MS
"""The samples end so long ago that all of them are settled and old."""


def steady(number: int, end_ms: int) -> RawSeries:
    times = np.arange(end_ms - 4 * DAY_MS, end_ms, MINUTE_MS, dtype=np.int64)
    labels = {"__name__": "steady", "number": str(number)}
    return float_series(labels, times, np.arange(len(times), dtype=np.float64))


@pytest.fixture
def cluster() -> Iterator[ThanosCluster]:
    """A Thanos of the test's own: it loses its store."""
    end_ms = (int(time.time() * 1000) - SETTLED_MS) // HOUR_MS * HOUR_MS
    with ThanosCluster([steady(number, end_ms) for number in range(20)], end_ms=end_ms) as thanos:
        yield thanos


@pytest.fixture(params=SOURCES)
def thanoxy(
    cluster: ThanosCluster, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[ServedThanoxy]:
    """It looks at the stores often, so that what it fetched is soon known to be whole."""
    flags = ["--cache.stores-interval=500ms", *source_flags(cluster, request.param)]
    with ServedThanoxy(cluster.query_url, tmp_path, flags) as served:
        yield served


def counts(cluster: ThanosCluster, first_hours: int, hours: int = 30) -> Question:
    """How many samples there are in a window that begins so many hours before their end."""
    at_ms = cluster.end_ms - (first_hours - hours) * HOUR_MS
    return Question(f"count_over_time(steady[{hours}h])", at_ms, at_ms, 0)


def lose_store(cluster: ThanosCluster, question: Question) -> None:
    """Kill Receive and wait until Thanos Query answers with a silent hole."""
    cluster.receive.kill()
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_silently_empty(cluster, question):
        assert time.monotonic() < deadline_s
        time.sleep(0.2)


def is_silently_empty(cluster: ThanosCluster, question: Question) -> bool:
    stores = cluster.stores()
    answer, _ = told(cluster.query_url, question)
    return not answer.points and all(store["lastError"] for store in stores)


def bring_back_store(cluster: ThanosCluster, question: Question) -> None:
    cluster.receive.start()
    cluster.receive.wait_until_ready()
    deadline_s = time.monotonic() + PATIENCE_S
    while not told(cluster.query_url, question)[0].points:
        assert time.monotonic() < deadline_s
        time.sleep(0.2)


def test_a_store_that_is_lost_for_a_while_leaves_no_hole(
    cluster: ThanosCluster, thanoxy: ServedThanoxy
) -> None:
    seen, unseen = counts(cluster, 90), counts(cluster, 40)
    want_seen, want_unseen = (told(cluster.query_url, one)[0] for one in (seen, unseen))
    with PrometheusServer(thanoxy.read_url) as prometheus:
        assert not differences(want_seen, told(prometheus.url, seen)[0])
        time.sleep(2.0)  # some looks at the stores confirm what was fetched

        lose_store(cluster, unseen)
        got, errors = told(prometheus.url, seen)
        assert errors or not differences(want_seen, got)
        hole, errors = told(prometheus.url, unseen)
        assert not hole.points

        bring_back_store(cluster, unseen)
        deadline_s = time.monotonic() + PATIENCE_S
        while differences(want_unseen, told(prometheus.url, unseen)[0]):
            assert time.monotonic() < deadline_s, "the hole stays"
            time.sleep(0.5)
        got, errors = told(prometheus.url, seen)
        assert not errors
        assert not differences(want_seen, got)


def test_a_store_that_dies_while_it_is_read_gives_an_error_or_all_samples(
    cluster: ThanosCluster, thanoxy: ServedThanoxy
) -> None:
    question = counts(cluster, 90, 80)
    want, _ = told(cluster.query_url, question)
    with PrometheusServer(thanoxy.read_url) as prometheus:
        cluster.receive.kill()  # Thanos Query has not noticed yet
        got, errors = told(prometheus.url, question)
        assert errors or not differences(want, got)

        bring_back_store(cluster, question)
        deadline_s = time.monotonic() + PATIENCE_S
        while differences(want, told(prometheus.url, question)[0]):
            assert time.monotonic() < deadline_s, "the hole stays"
            time.sleep(0.5)


def test_an_upstream_that_hangs_ends_in_an_error_and_not_in_a_hole(
    cluster: ThanosCluster, tmp_path: Path
) -> None:
    question = counts(cluster, 90, 80)
    want, _ = told(cluster.query_url, question)
    flags = ["--upstream.request-timeout=2s", *source_flags(cluster, "grpc")]
    with (
        ServedThanoxy(cluster.query_url, tmp_path, flags) as thanoxy,
        PrometheusServer(thanoxy.read_url) as prometheus,
    ):
        cluster.query.pause()
        try:
            got, errors = told(prometheus.url, question)
        finally:
            cluster.query.resume()
        assert not got.points
        assert errors
        assert not differences(want, told(prometheus.url, question)[0])
