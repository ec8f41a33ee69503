"""Batches cut in time: the same samples, and chunks that no cut goes through byte for byte."""

from __future__ import annotations

import bisect
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.codec.clip import clip, cut
from proxy.codec.sample_columns import decode_rows
from proxy.model.chunks import COUNTER, ChunkBatch
from tests.codec.batches import Value, batch_of, rows_of, sampled_batch, samples_of

Series = dict[bytes, list[list[tuple[int, Value]]]]


@st.composite
def series(draw: st.DrawFn) -> Series:
    """A few series of chunks that follow each other; some are of histograms."""
    made: Series = {}
    for label in (b"a", b"b", b"c")[: draw(st.integers(0, 3))]:
        time, made[label] = draw(st.integers(0, 40)), []
        for _ in range(draw(st.integers(0, 4))):
            prefix, count = draw(st.sampled_from(["", "", "i"])), draw(st.integers(1, 5))
            times = [time + 10 * i for i in range(count)]
            made[label].append([(t, f"{prefix}{t}" if prefix else float(t)) for t in times])
            time = times[-1] + draw(st.integers(1, 30))
    return made


def between(made: Series, first: int, last: int) -> dict[bytes, list[tuple[int, Value]]]:
    kept = {
        label: [sample for chunk in chunks for sample in chunk if first <= sample[0] <= last]
        for label, chunks in made.items()
    }
    return {label: samples for label, samples in kept.items() if samples}


@given(series(), st.integers(-10, 220), st.integers(0, 220))
@example({b"a": [[(0, "i0"), (10, "i10")]]}, 1, 0)
def test_what_lies_between_two_times_is_kept(made: Series, first: int, length: int) -> None:
    batch = sampled_batch(made)
    clipped = clip(batch, first, first + length)
    if clipped is not batch:
        assert samples_of(clipped) == between(made, first, first + length)
    else:
        assert between(made, first, first + length) == between(made, -1000, 1000)


@given(series(), st.sets(st.integers(-10, 220), min_size=1, max_size=5))
def test_parts_hold_the_samples_of_their_time(made: Series, at: set[int]) -> None:
    edges = sorted(at)
    parts = cut(sampled_batch(made), edges)
    bounds = [-1000, *edges, 1000]
    assert [samples_of(part) for part in parts] == [
        between(made, bounds[i], bounds[i + 1] - 1) for i in range(len(edges) + 1)
    ]


@given(series(), st.sets(st.integers(-10, 220), max_size=5))
def test_chunks_that_no_cut_goes_through_keep_their_bytes(made: Series, at: set[int]) -> None:
    edges = sorted(at)
    batch = sampled_batch(made)
    found = [row for part in cut(batch, edges) for rows in rows_of(part).values() for row in rows]
    for first, last, payload in (row for rows in rows_of(batch).values() for row in rows):
        is_whole = bisect.bisect_right(edges, first) == bisect.bisect_right(edges, last)
        assert ((first, last, payload) in found) == is_whole


def test_a_batch_that_lies_inside_is_returned_as_it_is() -> None:
    batch = sampled_batch({b"a": [[(0, 1.0), (10, 2.0)]]})
    assert clip(batch, 0, 10) is batch
    assert cut(batch, [])[0] is batch


def test_a_chunk_that_is_cut_tells_its_true_times() -> None:
    batch = sampled_batch({b"a": [[(0, 1.0), (10, 2.0), (20, 3.0), (30, 4.0)]]})
    assert [row[:2] for row in rows_of(clip(batch, 5, 25))[b"a"]] == [(10, 20)]


def test_announced_times_are_believed_where_they_lie_inside() -> None:
    batch = batch_of({b"a": [(0, 9, b"never decoded"), (10, 19, b"nor this")]})
    assert rows_of(clip(batch, 10, 100)) == {b"a": [(10, 19, b"nor this")]}


def test_a_chunk_that_announced_more_than_it_holds_may_vanish() -> None:
    batch = sampled_batch({b"a": [[(5, 1.0)]], b"b": [[(12, 2.0)]]})
    batch.chunks.max_ms[0] = 20
    assert samples_of(clip(batch, 10, 100)) == {b"b": [(12, 2.0)]}


def test_a_chunk_that_ends_before_it_begins_lies_where_it_begins() -> None:
    batch = batch_of({b"a": [(12, 3, b"not decoded")]})
    assert [rows_of(part) for part in cut(batch, [5, 10])] == [{}, {}, rows_of(batch)]


def test_counters_are_kept_whole_in_every_part_that_they_reach_into() -> None:
    batch = sampled_batch({b"a": [[(0, 1.0), (10, 2.0), (10, 1.0)]]}, {b"a": [COUNTER]})
    parts = cut(batch, [5, 30])
    assert [rows_of(part) for part in parts] == [rows_of(batch), rows_of(batch), {}]


def test_a_chunk_is_decoded_once_however_many_cuts_go_through_it() -> None:
    batch = sampled_batch({b"a": [[(t, float(t)) for t in range(100)]]})
    with patch("proxy.codec.clip.decode_rows", wraps=decode_rows) as decode:
        parts = cut(batch, [10, 20, 30])
    assert [len(samples_of(part)[b"a"]) for part in parts] == [10, 10, 10, 70]
    assert [call.args[1].tolist() for call in decode.call_args_list] == [[0]]


@pytest.mark.parametrize("edges", [[5], []])
def test_a_batch_without_series_has_parts_without_series(edges: list[int]) -> None:
    empty = ChunkBatch((), np.zeros(0, np.int64), batch_of({}).chunks)
    assert [len(part) for part in cut(empty, edges)] == [0] * (len(edges) + 1)
    assert len(clip(empty, 0, 1)) == 0
