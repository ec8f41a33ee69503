"""Figures as people read them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from proxy.status import figures

if TYPE_CHECKING:
    from collections.abc import Callable

DASH = figures.NOTHING


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1.25, "1.25"),
        (12.34, "12.3"),
        (212.4, "212"),
        (1234567, "1,234,567"),
        (1e300, "1e+300"),
    ],
)
def test_a_number_has_the_digits_that_count(value: float, text: str) -> None:
    assert figures.number(value) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 ms"),
        (0.44, "0.4 ms"),
        (38.4, "38 ms"),
        (1_240, "1.2 s"),
        (60_000, "1 min"),
        (94_000, "1 min 34 s"),
        (18_720_000, "5 h 12 min"),
        (277_200_000, "3 d 5 h"),
        (-4_200, "-4.2 s"),
        (1e200, "1e+200 ms"),
    ],
)
def test_a_duration_has_two_units_at_most(ms: float, text: str) -> None:
    assert figures.duration(ms) == text


@pytest.mark.parametrize(
    ("length", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.50 KiB"), (486 << 20, "486 MiB"), (3 << 50, "3,072 TiB")],
)
def test_a_size_has_a_binary_unit(length: int, text: str) -> None:
    assert figures.data(length) == text


@pytest.mark.parametrize(("part", "text"), [(0, "0 %"), (1, "100 %"), (0.613, "61.3 %")])
def test_a_share_is_in_percent(part: float, text: str) -> None:
    assert figures.share(part) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [(15_000, "15s"), (120_000, "2m"), (7_200_000, "2h"), (86_400_000, "1d"), (1, "1ms")],
)
def test_a_step_is_written_as_in_promql(ms: int, text: str) -> None:
    assert figures.step(ms) == text


def test_moments_are_in_utc() -> None:
    at_ms = 1_790_000_000_000
    assert figures.moment(at_ms) == "2026-09-21 14:13:20"
    assert figures.clock(at_ms) == "14:13:20"
    assert figures.day_and_time(at_ms) == "21 Sep 14:13"
    assert figures.iso(at_ms) == "2026-09-21T14:13:20Z"


@pytest.mark.parametrize("at_ms", [None, 0, -(1 << 63), (1 << 63) - 1])
def test_bounds_that_are_none_are_no_moments(at_ms: int | None) -> None:
    assert figures.moment(at_ms) == figures.clock(at_ms) == figures.day_and_time(at_ms) == DASH
    assert figures.iso(at_ms) == ""


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("show", [figures.number, figures.duration, figures.data, figures.share])
def test_what_cannot_be_told_is_a_dash(
    show: Callable[[float | None], str], value: float | None
) -> None:
    assert show(value) == DASH
