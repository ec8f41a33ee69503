"""Plots as text: scales, lines, bars."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.load.svg import (
    HEIGHT,
    LEFT,
    WIDTH,
    Axis,
    Bar,
    Line,
    Scale,
    bar_chart,
    line_chart,
    value_scale,
)
from tests.load.examples import EVIL

X = Axis(Scale(0.0, 10.0), [(0.0, "0"), (10.0, EVIL)])
Y = Axis(Scale(0.0, 100.0), [(50.0, "50 ms")])


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


@given(st.floats(0, 1e6), st.floats(1e-3, 1e6))
def test_linear_ticks_are_few_and_on_the_scale(low: float, span: float) -> None:
    scale = Scale(low, low + span)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 7
    assert all(-0.001 <= scale.at(tick) <= 1 for tick in ticks)
    assert ticks == sorted(ticks)


@given(st.floats(1e-4, 1e3), st.floats(30, 1e6))
def test_logarithmic_ticks_are_few_and_on_the_scale(low: float, factor: float) -> None:
    scale = Scale(low, low * factor, is_log=True)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 9
    assert all(low <= tick <= low * factor for tick in ticks)


def test_a_logarithmic_scale_gives_every_decade_the_same_room() -> None:
    scale = Scale(1.0, 1_000.0, is_log=True)
    assert [round(scale.at(v), 3) for v in (0.1, 1, 10, 100, 1_000, 9_999)] == [
        0,
        0,
        0.333,
        0.667,
        1,
        1,
    ]


def test_a_scale_without_extent_does_not_divide_by_zero() -> None:
    assert Scale(5.0, 5.0).at(5.0) == 0.0
    assert Scale(5.0, 5.0).ticks() == [5.0]


@pytest.mark.parametrize(
    ("values", "is_log"),
    [([], False), ([5.0, 20.0], False), ([1.0, 900.0], True), ([0.0, 900.0], False)],
)
def test_values_far_apart_are_shown_logarithmically(values: list[float], is_log: bool) -> None:
    scale = value_scale(values)
    assert scale.is_log is is_log
    assert all(0 <= scale.at(value) <= 1 for value in values)
    assert scale.ticks()


def test_a_line_runs_from_left_to_right_within_the_frame() -> None:
    line = Line("c0", [(0.0, 0.0, "a"), (5.0, 100.0, "b"), (10.0, 50.0, "c")])
    text = line_chart([line], X, Y, "label")
    path = re.search(r'<path class="line c0" d="M([^"]+)"', text)
    assert path is not None
    places = numbers(path[1])
    assert places[0] == LEFT
    assert places[::2] == sorted(places[::2])
    assert all(0 <= left <= WIDTH for left in places[::2])
    assert all(0 <= top <= HEIGHT for top in places[1::2])


def test_points_have_tooltips_and_many_points_no_dots() -> None:
    few = Line("c0", [(1.0, 1.0, "tip")])
    many = Line("c1", [(i / 10, 1.0, "tip") for i in range(100)])
    assert '<circle class="dot c0"' in line_chart([few], X, Y, "label")
    text = line_chart([many], X, Y, "label")
    assert text.count('<circle class="spot c1"') == text.count("<title>tip</title>") == 100


def test_a_line_without_points_draws_nothing() -> None:
    assert "<path" not in line_chart([Line("c0", [])], X, Y, "label")


def test_bars_are_stacked_and_empty_parts_left_out() -> None:
    bar = Bar(0.0, 5.0, (("bad", 20.0), ("done", 30.0)), "tip")
    text = bar_chart([bar, Bar(5.0, 10.0, (("bad", 0.0), ("done", 10.0)), "")], X, Y, "label")
    rects = [
        (element.get("class"), float(element.get("y", "")), float(element.get("height", "")))
        for element in ET.fromstring(text).iter("rect")
    ]
    (bad, bad_top, _), (done, done_top, done_height), _ = rects
    assert (bad, done, len(rects)) == ("bad", "done", 3)
    assert done_top + done_height == pytest.approx(bad_top, abs=0.15)


def test_everything_that_is_given_is_escaped() -> None:
    line = line_chart([Line("c0", [(1.0, 1.0, EVIL)])], X, Y, EVIL)
    bar = bar_chart([Bar(0.0, 1.0, (("done", 1.0),), EVIL)], X, Y, EVIL)
    for text in (line, bar):
        assert "<script" not in text
        ET.fromstring(text)
