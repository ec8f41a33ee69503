"""Prometheus, which has no samples of its own, answers through thanoxy as Thanos Query does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.remote_read.asking import differences, told
from tests.remote_read.conftest import SOURCES, TYPES
from tests.remote_read.queries import CASES, FLOATS, NATIVE, OTHERWISE, STALE, TURNING, Case
from tests.remote_read.servers import SamplesOnlyRelay
from tests.thanos.prometheus import PrometheusServer

if TYPE_CHECKING:
    from tests.remote_read.asking import Told
    from tests.remote_read.conftest import Readers
    from tests.thanos.cluster import ThanosCluster
    from tests.thanos.timeline import Timeline

by_type = pytest.mark.parametrize("response_type", TYPES)


def cases(*found: Case) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", found, ids=str)


def asked_of_thanos(thanos: ThanosCluster, case: Case, timeline: Timeline) -> Told:
    """What Thanos Query answers; a case whose answer is empty would show nothing."""
    want, _ = told(thanos.query_url, case.question(timeline))
    assert want.points or "nothing_of_this_name" in case.expr or want.kind in {"scalar", "string"}
    return want


def test_there_are_at_least_sixty_questions_and_none_twice() -> None:
    assert len({str(case) for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize(
    ("case", "response_type"),
    [
        (case, response_type)
        for response_type in TYPES
        for case in CASES
        if response_type == "streamed" or case not in TURNING
    ],
    ids=str,
)
def test_over_grpc_every_answer_is_that_of_thanos_query(
    thanos: ThanosCluster, readers: Readers, timeline: Timeline, case: Case, response_type: str
) -> None:
    want = asked_of_thanos(thanos, case, timeline)
    prometheus = readers.prometheus("grpc", response_type)
    for _ in range(2):  # the second time from kept samples
        got, errors = told(prometheus.url, case.question(timeline))
        assert not errors
        assert not differences(want, got)


@by_type
@cases(*FLOATS)
def test_over_http_an_answer_from_floats_is_that_of_thanos_query(
    thanos: ThanosCluster, readers: Readers, timeline: Timeline, case: Case, response_type: str
) -> None:
    want = asked_of_thanos(thanos, case, timeline)
    prometheus = readers.prometheus("http", response_type)
    for _ in range(2):
        got, errors = told(prometheus.url, case.question(timeline))
        assert not errors
        assert not differences(want, got)


@by_type
@cases(*STALE)
def test_over_http_a_series_goes_on_for_the_lookback_delta_after_its_stale_marker(
    thanos: ThanosCluster, readers: Readers, timeline: Timeline, case: Case, response_type: str
) -> None:
    ended, _ = told(thanos.query_url, case.question(timeline))
    want, _ = told(thanos.query_url, case.question_over_http(timeline))
    assert differences(ended, want), "the case shows no difference"
    got, errors = told(readers.prometheus("http", response_type).url, case.question(timeline))
    assert not errors
    assert not differences(want, got)


@by_type
@cases(*NATIVE, *TURNING)
def test_over_http_native_histograms_are_refused_and_prometheus_says_why(
    readers: Readers, timeline: Timeline, case: Case, response_type: str
) -> None:
    got, errors = told(readers.prometheus("http", response_type).url, case.question(timeline))
    assert not got.points
    assert errors
    assert all("native histogram" in error for error in errors)


@by_type
@pytest.mark.parametrize("source", SOURCES)
@cases(*OTHERWISE)
def test_where_thanos_changes_samples_the_answer_is_that_of_a_prometheus_that_has_them(
    thanos: ThanosCluster,
    readers: Readers,
    holder: PrometheusServer,
    timeline: Timeline,
    case: Case,
    source: str,
    response_type: str,
) -> None:
    want, _ = told(holder.url, case.question(timeline))
    assert differences(asked_of_thanos(thanos, case, timeline), want), "the case shows no difference"
    got, errors = told(readers.prometheus(source, response_type).url, case.question(timeline))
    assert not errors
    assert not differences(want, got)


@cases(*TURNING)
def test_what_prometheus_makes_of_samples_that_turn_native_does_not_depend_on_who_sent_them(
    thanos: ThanosCluster,
    readers: Readers,
    holder: PrometheusServer,
    timeline: Timeline,
    case: Case,
) -> None:
    with SamplesOnlyRelay(holder.read_url) as relay, PrometheusServer(relay.read_url) as reader:
        want, _ = told(reader.url, case.question(timeline))
    assert differences(asked_of_thanos(thanos, case, timeline), want), "the case shows no difference"
    got, errors = told(readers.prometheus("grpc", "samples").url, case.question(timeline))
    assert not errors
    assert not differences(want, got)


@pytest.mark.parametrize("source", SOURCES)
def test_labels_are_those_that_thanos_query_shows(
    readers: Readers, timeline: Timeline, source: str
) -> None:
    """The replica label is gone, the external labels of the store are there."""
    prometheus = readers.prometheus(source, "streamed")
    got, errors = told(prometheus.url, Case("ha_load", 0.5).question(timeline))
    assert not errors
    assert [one["metric"] for one in got.result] == [
        {
            "__name__": "ha_load",
            "job": "db",
            "receive": "true",
            "target": target,
            "tenant_id": "default-tenant",
        }
        for target in ("db-0", "db-1", "db-2")
    ]
