"""The reader of expressions finds what is wrong in them: without it the other tests say nothing."""

from __future__ import annotations

import pytest

from tests.deploy.expressions import all_series, own_series, spoken, wrong_in

KNOWN = {"a": frozenset(("x", "le")), "b": frozenset(("y",))}


def test_metrics_labels_and_values_are_found_wherever_they_stand() -> None:
    found = spoken(
        'sum by (x) (rate(a{x="1|2"}[5m])) / on (y) group_left max_over_time((b{y!~"3"})[1h:5m])'
    )
    assert found.labels == {"a": {"x"}, "b": {"y"}}
    assert found.grouped == {"x", "y"}
    assert found.values == {"x": {"1", "2"}, "y": {"3"}}


@pytest.mark.parametrize(
    ("expr", "wrong"),
    [
        ("sum by (job, x) (a) + on (instance) b", []),
        ("rate(c[5m])", ["c"]),
        ('a{y="1"}', ["a{y}"]),
        ("histogram_quantile(0.9, sum by (le, z) (rate(a[5m])))", ["by (z)"]),
        ("a and on (z) b", ["by (z)"]),
    ],
)
def test_what_nothing_has_is_found(expr: str, wrong: list[str]) -> None:
    assert wrong_in(expr, KNOWN) == wrong


def test_what_is_no_promql_is_refused() -> None:
    with pytest.raises(ValueError, match="unclosed"):
        spoken("sum(a")


def test_series_have_the_names_that_the_page_of_metrics_shows() -> None:
    own = own_series()
    assert own["thanoxy_http_requests_total"] == {"handler", "code"}
    assert own["thanoxy_http_request_duration_seconds_bucket"] == {"handler", "le"}
    assert own["thanoxy_cache_bytes"] == frozenset()
    assert "le" in all_series()["job_handler:thanoxy_http_request_duration_seconds:p99_5m"]
