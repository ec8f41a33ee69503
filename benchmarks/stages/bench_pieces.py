"""Answers to kept pieces, and pieces back to text: extents in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.stages.measure import one_piece, window
from proxy.codec.pieces import clip_piece, make_piece, open_piece

if TYPE_CHECKING:
    from benchmarks.stages.inputs import Answer
    from benchmarks.stages.measure import Measure


def test_make_pieces(measure: Measure, full: Answer) -> None:
    _make_pieces(measure, "make pieces", full)


def test_make_pieces_with_gaps(measure: Measure, gappy: Answer) -> None:
    _make_pieces(measure, "make pieces, gaps", gappy)


def test_make_pieces_of_histograms(measure: Measure, histograms: Answer) -> None:
    _make_pieces(measure, "make pieces, histograms", histograms)


def _make_pieces(measure: Measure, stage: str, answer: Answer) -> None:
    indexed, runs = answer.indexed, answer.size.runs
    pieces = measure(stage, lambda: [make_piece(indexed, *run) for run in runs], window(answer))
    assert [piece.grid.steps for piece in pieces] == [answer.size.piece_steps] * answer.size.pieces
    assert len(set().union(*(piece.metrics for piece in pieces))) == answer.size.series


def test_open_pieces(measure: Measure, full: Answer) -> None:
    pieces = full.pieces
    opened = measure("open pieces", lambda: [open_piece(piece) for piece in pieces], window(full))
    kept_bytes = sum(piece.floats.text_bytes for piece in pieces)
    assert sum(len(matrix.text) for matrix in opened) == kept_bytes


def test_clip_an_edge(measure: Measure, full: Answer) -> None:
    """The later half of a piece, at the begin of a window; figures are for the points of all of it."""
    piece, steps = full.pieces[0], full.size.piece_steps
    part = measure("clip edge", lambda: clip_piece(piece, steps // 2, steps), one_piece(full.size))
    assert len(part.metrics) == full.size.series
