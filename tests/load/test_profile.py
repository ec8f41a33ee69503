"""Dashboards made up around a metric."""

from __future__ import annotations

import pytest

from proxy.load import LoadError
from proxy.load.dashboard import Viewer
from proxy.load.profile import PROFILES, profile_dashboard
from proxy.promql.lexer import tokenize

VIEWER = Viewer(6 * 3_600_000)


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("metric", ["http_requests_total", 'http_requests_total{job="LABEL x"}'])
def test_every_profile_asks_promql_about_the_metric(name: str, metric: str) -> None:
    found = profile_dashboard(name, metric, "pod", VIEWER)
    assert not found.notes
    for question in found.questions:
        tokenize(question.expr)
        assert metric in question.expr
        assert "$" not in question.expr


def test_mixed_has_panels_of_every_size() -> None:
    names = [q.name.split()[0] for q in profile_dashboard("mixed", "a", "pod", VIEWER).questions]
    assert [names.count(size) for size in ("wide", "medium", "small", "tiny")] == [1, 2, 4, 4]


def test_medium_groups_by_the_label() -> None:
    first = profile_dashboard("medium", "a", "pod", VIEWER).questions[0]
    assert first.expr == "sum by (pod) (rate(a[1m0s]))"


def test_tiny_asks_for_instants_and_for_short_ranges() -> None:
    windows = [q.window for q in profile_dashboard("tiny", "a", "pod", VIEWER).questions]
    assert {window.range_ms for window in windows} == {900_000}
    assert [bool(window.step_ms) for window in windows] == [False, False, True, True]


@pytest.mark.parametrize("metric", ["", "5", '"x"', "a{b='", "€"])
def test_what_is_no_metric_is_refused(metric: str) -> None:
    with pytest.raises(LoadError, match="--metric"):
        profile_dashboard("tiny", metric, "pod", VIEWER)
