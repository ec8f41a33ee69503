"""Batches put below each other and taken apart: no payload is changed, every series keeps its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.chunk_batches import EMPTY, sample_counts, slice_series, stack
from proxy.model.chunks import FLOAT_HISTOGRAM, ChunkBatch
from tests.sample_batches import (
    Samples,
    batch_of,
    batch_of_chunks,
    check,
    chunks_by_name,
    chunks_of,
    samples_of,
)

NAMES = [f"n{number:02}" for number in range(12)]
COUNTS = st.lists(st.lists(st.integers(1, 4), max_size=3), max_size=8)
"""For each series how many samples its chunks have."""


def batch_like(counts: list[list[int]], names: list[str] = NAMES) -> ChunkBatch:
    """Series of so many samples; each value tells where it stands."""
    series: dict[str, list[Samples]] = {}
    for name, of_series in zip(names, counts, strict=False):
        at = 0
        series[name] = []
        for count in of_series:
            series[name].append([(at + k, len(series) + (at + k) / 1000) for k in range(count)])
            at += count
    return batch_of_chunks(series)


def test_a_batch_without_series_is_well_formed() -> None:
    check(EMPTY)
    assert len(EMPTY) == 0
    assert EMPTY.size_bytes > 0


def test_no_batches_make_an_empty_one_and_one_stays_itself() -> None:
    assert stack([]) is EMPTY
    batch = batch_of({"a": [(1, 1.0)]})
    assert stack([batch]) is batch


@given(COUNTS, st.lists(st.integers(0, 8), max_size=3))
def test_parts_stacked_are_the_whole(counts: list[list[int]], cuts: list[int]) -> None:
    whole = batch_like(counts)
    edges = sorted({0, len(whole), *(min(cut, len(whole)) for cut in cuts)})
    parts = [slice_series(whole, *edge) for edge in zip(edges, [*edges[1:], edges[-1]], strict=True)]
    for part in parts:
        check(part)
    again = stack(parts)
    check(again)
    assert chunks_by_name(again) == chunks_by_name(whole)
    assert again.chunks.data == whole.chunks.data


@given(COUNTS, st.integers(0, 8), st.integers(0, 8))
def test_a_slice_holds_its_series_and_no_other(counts: list[list[int]], one: int, two: int) -> None:
    whole = batch_like(counts)
    first, end = sorted((min(one, len(whole)), min(two, len(whole))))
    part = slice_series(whole, first, end)
    check(part)
    assert chunks_by_name(part) == dict([*chunks_by_name(whole).items()][first:end])


def test_all_series_are_the_batch_itself() -> None:
    batch = batch_like([[1, 2], [3]])
    assert slice_series(batch, 0, 2) is batch


def test_kinds_travel_along() -> None:
    histogram = ChunkBatch(
        batch_of({"h": []}).labels,
        np.array([1]),
        chunks_of([b"\0\1..."], [(7, 8)], FLOAT_HISTOGRAM),
    )
    both = stack([batch_like([[2]]), histogram])
    assert both.chunks.kinds.tolist() == [1, FLOAT_HISTOGRAM]
    last = slice_series(both, 1, 2)
    assert (last.chunks.data, last.chunks.min_ms.tolist()) == (b"\0\1...", [7])


def test_stacking_does_not_change_what_was_stacked() -> None:
    one, two = batch_like([[2, 1]]), batch_like([[1]], ["z"])
    before = samples_of(one), samples_of(two)
    stack([one, two])
    assert (samples_of(one), samples_of(two)) == before


@given(st.lists(st.integers(1, 300), max_size=4))
def test_samples_are_counted_by_chunk(counts: list[int]) -> None:
    chunks = batch_like([counts]).chunks
    assert sample_counts(chunks).tolist() == counts


@pytest.mark.parametrize(
    ("payloads", "counts"),
    [
        ([], []),
        ([b""], [0]),
        ([b"\x01"], [0]),
        ([b"\x01\x02"], [258]),
        ([b"\xff\xff", b"\x01", b"", b"\x00\x05...", b"\x09"], [65_535, 0, 0, 5, 0]),
    ],
)
def test_a_chunk_too_short_to_say_so_holds_no_sample(payloads: list[bytes], counts: list[int]) -> None:
    chunks = chunks_of(payloads, [(0, 0)] * len(payloads))
    assert sample_counts(chunks).tolist() == counts
