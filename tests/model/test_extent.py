"""Extents: where pieces lie in them, and what they weigh."""

from __future__ import annotations

from proxy.model.extent import ExtentId
from proxy.model.grid import Grid
from tests.pieces import extent_of, kept, piece_of


def test_a_kept_piece_ends_where_its_steps_end() -> None:
    piece = piece_of({}, Grid(7000, 1000, 3))
    assert kept(piece, 7).end_index == 10
    assert kept(piece, -7).end_index == -4


def test_an_extent_weighs_its_key_and_its_pieces() -> None:
    one, two = (piece_of({"{}": {0: ("1", False)}}, Grid(t, 1000, 1)) for t in (0, 1000))
    lone, both = extent_of(one), extent_of(one, two)
    assert both.size_bytes - lone.size_bytes >= two.size_bytes
    longer_key = extent_of(one, full_key=b"k" * 5000)
    assert longer_key.size_bytes - lone.size_bytes == 5000 - len(b"key")


def test_an_extent_is_named_by_key_and_number() -> None:
    ids = {ExtentId(b"a", 1), ExtentId(b"a", 1), ExtentId(b"a", -1), ExtentId(b"b", 1)}
    assert len(ids) == 3
