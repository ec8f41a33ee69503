"""Small chunks become whole ones; no sample is lost or changed, and nothing else is touched."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.chunk_batches import EMPTY
from proxy.codec.compact import join_sample_pieces, merge_small
from proxy.model.chunks import COUNTER, FLOAT_HISTOGRAM, HISTOGRAM, ChunkBatch
from proxy.model.grid import Grid
from proxy.model.sample_piece import SamplePiece
from tests.sample_batches import (
    STALE,
    Samples,
    batch_of,
    batch_of_chunks,
    bits_of,
    chunks_by_name,
    chunks_of,
    payloads_of,
    samples_of,
)

SMALL, WHOLE = 60, 120
SIZES = st.lists(st.one_of(st.integers(1, 5), st.integers(40, 59), st.integers(1, 120)), max_size=12)
NAMES = ("a", "a x=1", "a x=2", "b")


def batch_like(sizes: dict[str, list[int]]) -> ChunkBatch:
    """Series whose chunks have these many samples, some seconds apart."""
    series: dict[str, list[Samples]] = {}
    for number, (name, of_series) in enumerate(sizes.items()):
        times_ms = itertools.count(number, 15_000)
        samples = ((time_ms, (time_ms % 977) / 7) for time_ms in times_ms)
        series[name] = [list(itertools.islice(samples, size)) for size in of_series]
    return batch_of_chunks(series)


def lengths(batch: ChunkBatch) -> dict[str, list[int]]:
    return {name: [*map(len, chunks)] for name, chunks in chunks_by_name(batch).items()}


@given(st.dictionaries(st.sampled_from(NAMES), SIZES))
def test_every_sample_stays_in_its_series(sizes: dict[str, list[int]]) -> None:
    batch = batch_like(sizes)
    assert samples_of(merge_small(batch)) == samples_of(batch)


@given(st.dictionaries(st.sampled_from(NAMES), SIZES))
def test_chunks_grow_to_about_a_whole_one_and_no_further(sizes: dict[str, list[int]]) -> None:
    merged = lengths(merge_small(batch_like(sizes)))
    for name, of_series in sizes.items():
        assert max(merged[name], default=0) <= max([WHOLE + SMALL, *of_series])
        runs = [list(run) for is_small, run in itertools.groupby(of_series, SMALL.__gt__) if is_small]
        large = len(of_series) - sum(map(len, runs))
        assert len(merged[name]) <= large + sum(sum(run) // WHOLE + 2 for run in runs)


@pytest.mark.parametrize("singles", [1, 2, 59, 60, 119, 120, 121, 500])
def test_a_run_of_single_samples_becomes_few_chunks(singles: int) -> None:
    [found] = lengths(merge_small(batch_like({"a": [1] * singles}))).values()
    assert sum(found) == singles
    assert max(found) <= WHOLE
    assert len(found) <= singles // WHOLE + 1


def test_large_chunks_keep_their_payloads() -> None:
    batch = batch_like({"a": [120, 3, 4, 60, 5, 120], "b": [61]})
    before, after = payloads_of(batch.chunks), payloads_of(merge_small(batch).chunks)
    assert lengths(merge_small(batch)) == {"a": [120, 7, 60, 5, 120], "b": [61]}
    assert [after[0], *after[2:]] == [before[0], *before[3:]]


def test_neighbours_of_different_series_are_not_joined() -> None:
    assert lengths(merge_small(batch_like({"a": [3], "b": [4], "c": [1, 1]}))) == (
        {"a": [3], "b": [4], "c": [2]}
    )


@pytest.mark.parametrize(
    "batch", [EMPTY, batch_of({"a": []}), batch_like({"a": [3], "b": [120, 5, 70, 5]})], ids=len
)
def test_a_batch_without_small_neighbours_is_left_as_it_is(batch: ChunkBatch) -> None:
    assert merge_small(batch) is batch


def test_stale_markers_and_signs_of_zero_survive() -> None:
    values = [1.0, STALE, -0.0, 0.0, float("inf"), float("nan"), STALE, 5e-324]
    batch = batch_of({"a": [(k, value) for k, value in enumerate(values)]}, per_chunk=1)
    [chunk] = chunks_by_name(merge_small(batch))["a"]
    assert [(t, bits_of(v)) for t, v in chunk] == [(k, bits_of(v)) for k, v in enumerate(values)]


@pytest.mark.parametrize("kind", [HISTOGRAM, FLOAT_HISTOGRAM, COUNTER])
def test_chunks_of_other_kinds_are_neither_joined_nor_read(kind: int) -> None:
    floats = batch_like({"a": [1, 1, 1, 1, 1]})
    payloads = payloads_of(floats.chunks)
    payloads[2] = b"\0\1not to be read"
    times_ms = [(k * 15_000, k * 15_000) for k in range(5)]
    chunks = chunks_of(payloads, times_ms)
    kinds = chunks.kinds.copy()
    kinds[2] = kind
    mixed = dataclasses.replace(floats, chunks=dataclasses.replace(chunks, kinds=kinds))
    merged = merge_small(mixed).chunks
    assert merged.kinds.tolist() == [1, kind, 1]
    assert payloads_of(merged)[1] == payloads[2]
    assert (merged.min_ms.tolist(), merged.max_ms.tolist()) == (
        [0, 30_000, 45_000],
        [15_000, 30_000, 60_000],
    )


def test_a_chunk_without_samples_is_not_joined() -> None:
    floats = batch_like({"a": [1, 1, 1]})
    payloads = payloads_of(floats.chunks)
    chunks = chunks_of(
        [payloads[0], b"\0\0", payloads[2]], [(0, 0), (15_000, 15_000), (30_000, 30_000)]
    )
    batch = dataclasses.replace(floats, chunks=chunks)
    assert merge_small(batch) is batch


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), st.integers(1, 9)), min_size=2, max_size=9))
def test_pieces_that_follow_each_other_become_one(counts: list[dict[str, int]]) -> None:
    pieces: list[SamplePiece] = []
    everything: dict[str, Samples] = {}
    for number, of_piece in enumerate(counts):
        start_ms = -300 + number * 100
        series = {
            name: [(start_ms + k * 10, float(k)) for k in range(count)]
            for name, count in of_piece.items()
        }
        pieces.append(SamplePiece.of(Grid(start_ms, 1, 100), batch_of(series, per_chunk=2)))
        for name, samples in series.items():
            everything.setdefault(name, []).extend(samples)
    joined = join_sample_pieces(pieces)
    assert joined.grid == Grid(-300, 1, 100 * len(pieces))
    assert samples_of(joined.batch) == everything
    assert all(len(chunks) == 1 for chunks in chunks_by_name(joined.batch).values())


def test_joining_changes_none_of_the_pieces() -> None:
    pieces = [SamplePiece.of(Grid(k, 1, 1), batch_of({"a": [(k, 1.0)]})) for k in range(3)]
    before = [samples_of(piece.batch) for piece in pieces]
    join_sample_pieces(pieces)
    assert [samples_of(piece.batch) for piece in pieces] == before
    assert all(np.array_equal(piece.chunk_ends, [1]) for piece in pieces)
