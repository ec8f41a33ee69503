"""Kept samples: a batch taken in and given back."""

from __future__ import annotations

import dataclasses

from proxy.codec.chunk_batches import EMPTY
from proxy.model.grid import Grid
from proxy.model.piece import SeriesList
from proxy.model.sample_piece import SamplePiece
from tests.sample_batches import batch_of, samples_of

GRID = Grid(0, 1, 1000)
SERIES = {"a": [(1, 1.0), (2, 2.0)], "b x=1": [(999, 3.0)]}


def test_a_batch_comes_back_as_it_was() -> None:
    batch = batch_of(SERIES)
    piece = SamplePiece.of(GRID, batch)
    assert piece.grid == GRID
    assert samples_of(piece.batch) == SERIES
    assert piece.batch.chunks is batch.chunks, "not copied"


def test_a_piece_may_use_another_list_of_the_same_series() -> None:
    batch = batch_of(SERIES)
    piece = dataclasses.replace(SamplePiece.of(GRID, batch), series=SeriesList(batch.labels))
    assert samples_of(piece.batch) == SERIES


def test_a_piece_without_series_is_empty_and_weighs_something() -> None:
    piece = SamplePiece.of(GRID, EMPTY)
    assert piece.is_empty
    assert piece.size_bytes > 0
    assert not SamplePiece.of(GRID, batch_of(SERIES)).is_empty


def test_labels_are_weighed_with_their_list_and_not_with_the_piece() -> None:
    short, long = (SamplePiece.of(GRID, batch_of({"a" * n: [(1, 1.0)]})) for n in (1, 1000))
    assert short.size_bytes == long.size_bytes
    assert long.series.size_bytes >= short.series.size_bytes + 999


def test_more_samples_weigh_more() -> None:
    few, many = (
        SamplePiece.of(GRID, batch_of({"a": [(time_ms, time_ms / 7) for time_ms in range(n)]}))
        for n in (10, 900)
    )
    assert many.size_bytes - few.size_bytes >= len(many.chunks.data) - len(few.chunks.data) > 0
