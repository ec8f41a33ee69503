"""Pieces that follow one another, as one piece: fewer fragments, better deflated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.codec.labels_json import sort_key
from proxy.codec.matrix_json import scan_matrix
from proxy.codec.matrix_text import body_text
from proxy.codec.pieces import index_matrix, make_piece
from proxy.codec.tail_json import merge_stats
from proxy.merge.matrices import join_matrices
from proxy.model.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.model.piece import Piece


def join_pieces(pieces: Sequence[Piece]) -> Piece:
    """One piece for the steps of all; they are in time order and leave no gap.

    Raises:
        ValueError: a piece is damaged.
    """
    body = body_text(join_matrices(pieces, sort_key, merge_stats))
    first = pieces[0].grid
    grid = Grid(first.start_ms, first.step_ms, sum(piece.grid.steps for piece in pieces))
    return make_piece(index_matrix(scan_matrix(body), grid), 0, grid.steps)
