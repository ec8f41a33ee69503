"""Kept pieces to the body of an answer: joined, then put together as gzip or as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isal import isal_zlib

from benchmarks.stages.measure import window
from proxy.codec.labels_json import sort_key
from proxy.codec.matrix_text import body_text, group_text, series_groups
from proxy.codec.pieces import clip_piece
from proxy.codec.tail_json import merge_stats
from proxy.engine.bodies import assemble
from proxy.merge.matrices import JoinedMatrix, join_matrices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.stages.inputs import Answer
    from benchmarks.stages.measure import Measure, Work
    from proxy.merge.matrices import Part

_GROUP_BYTES = 1 << 20


def test_join(measure: Measure, full: Answer) -> None:
    pieces = full.pieces
    joined = measure("join", lambda: _joined(pieces), window(full))
    assert len(joined.metrics) == full.size.series
    assert all(rows is None for rows in joined.rows)


def test_join_of_series_that_come_and_go(measure: Measure, gappy: Answer) -> None:
    pieces = gappy.pieces
    joined = measure("join, series come and go", lambda: _joined(pieces), window(gappy))
    assert len(joined.metrics) == gappy.size.series
    assert any(rows is not None for rows in joined.rows)


def test_gzip_of_whole_pieces(measure: Measure, full: Answer) -> None:
    gzipped = _gzip(measure, "assemble gzip", full.pieces, window(full))
    assert gzipped == full.body


def test_gzip_with_an_edge(measure: Measure, full: Answer) -> None:
    """The first piece is cut in half: its text goes in as it is."""
    steps = full.size.piece_steps
    edge = clip_piece(full.pieces[0], steps // 2, steps)
    whole = window(full)
    cut = full.size.series * (steps // 2)
    work = whole._replace(points=whole.points - cut)
    gzipped = _gzip(measure, "assemble gzip, an edge", [edge, *full.pieces[1:]], work)
    assert len(gzipped) < len(full.body)


def test_gzip_of_series_that_come_and_go(measure: Measure, gappy: Answer) -> None:
    gzipped = _gzip(measure, "assemble gzip, series come and go", gappy.pieces, window(gappy))
    assert gzipped == gappy.body


def test_gzip_of_histograms(measure: Measure, histograms: Answer) -> None:
    work = window(histograms)
    gzipped = _gzip(measure, "assemble gzip, histograms", histograms.pieces, work)
    assert gzipped == histograms.body


def test_text_of_whole_pieces(measure: Measure, full: Answer) -> None:
    text = _text(measure, "assemble identity", full)
    assert text == full.body


def test_text_of_series_that_come_and_go(measure: Measure, gappy: Answer) -> None:
    text = _text(measure, "assemble identity, series come and go", gappy)
    assert text == gappy.body


def _joined(parts: Sequence[Part]) -> JoinedMatrix:
    return join_matrices(parts, sort_key, merge_stats)


def _gzip(measure: Measure, stage: str, parts: Sequence[Part], work: Work) -> bytes:
    """Measure, and inflate what came out."""
    joined = _joined(parts)
    assembled = measure(stage, lambda: assemble(joined, wants_gzip=True), work)
    assert assembled.is_gzip
    text: bytes = isal_zlib.decompress(b"".join(assembled.chunks), wbits=31)
    assert text == body_text(joined)
    return text


def _text(measure: Measure, stage: str, answer: Answer) -> bytes:
    """In groups, as a large body is sent."""
    joined = _joined(answer.pieces)

    def groups() -> list[bytes]:
        return [group_text(joined, group) for group in series_groups(joined, _GROUP_BYTES)]

    return b"".join(measure(stage, groups, window(answer)))
