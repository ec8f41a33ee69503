"""Workloads ask what their names say, within the samples that there are."""

from __future__ import annotations

import itertools
import urllib.parse

import pytest

from benchmarks.workloads import (
    COLD,
    DAY_MS,
    MEDIUM,
    TINY,
    WARM,
    Workload,
    cold,
    dashboards,
    labels,
    sliding,
    warm,
    workloads,
    zooming,
)

END_MS = 1_700_006_400_000
DAYS = 8


def forms(workload: Workload) -> list[dict[str, str]]:
    return [
        dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(ask.path).query)) for ask in workload.asks
    ]


@pytest.mark.parametrize("is_quick", [True, False])
def test_every_window_lies_within_the_samples(is_quick: bool) -> None:
    for workload in (*workloads(END_MS, 2, is_quick=is_quick), dashboards(END_MS, 50)):
        for form in forms(workload):
            if "start" in form:
                assert float(form["start"]) * 1000 >= END_MS - DAYS * DAY_MS
                assert float(form["end"]) * 1000 <= END_MS


def test_every_workload_has_its_own_name() -> None:
    names = [workload.name for workload in workloads(END_MS, 2, is_quick=False)]
    assert len(names) == len(set(names)) > 15


def test_a_cold_query_is_never_asked_twice() -> None:
    found = [form["query"] for form in forms(cold(TINY, END_MS, 3))]
    assert len(found) == len(set(found)) == 30


def test_a_cold_query_reads_the_same_series() -> None:
    workload = cold(MEDIUM, END_MS, 1)
    assert workload.kind == COLD
    assert workload.client_samples == len(workload.asks) * 200 * 673


def test_a_warm_query_is_the_same_each_time_and_its_first_does_not_count() -> None:
    workload = warm(MEDIUM, END_MS, 2, gzip=False)
    assert workload.kind == WARM
    assert len(set(workload.asks)) == 1
    assert len(workload.counted) == len(workload.asks) - 1 == 8


def test_a_sliding_window_moves_by_one_step() -> None:
    starts = [float(form["start"]) for form in forms(sliding(END_MS, 5))]
    assert [later - earlier for earlier, later in itertools.pairwise(starts)] == [30.0] * 4
    assert sliding(END_MS, 5).client_samples == 5 * 200 * 720


def test_zooming_stays_around_one_middle_and_on_one_phase() -> None:
    middles = {float(form["start"]) + float(form["end"]) + 300 for form in forms(zooming(END_MS, 2))}
    assert len(middles) == 1
    assert {float(form["start"]) % 300 for form in forms(zooming(END_MS, 2))} == {0.0}


def test_dashboards_are_the_same_in_every_run_and_more_than_one_is_asked_again() -> None:
    workload = dashboards(END_MS, 160)
    assert workload == dashboards(END_MS, 160)
    distinct = len(set(workload.asks))
    assert 60 < distinct < 120


def test_labels_ask_for_no_samples() -> None:
    assert labels(3).client_samples == 0
    assert len(labels(3).asks) == 6
