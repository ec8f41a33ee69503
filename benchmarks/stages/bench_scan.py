"""An upstream answer's text to columns: its series found, then its points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.stages.measure import window
from proxy.codec.matrix_json import scan_canonical, scan_matrix
from proxy.codec.pieces import index_matrix

if TYPE_CHECKING:
    from benchmarks.stages.inputs import Answer
    from benchmarks.stages.measure import Measure


def test_scan(measure: Measure, full: Answer) -> None:
    matrix = measure("scan", lambda: scan_matrix(full.body), window(full))
    assert matrix.text is full.body
    assert len(matrix.metrics) == full.size.series


def test_scan_of_histograms(measure: Measure, histograms: Answer) -> None:
    body = histograms.body
    matrix = measure("scan, histograms", lambda: scan_matrix(body), window(histograms))
    assert matrix.text is body
    assert matrix.histograms.lengths.all()


def test_scan_on_the_slow_path(measure: Measure, short: Answer) -> None:
    """One blank is enough for a body to be decoded and written again."""
    odd = short.body.replace(b'"data":{', b'"data": {', 1)
    assert scan_canonical(odd) is None
    matrix = measure("scan, slow path", lambda: scan_matrix(odd), window(short))
    assert matrix.text == short.body


def test_index(measure: Measure, full: Answer) -> None:
    matrix, grid = full.matrix, full.size.grid
    indexed = measure("index", lambda: index_matrix(matrix, grid), window(full))
    assert int(indexed.floats.counts.sum()) == full.size.series * full.size.steps
    assert indexed.floats.steps is None


def test_index_with_gaps(measure: Measure, gappy: Answer) -> None:
    """Where steps are missing, every timestamp is read."""
    matrix, grid = gappy.matrix, gappy.size.grid
    indexed = measure("index, gaps", lambda: index_matrix(matrix, grid), window(gappy))
    assert indexed.floats.steps is not None


def test_index_of_histograms(measure: Measure, histograms: Answer) -> None:
    matrix, grid = histograms.matrix, histograms.size.grid
    indexed = measure("index, histograms", lambda: index_matrix(matrix, grid), window(histograms))
    assert int(indexed.histograms.counts.sum()) == histograms.size.series * histograms.size.steps
