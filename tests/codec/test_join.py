"""Joining kept pieces is the same as having kept them as one."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.join import join_pieces
from proxy.codec.pieces import make_piece
from proxy.model.grid import Grid
from tests.bodies import GRIDS, SeriesPoints, matrices
from tests.pieces import FEWER, indexed, piece_of

if TYPE_CHECKING:
    from proxy.model.piece import Fragments, Piece


def same_lane(one: Fragments | None, other: Fragments | None) -> bool:
    if one is None or other is None:
        return one is other
    columns = ("ends", "raw_bytes", "crc", "comma_crc")
    return one.blob == other.blob and all(
        getattr(one, name).tolist() == getattr(other, name).tolist() for name in columns
    )


def assert_same(one: Piece, other: Piece) -> None:
    assert one.grid == other.grid
    assert one.metrics == other.metrics
    assert one.tail == other.tail
    assert same_lane(one.floats, other.floats)
    assert same_lane(one.histograms, other.histograms)


@FEWER
@given(GRIDS, st.data())
def test_pieces_joined_are_the_piece_of_the_whole(grid: Grid, data: st.DataObject) -> None:
    series = data.draw(matrices(grid))
    cuts = sorted({0, grid.steps, *data.draw(st.sets(st.integers(0, grid.steps), max_size=5))})
    whole = indexed(series, grid, ("w",))
    pieces = [make_piece(whole, first, end) for first, end in itertools.pairwise(cuts)]
    assert_same(join_pieces(pieces), piece_of(series, grid, ("w",)))


def test_warnings_of_all_pieces_are_kept_once_each() -> None:
    series: SeriesPoints = {"{}": {0: ("1", False)}}
    pieces = [
        piece_of(series, Grid(0, 1000, 1), ("a", "b")),
        piece_of(series, Grid(1000, 1000, 1), ("b", "c")),
    ]
    assert join_pieces(pieces).tail.notes == {"warnings": ("a", "b", "c")}


def test_a_damaged_piece_spoils_no_other() -> None:
    piece = piece_of({"{}": {0: ("1", False)}}, Grid(0, 1000, 1))
    broken = dataclasses.replace(
        piece, grid=Grid(1000, 1000, 1), floats=dataclasses.replace(piece.floats, blob=b"\xff" * 20)
    )
    with pytest.raises(ValueError, match="kept piece"):
        join_pieces([piece, broken])


def test_pieces_of_one_step_shrink_when_they_are_joined() -> None:
    series: SeriesPoints = {"{}": {k: (f"{k}.25", False) for k in range(256)}}
    grid = Grid(1_700_000_000_000, 15_000, 256)
    whole = indexed(series, grid)
    pieces = [make_piece(whole, step, step + 1) for step in range(256)]
    assert join_pieces(pieces).size_bytes < sum(piece.size_bytes for piece in pieces) / 20
