from __future__ import annotations

import pytest

from proxy.promql.durations import DurationError
from proxy.promql.lexer import tokenize
from proxy.promql.modifiers import at_times, is_offset, text_at


@pytest.mark.parametrize(
    ("expr", "count"),
    [
        ("x offset 5m", 1),
        ("x OFFSET -1h", 1),
        ("x{a='b'} offset 5m", 1),
        ("rate(x[5m] offset 5m)", 1),
        ("x @ 5 offset 5m", 1),
        ("x @ -1.5 offset 5m", 1),
        ("x @ end() offset 5m", 1),
        ("max_over_time(x[5m:] offset 1m) + y offset 1m", 2),
        ("sum offset 5m", 1),
        ("offset", 0),
        ("offset + 5", 0),
        ("offset{a='b'}", 0),
        ("-offset", 0),
        ("sum(offset)", 0),
        ("x and offset + 5", 0),
        ("x * on(a) offset - 5", 0),
        ("x == bool offset", 0),
        ("sum by (offset) (x)", 0),
        ("sum by (a, offset) (x)", 0),
        ("x{offset='y'}", 0),
        ("{'metric offset name'}", 0),
        ("'offset'", 0),
        ("x # offset 5m", 0),
        ("x_offset + offset_x", 0),
        ("offset offset 5m", 0),  # not told apart, so the tree's count differs: not understood
    ],
)
def test_a_name_is_not_taken_for_the_modifier(expr: str, count: int) -> None:
    tokens = tokenize(expr)
    assert sum(is_offset(tokens, index) for index in range(len(tokens))) == count


@pytest.mark.parametrize(
    ("expr", "times"),
    [
        ("x", []),
        ("x @ 5", [5000]),
        ("x @ 5m", [300_000]),
        ("x @ -1.5", [-1500]),
        ("x @ + 1.5", [1500]),
        ("x @ 0x10", [16_000]),
        ("x @ 1e3", [1_000_000]),
        ("x @ 1700000000.123", [1_700_000_000_123]),
        ("x @ 0.0005", [1]),
        ("x @ -0.0005", [-1]),
        ("x @ 0.00049", [0]),
        ("x @ end()", [None]),
        ("irate(x @ 5 [1h:1m] @ end())", [5000, None]),
        ("(x @ 1) + (y[5m:] @ 2) + z @ 3", [1000, 2000, 3000]),
        ("x{a='@ 5'} # @ 5", []),
        ("x @", [None]),
        ("x @ -", [None]),
    ],
)
def test_the_times_of_at_come_in_the_order_of_the_text(expr: str, times: list[int | None]) -> None:
    assert list(at_times(tokenize(expr))) == times


@pytest.mark.parametrize("expr", ["x @ 1e300", "x @ 9007199254741", "x @ 1_000", "x @ 1e999"])
def test_a_time_that_is_not_exact_is_refused(expr: str) -> None:
    with pytest.raises(DurationError):
        list(at_times(tokenize(expr)))


def test_outside_the_tokens_there_is_no_text() -> None:
    tokens = tokenize("a b")
    assert [text_at(tokens, index) for index in (-1, 0, 1, 2)] == ["", "a", "b", ""]
