from __future__ import annotations

import pytest

from proxy.errors import BadDataError
from tests.demo.asking import NOON_S, ask, data, matrix


def test_a_range_query_has_a_point_at_each_step_up_to_the_end() -> None:
    (points,) = matrix("time()", 10, 12.9, "1s").values()
    assert [t for t, _ in points] == [10, 11, 12]
    (points,) = matrix("time()", 10, 10, "1h").values()
    assert points == [[10, "10"]]


def test_the_step_may_be_missing() -> None:
    (points,) = matrix("time()", 0, 5_000, "").values()
    assert [t for t, _ in points[:3]] == [0, 20, 40]


def test_11_000_steps_after_the_first_are_the_most() -> None:
    (points,) = matrix("vector(1)", 0, 11_000, "1").values()
    assert len(points) == 11_001


@pytest.mark.parametrize(
    ("path", "form", "text"),
    [
        ("query_range", "start=5&end=4&step=1", "end timestamp must not be before start time"),
        (
            "query_range",
            "start=0&end=9&step=0",
            "zero or negative query resolution step widths",
        ),
        ("query_range", "start=0&end=9&step=-1", "zero or negative query resolution"),
        (
            "query_range",
            "start=0&end=11001&step=1",
            "exceeded maximum resolution of 11,000 points",
        ),
        ("query_range", "end=9&step=1", 'cannot parse "" to a valid timestamp'),
        (
            "query_range",
            "start=0&end=9&step=x",
            "'step' parameter: cannot parse \"x\" to a valid d",
        ),
        (
            "query_range",
            "start=0&end=9&step=1&query=up[5m]",
            'invalid expression type "range vect',
        ),
        ("query_range", 'start=0&end=9&step=1&query=("x")', 'invalid expression type "string"'),
        ("query", "time=x&query=up", "Invalid time value for 'time': cannot parse \"x\""),
        ("query", "query=", "no expression found in input"),
        ("labels", "start=5&end=4", "end timestamp must not be before start time"),
        ("labels", "match[]=1", "expected a series selector"),
        ("series", "", "no match[] parameter provided"),
        ("series", "match[]=up&limit=x", 'cannot parse "x" to a valid limit'),
        ("series", "match[]=up&limit=-1", "limit must be non-negative"),
    ],
)
def test_bad_parameters_get_the_texts_of_thanos(path: str, form: str, text: str) -> None:
    with pytest.raises(BadDataError) as caught:
        ask(path, form)
    assert text in str(caught.value)


def test_an_instant_query_is_asked_for_now_unless_it_says_when() -> None:
    assert data("query", "query=time()", now_ms=1_500)["result"] == [1.5, "1.5"]
    assert data("query", "query=time()&time=1970-01-01T00:00:07Z")["result"] == [7, "7"]


def test_a_bare_range_selector_gives_the_raw_samples() -> None:
    answer = data("query", f'query=(up{{instance="cart-0:8080"}}[30s])&time={NOON_S + 1}')
    assert answer["resultType"] == "matrix"
    assert [one["values"] for one in answer["result"]] == [[[NOON_S - 15, "1"], [NOON_S, "1"]]]


def test_labels_and_their_values_can_be_narrowed() -> None:
    assert data("labels", "match[]=up") == ["__name__", "instance", "job", "service", "source"]
    assert {"code", "le"} < set(data("labels"))
    assert data("label/{label}/values", label="code") == ["200", "404", "500"]
    assert data("label/{label}/values", 'match[]=up{job="x"}', label="job") == []


def test_series_of_several_selectors_are_listed_once_and_sorted() -> None:
    found = data("series", 'match[]=up&match[]={__name__=~"up|nope"}')
    assert len(found) == 12
    assert [one["instance"] for one in found] == sorted(one["instance"] for one in found)


def test_a_limit_that_cuts_warns() -> None:
    cut, whole = ask("series", "match[]=up&limit=2"), ask("series", "match[]=up&limit=12")
    assert cut.warnings == ("results truncated due to limit",)
    assert cut.data.count("__name__") == 2
    assert (whole.warnings, whole.data.count("__name__")) == ((), 12)


def test_metadata_describes_the_metric_families() -> None:
    assert len(data("metadata")) == 5
    (only,) = data("metadata", "metric=up")["up"]
    assert (only["type"], only["unit"]) == ("gauge", "")
    assert "Synthetic" in only["help"]


def test_the_store_is_healthy_and_was_checked_just_now() -> None:
    (store,) = data("stores", now_ms=1_500)["store"]
    assert store == {
        "name": "demo",
        "lastCheck": "1970-01-01T00:00:01.500000Z",
        "lastError": None,
        "labelSets": [{"source": "synthetic"}],
        "minTime": 0,
        "maxTime": 2**63 - 1,
    }


def test_what_the_demo_does_not_have_is_empty() -> None:
    assert data("rules") == {"groups": []}
    assert data("alerts") == {"alerts": []}
    assert data("query_exemplars") == []
    assert data("status/buildinfo")["version"] == "0.0.0-demo"
