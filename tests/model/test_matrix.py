"""Lanes and tails: columns over a text."""

from __future__ import annotations

import numpy as np

from proxy.model.matrix import Lane, Tail


def test_a_lane_knows_how_long_each_row_is() -> None:
    lane = Lane(np.array([3, 10, 10]), np.array([9, 10, 12]))
    assert lane.lengths.tolist() == [6, 0, 2]


def test_a_tail_says_nothing_by_itself_and_tails_are_compared_by_content() -> None:
    assert Tail() == Tail({}, {})
    assert Tail(notes={"warnings": ("a",)}) == Tail(notes={"warnings": ("a",)})
    assert Tail(notes={"warnings": ("a",)}) != Tail(notes={"infos": ("a",)})
    assert Tail(extras={"stats": b"{}"}) != Tail()
