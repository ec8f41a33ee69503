from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.promql.durations import (
    MAX_MS,
    MAX_NESTING,
    DurationError,
    evaluate,
    milliseconds,
    number,
    step_seconds,
)
from proxy.promql.lexer import tokenize


def evaluated(text: str, step_s: float = 15.0) -> float:
    tokens = tokenize(text)
    seconds, end = evaluate(tokens, 0, step_s)
    assert end == len(tokens)
    return seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("step()", 15.0),
        ("STEP ( )", 15.0),
        ("-step()", -15.0),
        ("+step()", 15.0),
        ("- -step()", 15.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1.5", 1.5),
        ("0x10", 16.0),
        ("max(step(), 1m)", 60.0),
        ("MIN(step(), 1m)", 15.0),
        ("-max(-5m, step())", -15.0),
        ("min(1h, max(step(), 5m))", 300.0),
    ],
)
def test_a_duration_is_evaluated_in_seconds(text: str, seconds: float) -> None:
    assert evaluated(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "x",
        "step",
        "step(",
        "step(1)",
        "range()",
        "(5m)",
        "max(5m)",
        "max(5m 1m)",
        "max 5m",
        "max(5m,1m",
        "max(1m+1m,5m)",
        "start()",
        "1_000",
        "'5m'",
    ],
)
def test_what_is_no_duration_is_not_evaluated(text: str) -> None:
    with pytest.raises(DurationError):
        evaluated(text)


def test_the_rest_of_the_text_is_left_to_the_caller() -> None:
    assert evaluate(tokenize("x offset step() * 2"), 2, 7.0) == (7.0, 5)


def test_nesting_is_bounded() -> None:
    assert evaluated("max(1," * MAX_NESTING + "step()" + ")" * MAX_NESTING) == 15.0
    with pytest.raises(DurationError):
        evaluated("max(1," * (MAX_NESTING + 1) + "step()" + ")" * (MAX_NESTING + 1))


@given(st.integers(1, 10**7))
def test_whole_seconds_are_never_in_doubt(step_s: int) -> None:
    assert milliseconds(step_seconds(step_s * 1000)) == step_s * 1000


@given(st.integers(1, 10**10))
def test_a_step_is_exact_or_in_doubt(step_ms: int) -> None:
    try:
        seconds = step_seconds(step_ms)
    except DurationError:
        assert step_ms % 1000
    else:
        assert milliseconds(seconds) == step_ms


@pytest.mark.parametrize("step_ms", [1001, 1003, 1118, 1356])
def test_a_step_that_thanos_cuts_by_a_millisecond_is_in_doubt(step_ms: int) -> None:
    with pytest.raises(DurationError, match="how the step was written"):
        step_seconds(step_ms)


def test_milliseconds_are_cut_towards_zero() -> None:
    assert [milliseconds(s) for s in (1.0019, -1.0019, 0.0009, -0.0009)] == [1001, -1001, 0, 0]


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), (MAX_MS + 2) / 1000, -1e300])
def test_a_duration_beyond_go_is_refused(seconds: float) -> None:
    with pytest.raises(DurationError):
        milliseconds(seconds)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("0x1F", 31.0),
        ("2w", 1209600.0),
        ("1ms", 0.001),
        ("1y", 31536000.0),
        ("1e999", float("inf")),
        ("08", 8.0),
    ],
)
def test_a_number_has_the_value_that_prometheus_reads(text: str, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize("text", ["1_000", "x", "1 2", "", "-", "5m3h", "9" * 30 + "y"])
def test_what_is_no_number_has_no_value(text: str) -> None:
    with pytest.raises(DurationError):
        number(text)
