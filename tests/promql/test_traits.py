from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.promql.freeze import Frozen, freeze
from proxy.promql.lexer import tokenize
from proxy.promql.traits import Traits, _parsed, _Reader, _UnknownError, analyse
from tests.promql.expressions import Expression, frozen, reads, spellings, trees

if TYPE_CHECKING:
    import promql_parser as promql

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


def traits(expr: str) -> Traits:
    found = analyse(expr)
    assert found is not None, expr
    return found


@pytest.mark.parametrize(
    ("expr", "behind_ms", "ahead_ms"),
    [
        ("x", 0, 0),
        ("vector(1)", 0, 0),
        ("x offset 5m", 5 * MINUTE_MS, 0),
        ("x offset 1.5", 1500, 0),
        ("x offset -1h", 0, HOUR_MS),
        ("x OFFSET -1h", 0, HOUR_MS),
        ("x offset\n5m", 5 * MINUTE_MS, 0),
        ("x offset -0.0001", 0, 1),
        ("offset{a='b'} offset 5m", 5 * MINUTE_MS, 0),
        ("rate(x[5m])", 5 * MINUTE_MS, 0),
        ("rate(x[300])", 5 * MINUTE_MS, 0),
        ("rate(x[5m] offset 1h)", HOUR_MS + 5 * MINUTE_MS, 0),
        ("rate(x[2h] offset -1h)", HOUR_MS, HOUR_MS),
        ("rate(x[1h] offset -2h)", 0, 2 * HOUR_MS),
        ("max_over_time(x[1d:5m])", DAY_MS, 0),
        ("max_over_time(rate(x[5m])[1d:5m] offset 1h)", DAY_MS + HOUR_MS + 5 * MINUTE_MS, 0),
        ("max_over_time((x offset -2h)[1h:] offset 1h)", 0, HOUR_MS),
        ("max_over_time((x offset -1h)[1h:] offset 2h)", 2 * HOUR_MS, 0),
        ("max_over_time((x offset -1h)[2h:] offset -1h)", 0, 2 * HOUR_MS),
        ("x offset 1h - x offset -1h", HOUR_MS, HOUR_MS),
        ("topk(scalar(x offset -1h), sum by (offset) (y offset 1d))", DAY_MS, HOUR_MS),
        ("label_replace(-(x offset 1h), 'a', '$1', 'b', '(.*)')", HOUR_MS, 0),
    ],
)
def test_offsets_and_ranges_add_up_on_the_way_to_a_selector(
    expr: str, behind_ms: int, ahead_ms: int
) -> None:
    found = traits(expr)
    assert (found.look_behind_ms, found.look_ahead_ms) == (behind_ms, ahead_ms)
    assert found.at_spans_ms == ()


@pytest.mark.parametrize(
    ("expr", "spans"),
    [
        ("x @ 5", [(5000, 5000)]),
        ("foo @ -1.5", [(-1500, -1500)]),
        ("x @ 1700000000.123", [(1_700_000_000_123, 1_700_000_000_123)]),
        ("x @ 0x10 + x @ 1e1 + x @ 1m", [(10_000, 10_000), (16_000, 16_000), (60_000, 60_000)]),
        ("rate(x[1m] @ 100)", [(40_000, 100_000)]),
        ("rate(x[1m] @ 100 offset -10s)", [(40_000, 110_000)]),
        ("rate(x[1m] offset -10s @ 100)", [(40_000, 110_000)]),
        # `timestamp` reads at the time of the `@` although there is an offset
        ("timestamp(x @ 100 offset 10s)", [(90_000, 100_000)]),
        ("max_over_time((x offset 10s)[1m:] @ 100)", [(30_000, 90_000)]),
        ("max_over_time((x offset -10s)[1m:] @ 100)", [(50_000, 110_000)]),
        ("max_over_time(rate(x[20s])[1m:] @ 100)", [(20_000, 100_000)]),
        ("max_over_time((x @ 5)[1m:] @ 100 offset -1h)", [(5000, 5000)]),
        ("irate(x @ 5 [1h:1m] @ 7)", [(5000, 5000)]),
        ("max_over_time(max_over_time(x[10s:] @ 50)[1m:] @ 100)", [(40_000, 50_000)]),
        ("max_over_time(max_over_time(x[10s:])[1m:] @ 100)", [(30_000, 100_000)]),
        ("max_over_time(vector(1)[1m:] @ 100)", []),
    ],
)
def test_an_at_makes_the_times_absolute(expr: str, spans: list[tuple[int, int]]) -> None:
    found = traits(expr)
    assert found.at_spans_ms == tuple(spans)
    assert found.at_times_ms == tuple(latest for _, latest in spans)
    assert (found.look_ahead_ms, found.look_behind_ms) == (0, 0)
    assert not found.has_range_dependent


def test_absolute_and_relative_times_stand_side_by_side() -> None:
    found = traits("max_over_time((x @ 5 + y offset -1h)[2h:])")
    assert found.at_spans_ms == ((5000, 5000),)
    assert (found.look_ahead_ms, found.look_behind_ms) == (HOUR_MS, HOUR_MS)


@pytest.mark.parametrize(
    "expr",
    [
        "x @ start()",
        "irate(x @ 5 [1h:1m] @ end())",
        "x @ START()",
        "vector(step())",
        "vector(end())",
        "time() - range()",
        "sum(x @ 5 + y @ end())",
    ],
)
def test_what_depends_on_the_range_is_said(expr: str) -> None:
    assert traits(expr).has_range_dependent


@pytest.mark.parametrize("expr", ["end", "step @ 5", "sum by (start) (range)", "x{end='end()'}"])
def test_names_do_not_depend_on_the_range(expr: str) -> None:
    assert not traits(expr).has_range_dependent


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ("x", {"x"}),
        ("vector(1) + time()", set()),
        ("rate(a[5m]) / on(x) b:c{d='e'}", {"a", "b:c"}),
        ("{'metric offset name'}", {"metric offset name"}),
        ("{`a.b`, c='d'}", {"a.b"}),
        ("{__name__='x'}", {"x"}),
        ("{__name__='x', __name__='y'}", {"x", "y"}),
        ("max_over_time(sum(x)[5m:] @ 5)", {"x"}),
        ("{__name__=~'x.*'}", None),
        ("{a='b'}", None),
        ("x + {__name__!='y', a='b'}", None),
        ("info(x)", None),
    ],
)
def test_the_selected_names_are_known_or_said_to_be_unknown(expr: str, names: set[str] | None) -> None:
    assert traits(expr).metric_names == (None if names is None else frozenset(names))


@pytest.mark.parametrize(
    "expr",
    [
        "",
        "x[",
        "'unclosed",
        "$__interval",
        "rate(x[$__rate_interval])",
        "foo offset",
        "rate(x)",
        "xrate(x[5m])",
        "rate(foo @ end() [5m])",
        "x[5m # comment\n]",
        "x{a='b' or c='d'}",
        "x{__name__!='y'}",
        "rate(x[step()])",
        "x offset step()",
        "foo @ 1_000",
        "x @ 1e300",
        "x[1e20]",
        "x offset Inf",
        "x offset 99999999999999y",
        "offset offset 5m",
        "x[300000000y]",
    ],
)
def test_what_is_not_understood_has_no_traits(expr: str) -> None:
    assert analyse(expr) is None


def test_a_panic_of_the_parser_is_an_error_like_others(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ValueError, match="Duration"):
        _parsed("x[1e20]")
    assert "panicked" in capfd.readouterr().err


def test_a_modifier_that_the_tree_and_the_text_do_not_share_is_not_understood() -> None:
    tree = _parsed("x @ 5 offset 1m")
    for at_times_ms in ([], [None]):
        with pytest.raises(_UnknownError):
            _Reader(list(at_times_ms)).visit(tree)
    for text in ("x @ 5", "x @ 5 offset 1m + y offset 1m"):
        reader = _Reader([5000])
        reader.visit(tree)
        with pytest.raises(_UnknownError):
            reader.compare(tokenize(text))


def test_a_node_that_is_not_known_is_not_understood() -> None:
    with pytest.raises(_UnknownError):
        _Reader([]).visit(cast("promql.Expr", object()))


@given(st.data(), trees, st.integers(0, 10**13), st.integers(0, 10**13))
def test_the_times_are_those_of_prometheus(
    data: st.DataObject, tree: Expression, start_ms: int, end_ms: int
) -> None:
    constant = frozen(tree, start_ms, end_ms)
    found = traits(data.draw(spellings(constant.tokens())))
    relative = [(first, last) for absolute, first, last in reads(constant) if not absolute]
    assert found.look_ahead_ms == max(0, *(last for _, last in [*relative, (0, 0)]))
    assert found.look_behind_ms == max(0, *(-first for first, _ in [*relative, (0, 0)]))
    for absolute, first, last in reads(constant):
        inside = [one for one in found.at_spans_ms if one[0] <= first and last <= one[1]]
        assert inside or not absolute
    assert bool(found.at_spans_ms) == any(absolute for absolute, _, _ in reads(constant))
    assert not found.has_range_dependent


@given(st.data(), trees)
def test_what_can_be_frozen_has_traits_and_no_range_left(data: st.DataObject, tree: Expression) -> None:
    result = freeze(data.draw(spellings(tree.tokens())), 1_700_000_000_000, 1_700_000_007_000, 7)
    assert isinstance(result, Frozen)
    assert not traits(result.text).has_range_dependent


FRAGMENTS = st.sampled_from(
    [
        "x",
        "offset ",
        "by(",
        "sum(",
        "(",
        ")",
        "[5m]",
        "[1e99]",
        "[1h:]",
        "{a='b'}",
        "5m",
        "1e309",
        "-",
        "+",
        "*",
        "@ ",
        "@ -1.5",
        "@ end()",
        "offset -Inf",
        "'a'",
        "é",
        "#\n",
        " and ",
        "bool ",
        "rate(",
        "Inf",
        "99999999999999999999",
        "{'é'}",
        "offset 5m",
        "@ 1e300",
        "step()",
        ",",
    ]
)


@given(st.lists(FRAGMENTS, max_size=10).map("".join) | st.text())
def test_any_text_has_traits_or_none_but_never_an_error(expr: str) -> None:
    assert isinstance(analyse(expr), Traits | None)


HOSTILE = {
    "parentheses": "'(' * n + 'x' + ')' * n",
    "open parentheses": "'(' * n",
    "minuses": "'-' * n + 'x'",
    "sums": "'sum(' * n + 'x' + ')' * n",
    "a chain": "'+'.join('x' * n)",
    "powers": "'^'.join('2' * n)",
    "subqueries": "'max_over_time(' * n + 'x' + '[5m:])' * n",
    "brackets": "'x' + '[5m:]' * n",
    "braces": "'{' * n",
    "garbage": "'a b c ' * n",
    "negations": "'x' + ' unless ON() x' * n",
    "ats": "'x' + ' @ 1' * n",
}


@pytest.mark.parametrize("n", [102, 1_000, 10_000, 2_000_000])
def test_no_text_ends_the_process(n: int) -> None:
    """The parser alone ends the process with a stack overflow from some thousand levels on."""
    script = "from proxy.promql.traits import analyse\n" + "\n".join(
        f"n = {n}; print({name!r}, analyse({text}), flush=True)" for name, text in HOSTILE.items()
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout.splitlines() == [f"{name} None" for name in HOSTILE], ran.stderr
    assert ran.returncode == 0


def test_the_longest_understood_texts_do_not_hold_up_the_event_loop() -> None:
    matchers = ", ".join(['a="b"'] * 4000)
    for expr in (
        " or ".join(["sum by (a) (rate(x{b='c'}[5m]))"] * 90),
        "max_over_time(" * 49 + "x" + "[5m:1m])" * 49,
        "abs(" * 20 + f"x{{{matchers}}}" + ")" * 20,
    ):
        began = time.perf_counter()
        traits(expr)
        assert time.perf_counter() - began < 0.5
