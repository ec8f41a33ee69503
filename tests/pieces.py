"""Kept pieces for tests, made as the cache makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import settings

from proxy.codec.matrix_json import scan_matrix
from proxy.codec.pieces import IndexedMatrix, index_matrix, make_piece
from proxy.model.extent import Extent, ExtentId, Kept
from proxy.model.piece import Fragments, Piece
from tests.bodies import SeriesPoints, body_of

if TYPE_CHECKING:
    from proxy.model.grid import Grid

FOREVER_MS = 1 << 60
FEWER = settings(max_examples=max(settings().max_examples // 3, 1))
"""For a second look at what another property of the same file draws in full."""


def indexed(series: SeriesPoints, grid: Grid, warnings: tuple[str, ...] = ()) -> IndexedMatrix:
    """An answer with exactly these points."""
    return index_matrix(scan_matrix(body_of(series, grid, warnings)), grid)


def piece_of(series: SeriesPoints, grid: Grid, warnings: tuple[str, ...] = ()) -> Piece:
    return make_piece(indexed(series, grid, warnings), 0, grid.steps)


def no_fragments() -> Fragments:
    """The lane of a piece without series."""
    nothing = np.zeros(0, np.int64)
    crc = nothing.astype(np.uint32)
    return Fragments(b"", nothing, nothing.astype(np.int32), crc, crc)


def kept(piece: Piece, first_index: int = 0) -> Kept[Piece]:
    """A piece that lives for ever."""
    return Kept(
        piece=piece,
        first_index=first_index,
        began_ms=0,
        ended_ms=0,
        expires_ms=FOREVER_MS,
        pending_until_ms=FOREVER_MS,
        reads=(0, FOREVER_MS),
        fetched=(first_index, first_index + piece.grid.steps),
    )


def extent_of(*pieces: Piece, full_key: bytes = b"key") -> Extent[Piece]:
    ordered = sorted(pieces, key=lambda piece: piece.grid)
    return Extent(full_key, None, tuple(kept(p, p.grid.first_index) for p in ordered))


def extent_id(number: int, name: bytes = b"n" * 16) -> ExtentId:
    return ExtentId(name, number)
