"""Curves stay in their frame, and what is not known is a hole."""

from __future__ import annotations

import math
import re

from hypothesis import given
from hypothesis import strategies as st

from proxy.status.curves import SPAN_MS, Point, curve
from tests.status.reading import Document, read

NOW_MS = 1_790_000_000_000


def drawn(points: list[Point], most: float | None = None) -> Document:
    document = read(curve(points, NOW_MS, most, "requests"))
    assert not document.faults
    return document


def lines(document: Document) -> list[str]:
    return [path["d"] for path in document.all("path") if path["class"] == "line"]


def test_the_newest_is_to_the_right_and_the_largest_at_the_top() -> None:
    document = drawn([(NOW_MS - SPAN_MS // 2, 1.0), (NOW_MS - SPAN_MS // 2 + 2000, 4.0)])
    assert lines(document) == ["M80.0 25.5L81.1 3.0"]
    assert document.all("svg")[0]["aria-label"] == "requests"


def test_a_curve_with_a_bound_is_drawn_against_it() -> None:
    assert lines(drawn([(NOW_MS, 0.5)], most=1.0)) == ["M160.0 18.0"]


def test_what_is_not_known_is_a_hole() -> None:
    points: list[Point] = [(NOW_MS - at * 2000, None if at == 3 else 1.0) for at in range(6, -1, -1)]
    assert len(lines(drawn(points))) == 2


def test_a_silence_is_a_hole_too() -> None:
    points: list[Point] = [(NOW_MS - 60_000, 1.0), (NOW_MS - 58_000, 1.0), (NOW_MS - 2_000, 1.0)]
    assert len(lines(drawn(points))) == 2


def test_without_points_there_is_a_floor_only() -> None:
    assert [path["class"] for path in drawn([]).all("path")] == ["floor"]


def test_zeros_lie_on_the_floor() -> None:
    assert lines(drawn([(NOW_MS, 0.0)])) == ["M160.0 33.0"]


@given(
    st.lists(st.tuples(st.integers(-(1 << 63), 1 << 63), st.none() | st.floats()), max_size=500),
    st.none() | st.floats(min_value=0, allow_nan=False),
)
def test_no_point_is_outside_the_frame(points: list[Point], most: float | None) -> None:
    document = drawn([*points, (NOW_MS - 1000, 3.0)], most)
    assert len(lines(document)) >= 1
    for line in lines(document):
        for x, y in re.findall(r"([-\d.]+) ([-\d.naif]+)", line):
            assert 0 <= float(x) <= 160
            assert 0 <= float(y) <= 36
            assert math.isfinite(float(y))
