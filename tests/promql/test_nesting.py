from __future__ import annotations

import promql_parser as promql
import pytest
from hypothesis import given

from proxy.promql.lexer import tokenize
from proxy.promql.nesting import MAX_DEPTH, depth_bound, is_parsable
from tests.promql.expressions import Expression, spelled_trees


def children(node: object) -> list[object]:
    names = ("lhs", "rhs", "expr", "param", "vector_selector")
    single = [getattr(node, name) for name in names if hasattr(node, name)]
    return [child for child in single if child is not None] + list(getattr(node, "args", []))


def depth(node: object) -> int:
    return 1 + max(map(depth, children(node)), default=0)


@given(spelled_trees())
def test_no_tree_is_deeper_than_its_bound(found: tuple[Expression, str]) -> None:
    _, text = found
    assert depth(promql.parse(text)) <= depth_bound(tokenize(text)) + 1


@pytest.mark.parametrize(
    "expr",
    [
        "x",
        "((((x))))",
        "-(-(-x))",
        "a + b * c ^ d - e",
        "a or b or c or d and e unless f AND g",
        "sum(x) + sum(sum(sum(x)))",
        "max_over_time(max_over_time(rate(x[5m] @ 5 offset 5m)[5m:1m])[5m:1m] offset 1m)",
        "sum by (a, b) (x) > bool 5 == 3",
        "x @ 5 offset 5m",
    ],
)
def test_the_bound_holds_for_every_kind_of_nesting(expr: str) -> None:
    assert depth(promql.parse(expr)) <= depth_bound(tokenize(expr)) + 1


def test_what_stands_side_by_side_is_not_deep() -> None:
    arguments = ", ".join(['"a"'] * 500)
    assert depth_bound(tokenize(f"label_join(x, {arguments})")) == 1
    matchers = ", ".join(['a!="b"'] * 500)
    assert depth_bound(tokenize(f"x{{{matchers}}}")) == 0


@pytest.mark.parametrize("count", [MAX_DEPTH, MAX_DEPTH + 1])
def test_depth_is_bounded(count: int) -> None:
    for expr in ("(" * count + "x" + ")" * count, "-" * count + "x", "x" + "+x" * count):
        assert is_parsable(tokenize(expr)) == (count <= MAX_DEPTH)


@pytest.mark.parametrize("expr", ["(" * 5000, ")" * 5000, "[5m]" * 2000, "@" * 5000, "-" * 5000])
def test_unbalanced_text_has_a_bound_too(expr: str) -> None:
    assert depth_bound(tokenize(expr)) in {0, 2000, 5000}


def test_a_large_selector_may_stand_shallow_only() -> None:
    matchers = ", ".join(['a="b"'] * 4000)
    selector = f"x{{{matchers}}}"
    assert is_parsable(tokenize(f"abs({selector})"))
    assert not is_parsable(tokenize("abs(" * 50 + selector + ")" * 50))


@pytest.mark.parametrize(
    "duration",
    [
        "[1e20]",
        "[1e99]",
        "[5m:1e20]",
        "[99999999999999999999]",
        "[99999999999999y]",
        "[293y]",
        " offset 1e20",
        " offset -1e20",
        " offset --1e20",
        " OFFSET Inf",
        " offset - NaN",
    ],
)
def test_a_duration_that_makes_the_parser_panic_is_kept_from_it(duration: str) -> None:
    padded = duration.replace("293y", "0000000293y")
    assert not is_parsable(tokenize(f"x{padded}"))


@pytest.mark.parametrize(
    "expr",
    [
        "x[300y]",
        "x > 1e300",
        "x == Inf",
        "offset / 1e300",
        "x[1e3]",
        "x offset 1e3",
        "x @ 1e300",
        "vector(99999999999999999999)",
        "x[00000000000005]",
        "x[0x00000000000005]",
    ],
)
def test_other_large_numbers_are_no_durations(expr: str) -> None:
    assert is_parsable(tokenize(expr))
