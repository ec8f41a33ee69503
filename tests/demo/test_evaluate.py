from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.demo.evaluate import Steps, parse, scalar_of, vector_of
from proxy.demo.vectors import ExecutionError, UnsupportedError
from proxy.errors import BadDataError
from tests.demo.asking import NOON_S, instant, matrix, values

EXPRESSIONS = [
    "demo_cpu_usage_ratio",
    "rate(demo_http_requests_total[5m])",
    "irate(demo_request_duration_seconds_sum[2m])",
    "rate(demo_cpu_usage_ratio[20m])",
    "sum by (service) (rate(demo_request_duration_seconds_sum[10m]))",
    "avg(avg_over_time(demo_memory_bytes[1h]))",
    "stddev(stddev_over_time(demo_cpu_usage_ratio[7m]))",
    "quantile by (service) (0.3, quantile_over_time(0.7, demo_cpu_usage_ratio[13m]))",
    "topk(2, demo_memory_bytes)",
    "histogram_quantile(0.9, sum by (le) (rate(demo_request_duration_seconds_bucket[5m])))",
    "demo_memory_bytes / on (instance) (demo_cpu_usage_ratio ^ 0.3)",
    "max_over_time(demo_cpu_usage_ratio[1h]) > 0.6",
]


@given(
    expr=st.sampled_from(EXPRESSIONS),
    start_s=st.integers(NOON_S, NOON_S + 10 * 86_400),
    step_s=st.sampled_from([7, 15, 60, 1_000]),
    cut=st.integers(1, 11),
)
def test_an_answer_at_a_step_does_not_depend_on_the_range(
    expr: str, start_s: int, step_s: int, cut: int
) -> None:
    last_s = start_s + 11 * step_s
    whole = matrix(expr, start_s, last_s, f"{step_s}")
    left = matrix(expr, start_s, start_s + (cut - 1) * step_s, f"{step_s}")
    right = matrix(expr, start_s + cut * step_s, last_s, f"{step_s}")
    joined = {key: left.get(key, []) + right.get(key, []) for key in sorted({*left, *right})}
    assert joined == {key: whole[key] for key in sorted(whole)}


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("1 + 2 * 3", "7"),
        ("-(2 ^ 3)", "-8"),
        ("1 > bool 2", "0"),
        ("7 % 4", "3"),
        ("time()", str(NOON_S)),
        ("scalar(vector(4))", "4"),
        ("1 / 0", "+Inf"),
        ("1e21", "1000000000000000000000"),
    ],
)
def test_scalars_are_calculated(expr: str, expected: str) -> None:
    assert instant(expr) == [NOON_S, expected]


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("sum(up)", [12]),
        ("count by (service) (up)", [3, 3, 3, 3]),
        ("sum without (instance) (up)", [3, 3, 3, 3]),
        ("count(-up < 0)", [12]),
        ("count(topk(5, demo_memory_bytes))", [5]),
        ("sum(count_over_time(up[1m]))", [48]),
        ('quantile_over_time(0.5, up{service="x"}[1m])', []),
        ("clamp(vector(5), 1, 3)", [3]),
        ("clamp_min(vector(5), scalar(sum(up)))", [12]),
        ("round(vector(2.5))", [3]),
        ("sum(up == bool 1) / count(up)", [1]),
        ("max(sort_desc(up)) + vector(time()) - time()", [1]),
        ("sum(up offset 5m)", [12]),
        (f"sum(up @ {NOON_S} offset -1m)", [12]),
        ("sum(up @ 1) + 0 * sum(up @ end())", [12]),
    ],
)
def test_vectors_are_calculated(expr: str, expected: list[float]) -> None:
    assert values(expr) == expected


def test_offset_and_at_move_the_time_that_is_looked_at() -> None:
    cpu = "demo_cpu_usage_ratio"
    earlier = values(cpu, NOON_S - 3_600)
    assert earlier != values(cpu)
    assert values(f"{cpu} offset 1h") == earlier
    assert values(f"{cpu} offset -1h", NOON_S - 7_200) == earlier
    assert values(f"{cpu} @ {NOON_S - 3_600}") == earlier
    assert values(f"last_over_time({cpu}[1m] @ {NOON_S} offset 1h)") == earlier


def test_start_and_end_are_those_of_the_query() -> None:
    points = matrix('demo_memory_bytes{instance="cart-0:8080"} @ start()', NOON_S, NOON_S + 99, "30s")
    late = matrix('demo_memory_bytes{instance="cart-0:8080"} @ end()', NOON_S, NOON_S + 99, "30s")
    ((at_start,), (at_end,)) = (
        {value for _, value in rows[0]} for rows in (list(points.values()), list(late.values()))
    )
    assert float(at_start) in values("demo_memory_bytes", NOON_S)
    assert float(at_end) in values("demo_memory_bytes", NOON_S + 99)


@pytest.mark.parametrize(
    "expr",
    [
        "up and up",
        "up + on (job) group_left () up",
        "up + fill (0) up",
        "absent(up)",
        "rate(up[5m:1m])",
        "up[5m:1m]",
        'count_values("x", up)',
        '"text"',
        "quantile_over_time(scalar(up @ -1), up[1m])",
        "-" * 900 + "up",
        "-" * 90_000 + "up",
        "!" * 90_000,
    ],
)
def test_what_is_not_evaluated_is_said_to_need_a_real_thanos(expr: str) -> None:
    with pytest.raises(UnsupportedError, match="point thanoxy at a real Thanos"):
        instant(expr)


def test_a_quantile_that_changes_is_not_evaluated() -> None:
    with pytest.raises(UnsupportedError, match="quantile_over_time"):
        matrix("quantile_over_time(time() % 2, up[1m])", NOON_S, NOON_S + 9, "1s")


def test_an_operand_of_another_kind_is_an_error() -> None:
    steps = Steps(np.array([0]), 0)
    with pytest.raises(ExecutionError, match="1 is not an instant vector"):
        vector_of(parse("1"), steps)
    with pytest.raises(ExecutionError, match="is not a scalar"):
        scalar_of(parse("up"), steps)


@pytest.mark.parametrize("expr", ["", "up{", "rate(up)", "nope(up)", "1 > 2"])
def test_what_is_not_promql_is_bad_data(expr: str) -> None:
    with pytest.raises(BadDataError, match="parse error"):
        instant(expr)


def test_equal_labels_after_the_name_is_gone_are_an_error() -> None:
    with pytest.raises(ExecutionError, match="same labelset"):
        instant('rate({source="synthetic"}[5m])')
