"""What was written can be read back from Thanos Query, with exactly these texts."""

from __future__ import annotations

import itertools
import re
import time
import urllib.parse
from http import HTTPStatus
from typing import Any

import numpy as np
import orjson
import pytest

from tests.thanos.cluster import EXTERNAL_LABEL, REPLICA_LABEL, ThanosCluster, selector
from tests.thanos.loopback import ask
from tests.thanos.odd_labels import TEXTS, UTF8_SERIES
from tests.thanos.odd_values import CONSTANTS
from tests.thanos.samples import sample_series
from tests.thanos.series import METRIC_NAME, float_series
from tests.thanos.timeline import HOUR_MS, MINUTE_MS, Timeline

TEXT_OF_VALUE = {
    "nan": "NaN",
    "positive infinity": "+Inf",
    "negative infinity": "-Inf",
    "negative zero": "-0",
    "small": "1e-07",
    "large": "1e+21",
    "denormal": "1e-320",
    "smallest": "5e-324",
    "largest": "1.7976931348623157e+308",
    "seventeen digits": "0.30000000000000004",
    "beyond exact integers": "9007199254740992",
}

STALE_BITS = 0x7FF0000000000002

ADDED_LABELS = {EXTERNAL_LABEL: "true", "tenant_id": "default-tenant"}


def body(cluster: ThanosCluster, endpoint: str, **parameters: str) -> bytes:
    query = urllib.parse.urlencode({name.replace("__", "[]"): v for name, v in parameters.items()})
    answer = ask(f"{cluster.query_url}/api/v1/{endpoint}?{query}")
    assert answer.status == HTTPStatus.OK, answer.body
    return answer.body


def data(cluster: ThanosCluster, endpoint: str, **parameters: str) -> Any:
    return orjson.loads(body(cluster, endpoint, **parameters))["data"]


def instant(cluster: ThanosCluster, expr: str, time_ms: int, **others: str) -> list[Any]:
    at_s = f"{time_ms / 1000:.3f}"
    result: list[Any] = data(cluster, "query", query=expr, time=at_s, **others)["result"]
    return result


def window(cluster: ThanosCluster, expr: str, first_ms: int, last_ms: int) -> bytes:
    return body(
        cluster,
        "query_range",
        query=expr,
        start=f"{first_ms / 1000:.3f}",
        end=f"{last_ms / 1000:.3f}",
        step="60",
    )


def test_every_series_that_was_written_is_there(thanos: ThanosCluster) -> None:
    found = data(thanos, "series", match__='{__name__=~".+"}')
    found += data(thanos, "series", match__='{nameless="yes"}')
    wanted = {
        tuple(sorted({**dict(one.labels), **ADDED_LABELS}.items()))
        for one in sample_series(thanos.end_ms)
    }
    without_replicas = {
        tuple(label for label in labels if label[0] != REPLICA_LABEL) for labels in wanted
    }
    assert {tuple(sorted(one.items())) for one in found} == without_replicas


def test_every_sample_that_was_written_is_there_to_the_bit(thanos: ThanosCluster) -> None:
    found = {}
    for matchers in ('{__name__=~".+"}', '{nameless="yes"}'):
        for one in instant(thanos, f"{matchers}[5d]", thanos.end_ms, dedup="false"):
            found[tuple(sorted(one["metric"].items()))] = one
    for series in sample_series(thanos.end_ms):
        one = found.pop(tuple(sorted({**dict(series.labels), **ADDED_LABELS}.items())))
        times, values = np.array(one.get("values", []), dtype=float).reshape(-1, 2).T
        alive = series.values.view(np.uint64) != STALE_BITS
        assert np.array_equal(np.round(times * 1000), series.timestamps_ms[alive])
        assert np.array_equal(values, series.values[alive], equal_nan=True)
        assert np.array_equal(np.signbit(values), np.signbit(series.values[alive]))
        histograms = [h for h in series.histograms if not np.isnan(h.sum)]
        assert [
            (round(at_s * 1000), float(histogram["count"]), float(histogram["sum"]))
            for at_s, histogram in one.get("histograms", [])
        ] == [(h.timestamp_ms, h.count, h.sum) for h in histograms]
    assert not found


@pytest.mark.parametrize("case", CONSTANTS)
def test_a_value_has_thanos_s_text(thanos: ThanosCluster, case: str) -> None:
    [series] = instant(thanos, f'odd_value{{case="{case}"}}', thanos.end_ms)
    assert series["value"][1] == TEXT_OF_VALUE[case]


@pytest.mark.parametrize("kind", TEXTS)
def test_a_label_keeps_its_text(thanos: ThanosCluster, kind: str) -> None:
    [series] = instant(thanos, f'odd_label{{kind="{kind}"}}', thanos.end_ms)
    assert series["metric"]["text"] == TEXTS[kind]


@pytest.mark.parametrize("labels", UTF8_SERIES, ids=str)
def test_utf8_names_keep_their_text(thanos: ThanosCluster, labels: dict[str, str]) -> None:
    series = float_series(labels, np.array([thanos.end_ms]), 0.0)
    found = [one["metric"] for one in instant(thanos, selector(series), thanos.end_ms)]
    assert {**labels, **ADDED_LABELS} in found


def test_labels_of_a_matrix_are_not_escaped_for_html(thanos: ThanosCluster) -> None:
    matrix = window(thanos, 'odd_label{kind="html"}', thanos.end_ms, thanos.end_ms)
    assert b"<script>alert('&amp;')</script>" in matrix


def test_a_body_has_thanos_s_shape_without_a_line_end(thanos: ThanosCluster) -> None:
    assert window(thanos, "nothing", thanos.end_ms, thanos.end_ms) == (
        b'{"status":"success","data":{"resultType":"matrix","result":[],"analysis":{}}}'
    )


def test_a_series_may_hold_floats_and_histograms(thanos: ThanosCluster) -> None:
    middle_ms = (thanos.start_ms + thanos.end_ms) // 2
    matrix = window(
        thanos,
        'turned_native{case="once"}',
        middle_ms - 5 * MINUTE_MS,
        middle_ms + 5 * MINUTE_MS,
    )
    [series] = orjson.loads(matrix)["data"]["result"]
    assert list(series) == ["metric", "values", "histograms"]
    times = [at for at, _ in series["values"] + series["histograms"]]
    assert np.diff(times).tolist() == [60] * 10


def test_negative_zero_and_positive_buckets_are_told_apart(thanos: ThanosCluster) -> None:
    [series] = instant(thanos, "native_change", thanos.end_ms)
    _, histogram = series["histogram"]
    assert [rule for rule, *_ in histogram["buckets"]] == [1, 1, 3, 0, 0]


def test_a_stale_marker_ends_a_series_before_the_lookback_delta_does(
    thanos: ThanosCluster,
) -> None:
    timeline = Timeline(thanos.start_ms, thanos.end_ms, seed=1)
    end_ms = timeline.moment(0.3)
    expr = 'count(build_info{version="1.9.0"})'
    assert instant(thanos, expr, end_ms - 2 * MINUTE_MS)
    assert not instant(thanos, expr, end_ms + 2)


def test_replicas_are_joined_unless_asked_for(thanos: ThanosCluster) -> None:
    joined = instant(thanos, "ha_load", thanos.end_ms)
    apart = instant(thanos, "ha_load", thanos.end_ms, dedup="false")
    assert [one["metric"].get(REPLICA_LABEL) for one in joined] == [None] * 3
    assert sorted(one["metric"][REPLICA_LABEL] for one in apart) == [
        "a",
        "a",
        "a",
        "b",
        "b",
        "b",
    ]


@pytest.mark.parametrize(
    "expr",
    ['{__name__=~".+"}', "topk(2, queue_length)", "rate(native_request_bytes[10m])", "ha_load"],
)
def test_the_same_question_has_the_same_answer(thanos: ThanosCluster, expr: str) -> None:
    first_ms = thanos.end_ms - 6 * HOUR_MS
    bodies = {window(thanos, expr, first_ms, thanos.end_ms) for _ in range(5)}
    assert len(bodies) == 1


def test_the_order_of_warnings_is_not_stable(thanos: ThanosCluster) -> None:
    """Why bodies with several warnings are compared as sets of warnings."""
    expr = " or ".join(f"quantile({number}, up)" for number in range(2, 8))
    bodies = {window(thanos, expr, thanos.end_ms, thanos.end_ms) for _ in range(40)}
    warnings = [orjson.loads(one)["warnings"] for one in bodies]
    assert len(bodies) > 1
    assert len({frozenset(one) for one in warnings}) == 1


def test_the_store_covers_all_samples(thanos: ThanosCluster) -> None:
    [store] = thanos.stores()
    assert store["minTime"] <= thanos.start_ms
    assert store["maxTime"] >= thanos.end_ms


@pytest.mark.thanos
def test_samples_outlive_a_crash_and_later_samples_follow() -> None:
    end_ms = 1_790_000_000_000
    times = Timeline(end_ms - HOUR_MS, end_ms, seed=1).scrapes()
    labels = {METRIC_NAME: "kept"}
    with ThanosCluster([float_series(labels, times, 1.0)], end_ms=end_ms) as cluster:
        cluster.receive.kill()
        cluster.query.kill()
        later = float_series(labels, times[1:] + HOUR_MS, 2.0)
        for server in (cluster.receive, cluster.query):
            server.start()
            server.wait_until_ready()
        cluster.write([later])
        cluster.wait_until_visible([later])
        found = orjson.loads(window(cluster, "kept", end_ms, end_ms + HOUR_MS))["data"]["result"]
    values = [value for _, value in found[0]["values"]]
    assert [(value, len(list(run))) for value, run in itertools.groupby(values)] == [
        ("1", 1),
        ("2", 60),
    ]


@pytest.mark.thanos
def test_nothing_is_left_of_a_cluster_that_was_stopped() -> None:
    begun_s = time.monotonic()
    with ThanosCluster(end_ms=1_790_000_000_000) as cluster:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", cluster.query_url)
        assert cluster.stores() == [] or cluster.stores()[0]["lastError"] is None
    assert not cluster.query.is_running
    assert not cluster.receive.is_running
    assert not cluster.folder.exists()
    assert time.monotonic() - begun_s < 30.0
