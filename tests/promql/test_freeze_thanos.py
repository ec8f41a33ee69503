"""Whether the real Thanos reads texts as `proxy.promql` does, asked of both of its engines."""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.promql.freeze import Frozen, NotFrozen, freeze
from proxy.promql.lexer import normalise
from proxy.promql.traits import analyse
from tests.promql.expressions import Expression, spellings, trees
from tests.thanos.loopback import ask

if TYPE_CHECKING:
    from tests.thanos.cluster import ThanosCluster

ENGINES = ("prometheus", "thanos")

# `end` is the parameter, which lies beside the grid in all but the last of these; sub-second
# times and times before 1970 are there too. Milliseconds, each as the text that is sent.
WINDOWS = {
    "late end": ("1700000000.5", "1700000100.25", "7"),
    "before 1970": ("-100.25", "20", "1.5"),
    "one step": ("1699999999.999", "1700003599", "1h"),
    "end on the grid": ("1700000000", "1700000300", "60"),
}


def whole_ms(text: str) -> int:
    return 3_600_000 if text == "1h" else round(float(text) * 1000)


def answer(thanos: ThanosCluster, expr: str, window: tuple[str, str, str], engine: str) -> Any:
    start, end, step = window
    form = {"query": expr, "start": start, "end": end, "step": step, "engine": engine}
    found = ask(
        f"{thanos.query_url}/api/v1/query_range",
        method="POST",
        body=urllib.parse.urlencode(form).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    return orjson.loads(found.body)


def freeze_in(expr: str, window: tuple[str, str, str]) -> Frozen | NotFrozen:
    start, end, step = window
    return freeze(expr, whole_ms(start), whole_ms(end), whole_ms(step))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize(
    "expr",
    [
        "max_over_time(vector(time())[10m:1m] @ end())",
        "min_over_time(vector(time())[10m:1m] @ START ( ) offset 5m)",
        "min_over_time(vector(time())[10m:1m]offset -5m@start())",
        "min_over_time(vector(time())[10m:1m]@ # end()\n start(#\n)offset 5m)",
        "sum_over_time(min_over_time(vector(time())[10m:7s] @ end())[5m:1m] @ start())",
        "sum_over_time(min_over_time(vector(time())[10m:7s] @ end())[5m:1m])",
        "sum_over_time(vector(time())[10m:step()])",
        "sum_over_time(vector(time())[10m: + STEP ( ) ])",
        "sum_over_time(vector(time())[max(step(),5m):1m])",
        "sum_over_time(vector(time())[min(1h,max(step(),90)):min(step(),9s)])",
        "sum_over_time(vector(time())[5m:1m] offset step())",
        "sum_over_time(vector(time())[5m:1m]offset-step())",
        "sum_over_time(vector(time())[5m:1m] offset -max(step(),5m))",
        "sum_over_time(vector(time())[5m:1m] offset min(-5m,step()))",
        "sum_over_time(vector(time())[5m:1m] offset -min(-5m,step()))",
        "sum_over_time(vector(time())[5m:1m] offset step()@end())^2",
        "sum_over_time(max_over_time(vector(time())[5m:7s] offset step())[5m:step()])",
        "absent(end @ end()) + time()",
        "absent(start{end='@ end()'} @ start()) # @ end()",
        "absent(x offset -step() ^ 2) * time()",
        "absent(x offset step()and x)",
        "absent(rate(x[step()])) or absent(rate(x[max(step(), 1m)] @ end()))",
    ],
)
def test_freezing_does_not_change_the_answer(
    thanos: ThanosCluster, expr: str, window: tuple[str, str, str], engine: str
) -> None:
    result = freeze_in(expr, window)
    assert isinstance(result, Frozen)
    assert result.changed
    wanted = answer(thanos, expr, window, engine)
    assert wanted["status"] == "success"
    assert answer(thanos, result.text, window, engine) == wanted


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "expr",
    [
        "up @ start() - up",
        "rate(http_requests_total[5m] @ end())",
        "sum by (job) (rate(http_requests_total[max(step(), 5m)]))",
        "max_over_time(up[30m:step()] @ end() offset -10m)",
        "avg_over_time(rate(http_requests_total[5m] @ start())[10m:1m] @ end())",
        "node_memory_bytes offset -step() - node_memory_bytes offset step()",
        "timestamp(up @ end() offset 1m)",
    ],
)
def test_freezing_does_not_change_the_answer_over_samples(
    thanos: ThanosCluster, expr: str, engine: str
) -> None:
    end_s = thanos.end_ms / 1000 - 3600
    window = (f"{end_s - 7200.25:.3f}", f"{end_s + 0.5:.3f}", "61")
    result = freeze_in(expr, window)
    assert isinstance(result, Frozen)
    assert result.changed
    wanted = answer(thanos, expr, window, engine)
    assert wanted["data"]["result"]
    assert answer(thanos, result.text, window, engine) == wanted


# The parameter is not the last step: with a step of an hour the grid ends long before.
def test_the_end_of_a_range_is_the_parameter(thanos: ThanosCluster) -> None:
    expr = "max_over_time(vector(time())[1ms:1ms] @ end())"
    found = answer(thanos, expr, ("1000", "2000.125", "1h"), "prometheus")
    assert found["data"]["result"][0]["values"] == [[1000, "2000.125"]]


@pytest.mark.parametrize(
    "expr",
    [
        "vector(step())",
        "vector(end())",
        "range()",
        "rate(x[range()])",
        "rate(x[end() - start()])",
        "rate(x[-step()])",
        "rate(x[2 * step()])",
        "rate(x[(step())])",
        "max_over_time(x[step():1m])",
        "x offset (step())",
        "x offset (5m + step())",
        "offset + step()",
        "x @ end(1)",
        "x @ step()",
    ],
)
def test_what_thanos_refuses_is_not_frozen(thanos: ThanosCluster, expr: str) -> None:
    window = WINDOWS["late end"]
    assert answer(thanos, expr, window, "prometheus")["status"] == "error"
    assert isinstance(freeze_in(expr, window), NotFrozen)


# A step of 1.002 is 1.001999999 s to Thanos, 1002ms is exact: `step()` differs, the grid's not.
@pytest.mark.parametrize(
    ("step", "counted"), [("1001ms", "1000"), ("1005ms", "1004"), ("1356ms", "1355")]
)
def test_a_step_in_doubt_is_one_that_thanos_cuts(
    thanos: ThanosCluster, step: str, counted: str
) -> None:
    expr = "count_over_time(vector(1)[max(step(), 1ms):1ms])"
    found = answer(thanos, expr, ("1000", "1001", step), "prometheus")
    assert found["data"]["result"][0]["values"] == [[1000, counted]]
    assert isinstance(freeze(expr, 0, 1, int(step.removesuffix("ms"))), NotFrozen)


@given(st.data(), trees)
def test_thanos_understands_what_is_understood_here(
    thanos: ThanosCluster, data: st.DataObject, tree: Expression
) -> None:
    text = data.draw(spellings(tree.tokens()))
    window = WINDOWS["late end"]
    result = freeze_in(text, window)
    assert isinstance(result, Frozen)
    assert analyse(result.text) is not None
    wanted = answer(thanos, text, window, "prometheus")
    assert wanted["status"] == "success"
    assert answer(thanos, result.text, window, "prometheus") == wanted
    assert answer(thanos, normalise(text), window, "prometheus") == wanted
