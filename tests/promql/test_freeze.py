from __future__ import annotations

import time

import promql_parser as promql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.promql.durations import DurationError
from proxy.promql.freeze import Frozen, NotFrozen, at_text, freeze
from proxy.promql.lexer import tokenize
from tests.promql.expressions import Expression, frozen, spelled_trees, spellings, trees

START_MS, END_MS, STEP_MS = 1_700_000_000_123, 1_700_003_600_000, 15_000


def frozen_text(expr: str) -> str:
    result = freeze(expr, START_MS, END_MS, STEP_MS)
    assert isinstance(result, Frozen), result
    assert result.changed == (result.text != expr)
    return result.text


@pytest.mark.parametrize(
    ("expr", "wanted"),
    [
        ("x @ end()", "x @ 1700003600.000"),
        ("x @ start()", "x @ 1700000000.123"),
        ("x@end()", "x@1700003600.000"),
        ("x @ END ( )", "x @ 1700003600.000"),
        ("x @ Start()", "x @ 1700000000.123"),
        ("x @\nend\t(\r\n)", "x @\n1700003600.000"),
        ("x @ # c end()\n end()", "x @ # c end()\n 1700003600.000"),
        ("x @ end(#)\n)", "x @ 1700003600.000"),
        ("x @ end()offset 5m", "x @ 1700003600.000 offset 5m"),
        ("x offset 5m@end()", "x offset 5m@1700003600.000"),
        ("rate(x[5m] @ start() offset -1h)", "rate(x[5m] @ 1700000000.123 offset -1h)"),
        ("irate(x @ 5 [1h:1m] @ end())", "irate(x @ 5 [1h:1m] @ 1700003600.000)"),
        (
            "max_over_time(x @ start() [1h:] @ end()) - y @ end()",
            "max_over_time(x @ 1700000000.123 [1h:] @ 1700003600.000) - y @ 1700003600.000",
        ),
        ("end @ end()", "end @ 1700003600.000"),
        ("start{end='start()'} @ start()", "start{end='start()'} @ 1700000000.123"),
        ("x{a='é'} @ end()", "x{a='é'} @ 1700003600.000"),
    ],
)
def test_start_and_end_become_the_times_of_the_request(expr: str, wanted: str) -> None:
    assert frozen_text(expr) == wanted


@pytest.mark.parametrize(
    ("expr", "wanted"),
    [
        ("rate(x[step()])", "rate(x[15000ms])"),
        ("rate(x[ STEP ( ) ])", "rate(x[ 15000ms ])"),
        ("rate(x[+step()])", "rate(x[15000ms])"),
        ("rate(x[max(step(), 1m)])", "rate(x[60000ms])"),
        ("rate(x[min(1h,max(5m,step()))])", "rate(x[300000ms])"),
        ("max_over_time(x[5m:step()])", "max_over_time(x[5m:15000ms])"),
        ("max_over_time(x[5m:\nstep()])", "max_over_time(x[5m:\n15000ms])"),
        ("max_over_time(x[max(1m,step()):step()])", "max_over_time(x[60000ms:15000ms])"),
        ("x offset step()", "x offset 15000ms"),
        ("x offset -step()", "x offset -15000ms"),
        ("x offset - step ( )", "x offset -15000ms"),
        ("x offset+step()", "x offset 15000ms"),
        ("x offset-step()", "x offset -15000ms"),
        ("x offset step()and y", "x offset 15000ms and y"),
        ("x offset -max(step(),5m) ^ 2", "x offset -300000ms ^ 2"),
        ("x offset min(-5m, step())", "x offset -300000ms"),
        ("x @ end() offset step()", "x @ 1700003600.000 offset 15000ms"),
        ("x offset step() @ end()", "x offset 15000ms @ 1700003600.000"),
        ("x{a='b'} OFFSET STEP()", "x{a='b'} OFFSET 15000ms"),
    ],
)
def test_step_becomes_a_duration(expr: str, wanted: str) -> None:
    assert frozen_text(expr) == wanted


@pytest.mark.parametrize(
    "expr",
    [
        "x",
        "rate(x[5m] @ 1700000000) offset 5m",
        "end + start + step + range",
        "sum by (end, start) (x)",
        "x{end='1', step='@ end()'}",
        "x # @ end()",
        "'@ end()'",
        "x{a=`@ end() \\`}",
        "backend @ 5",
        "x[5m:1m] offset 5m",
        "offset + max(end)",
        "x offset max(5m, 1m) + step",
        "x[max(5m, 1m)] + step",
        "start{} @ 5",
        "x @ end",
        "end:foo",
        "foo:end @ 5",
    ],
)
def test_names_strings_and_comments_stay_as_they_are(expr: str) -> None:
    assert freeze(expr, START_MS, END_MS, STEP_MS) == Frozen(expr, changed=False)


@pytest.mark.parametrize(
    "expr",
    [
        "vector(step())",
        "vector(end())",
        "time() - start()",
        "range()",
        "rate(x[range()])",
        "rate(x[end() - start()])",
        "rate(x[start()])",
        "rate(x[step])",
        "rate(x[-step()])",
        "rate(x[2 * step()])",
        "rate(x[step() + 1])",
        "rate(x[(step())])",
        "max_over_time(x[step():1m])",
        "max_over_time(x[+step():])",
        "x offset (step())",
        "x offset --step()",
        "x offset -(step())",
        "x offset min(0, step())",
        "x offset range()",
        "x offset step",
        "x offset max((step()), 1m)",
        "offset + step()",
        "x and offset + step()",
        "x * on(a) offset + max(1, step())",
        "x @ end(",
        "x @ end(1)",
        "x @ step()",
        "x @ range()",
        "end()",
        "x @ end() + '",
        "x @ end() + $y",
        "x[ # step()\n5m]",
    ],
)
def test_what_thanos_refuses_or_is_in_doubt_is_not_frozen(expr: str) -> None:
    result = freeze(expr, START_MS, END_MS, STEP_MS)
    assert isinstance(result, NotFrozen)
    assert result.reason


def test_a_step_in_doubt_matters_only_where_it_is_used() -> None:
    assert isinstance(freeze("rate(x[step()])", START_MS, END_MS, 1001), NotFrozen)
    assert freeze("x @ start() + step", 0, 1, 1001) == Frozen("x @ 0.000 + step", changed=True)


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (0, "0.000"),
        (1, "0.001"),
        (-1, "-0.001"),
        (-1500, "-1.500"),
        (1_700_000_000_000, "1700000000.000"),
        (-62_135_596_800_000, "-62135596800.000"),
        (2**52 + 1, "4503599627370.497"),
    ],
)
def test_a_time_is_written_in_seconds(time_ms: int, text: str) -> None:
    assert at_text(time_ms) == text


@given(st.integers(-(2**51), 2**51))
def test_prometheus_reads_the_written_time_as_the_same_millisecond(time_ms: int) -> None:
    assert round(float(at_text(time_ms)) * 1000) == time_ms


def test_a_time_that_a_float_cannot_hold_is_not_written() -> None:
    with pytest.raises(DurationError):
        at_text(2**60 + 1)
    assert isinstance(freeze("x @ end()", 0, 2**60 + 1, 1), NotFrozen)


@given(st.data(), trees, st.integers(-(10**13), 10**13), st.integers(-(10**13), 10**13))
def test_only_the_functions_of_a_text_are_replaced(
    data: st.DataObject, tree: Expression, start_ms: int, end_ms: int
) -> None:
    result = freeze(data.draw(spellings(tree.tokens())), start_ms, end_ms, STEP_MS)
    assert isinstance(result, Frozen)
    constant = frozen(tree, start_ms, end_ms).tokens()
    assert [token.text for token in tokenize(result.text)] == constant
    assert result.changed == (constant != tree.tokens())


@given(spelled_trees())
def test_a_frozen_text_is_frozen(found: tuple[Expression, str]) -> None:
    _, text = found
    once = frozen_text(text)
    assert frozen_text(once) == once
    promql.parse(once)


FRAGMENTS = st.sampled_from(
    [
        "x",
        "offset",
        "step",
        "end",
        "start",
        "range",
        "min",
        "max",
        "(",
        ")",
        "[",
        "]",
        ":",
        "@",
        "5m",
        "-",
        "+",
        ",",
        "'",
        "#\n",
        "{",
        "}",
        " ",
        "step()",
        "end()",
        "@ end()",
        "^",
        "Inf",
    ]
)


@given(st.lists(FRAGMENTS, max_size=12).map("".join) | st.text())
def test_any_text_is_frozen_or_not_but_never_an_error(expr: str) -> None:
    result = freeze(expr, START_MS, END_MS, STEP_MS)
    assert isinstance(result, (Frozen, NotFrozen))


@pytest.mark.parametrize("piece", ["step()", "@ end() ", "[max(step(),", "offset step() ", "end("])
def test_ten_megabytes_are_refused_at_once(piece: str) -> None:
    expr = piece * (10**7 // len(piece))
    began = time.perf_counter()
    assert isinstance(freeze(expr, START_MS, END_MS, STEP_MS), NotFrozen)
    assert time.perf_counter() - began < 0.1
