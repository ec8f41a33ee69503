"""Upstream answers to pieces, and pieces back to text."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from proxy.codec.deflate import COMMA_BLOCK, COMMA_CRC, crc32, deflate, inflate
from proxy.codec.points import PointIndex, index_points
from proxy.model.matrix import EncodedMatrix, Lane
from proxy.model.piece import Fragments, Piece, SeriesList

if TYPE_CHECKING:
    from proxy.model.grid import Grid


class IndexedMatrix(NamedTuple):
    """An answer, the grid that it is for, and where each of its points lies."""

    matrix: EncodedMatrix
    grid: Grid
    floats: PointIndex
    histograms: PointIndex


def index_matrix(matrix: EncodedMatrix, grid: Grid) -> IndexedMatrix:
    """Find the points of an answer.

    Raises:
        NotSplittableError: its timestamps are not those of the grid.
    """
    return IndexedMatrix(
        matrix,
        grid,
        index_points(matrix.text, matrix.floats, grid, histograms=False),
        index_points(matrix.text, matrix.histograms, grid, histograms=True),
    )


def clip(indexed: IndexedMatrix, first: int, end: int) -> EncodedMatrix:
    """The part of an answer in the steps `first` to `end` (exclusive), without copying its text."""
    matrix = indexed.matrix
    floats = _clip_lane(matrix.floats, indexed.floats, first, end)
    histograms = _clip_lane(matrix.histograms, indexed.histograms, first, end)
    kept = np.flatnonzero((floats.lengths > 0) | (histograms.lengths > 0))
    if len(kept) == len(matrix.metrics):
        return EncodedMatrix(matrix.text, matrix.metrics, floats, histograms, matrix.tail)
    return EncodedMatrix(
        matrix.text,
        tuple(matrix.metrics[row] for row in kept.tolist()),
        Lane(floats.start[kept], floats.end[kept]),
        Lane(histograms.start[kept], histograms.end[kept]),
        matrix.tail,
    )


def _clip_lane(lane: Lane, index: PointIndex, first: int, end: int) -> Lane:
    """Bytes of the points with `first <= step < end`; the comma after the last is left out."""
    low, high = index.points_before(first), index.points_before(end)
    starts = np.append(index.starts, 0)
    start = np.where(low < index.rows[1:], starts[low], lane.end)
    stop = np.where(high < index.rows[1:], starts[high] - 1, lane.end)
    return Lane(start, np.where(low < high, stop, start))


def make_piece(indexed: IndexedMatrix, first: int, end: int) -> Piece:
    """Deflate the steps `first` to `end` (exclusive) of an answer."""
    part = clip(indexed, first, end)
    histograms = None
    if part.histograms.lengths.any():
        histograms = _deflate_lane(part.text, part.histograms)
    return Piece(
        indexed.grid.sliced(first, end),
        SeriesList(part.metrics),
        _deflate_lane(part.text, part.floats),
        histograms,
        part.tail,
    )


def _deflate_lane(text: bytes, lane: Lane) -> Fragments:
    view = memoryview(text)
    rows = zip(lane.start.tolist(), lane.end.tolist(), strict=True)
    raw = [view[start:end] for start, end in rows]
    fragments = [COMMA_BLOCK + deflate(points) if points else b"" for points in raw]
    return Fragments(
        blob=b"".join(fragments),
        ends=np.cumsum([len(fragment) for fragment in fragments], dtype=np.int64),
        raw_bytes=lane.lengths.astype(np.int32),
        crc=np.array([crc32(points) for points in raw], dtype=np.uint32),
        comma_crc=np.array([crc32(points, COMMA_CRC) for points in raw], dtype=np.uint32),
    )


def open_piece(piece: Piece) -> EncodedMatrix:
    """A piece's text, inflated.

    Raises:
        ValueError: the piece is damaged.
    """
    text, floats = _inflate_lane(piece.floats, 0)
    nothing = np.zeros(len(piece.metrics), np.int64)
    histograms = Lane(nothing, nothing)
    if piece.histograms is not None:
        more, histograms = _inflate_lane(piece.histograms, len(text))
        text += more
    return EncodedMatrix(text, piece.metrics, floats, histograms, piece.tail)


def _inflate_lane(fragments: Fragments, offset: int) -> tuple[bytes, Lane]:
    """All of a lane at once; each series' points follow a comma."""
    text = inflate(fragments.blob, fragments.text_bytes)
    lengths = fragments.raw_bytes.astype(np.int64)
    ends = np.cumsum(lengths + (lengths > 0)) + offset
    return text, Lane(ends - lengths, ends)


def clip_piece(piece: Piece, first: int, end: int) -> EncodedMatrix:
    """The steps `first` to `end` (exclusive) of a piece, as text: an edge of a window.

    Raises:
        ValueError: the piece is damaged.
    """
    return clip(index_matrix(open_piece(piece), piece.grid), first, end)
