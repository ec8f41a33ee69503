"""What is known of an expression, and what is not."""

from __future__ import annotations

import pytest

from proxy.model.query import RangeQuery
from proxy.plan.expression import Expression, understand


def of(expr: str, start_ms: int = 0, end_ms: int = 600_000) -> Expression | str:
    return understand(RangeQuery(expr, start_ms, end_ms, 60_000, "", ()))


def known(expr: str, end_ms: int = 600_000) -> Expression:
    found = of(expr, end_ms=end_ms)
    assert isinstance(found, Expression), found
    return found


def test_the_text_is_the_clients_and_the_normal_form_is_that_of_its_tokens() -> None:
    found = known("  a  + # one\n b")
    assert found.text == "  a  + # one\n b"
    assert found.normal == known("a+b").normal
    assert not found.changed


def test_start_and_end_become_constants_of_the_whole_range() -> None:
    found = known("a @ end() + b @ start()")
    assert found.changed
    assert "end" not in found.text
    assert found.normal != known("a @ end() + b @ start()", end_ms=660_000).normal
    assert found.traits.at_times_ms == (0, 600_000)


@pytest.mark.parametrize(
    "expr", ["", "a{", "sum(", "a[5m", "nonsense(a)", "a smoothed", "rate(a[$__range])", "a b"]
)
def test_what_does_not_parse_here_has_a_reason_instead(expr: str) -> None:
    assert isinstance(of(expr), str)


@pytest.mark.parametrize("size", [100, 20_000])
def test_long_and_short_texts_are_understood_alike(size: int) -> None:
    found = known(f'a{{b="{"x" * size}"}} offset -5m')
    assert found.traits.look_ahead_ms == 300_000
    assert found.traits.metric_names == frozenset({"a"})


def test_a_text_that_was_seen_before_is_not_taken_apart_again() -> None:
    assert known("seen + before").traits is known("seen + before").traits
