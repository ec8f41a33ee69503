"""Which chunks are decoded, and to which sequences they are dealt."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.overlaps import deal_out
from proxy.model.chunks import COUNTER, HISTOGRAM, XOR
from tests.codec.batches import Row, batch_of

if TYPE_CHECKING:
    import numpy as np

    from proxy.codec.overlaps import DealtChunks
    from proxy.model.chunks import ChunkBatch

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=8)


def sequences_of_thanos(rows: list[Row]) -> list[list[Row]]:
    """`overlapSplitSet.Next` (Thanos `pkg/dedup/iter.go`)."""
    replicas: list[list[Row]] = [[]]
    for row in rows:
        for replica in replicas:
            if not replica or replica[-1][1] < row[0]:
                replica.append(row)
                break
        else:
            replicas.append([row])
    return replicas


def rows_at(batch: ChunkBatch, numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[Row]:
    chunks = batch.chunks
    return [
        (
            int(chunks.min_ms[row]),
            int(chunks.max_ms[row]),
            chunks.data[int(chunks.starts[row]) : int(chunks.ends[row])],
        )
        for row in numbers.tolist()
    ]


def dealt_sequences(batch: ChunkBatch, dealt: DealtChunks) -> list[tuple[int, list[Row]]]:
    """For each sequence its series and its chunks."""
    cuts = itertools.pairwise([0, *dealt.ends.tolist()])
    spans = [dealt.rows[start:end] for start, end in cuts]
    return [(of, rows_at(batch, rows)) for of, rows in zip(dealt.series.tolist(), spans, strict=True)]


@given(st.lists(SPANS, max_size=4))
def test_chunks_are_dealt_out_as_by_thanos(series: list[list[tuple[int, int]]]) -> None:
    rows = [
        [(first, first + length, f"{first} {length}".encode()) for first, length in spans]
        for spans in series
    ]
    batch = batch_of({str(number).encode(): of_one for number, of_one in enumerate(rows)})
    dealt = deal_out(batch)
    wanted = [sequences_of_thanos(sorted(set(of_one))) for of_one in rows]
    if dealt is None:
        assert all(of_one == of_thanos[0] for of_one, of_thanos in zip(rows, wanted, strict=True))
        return
    assert dealt_sequences(batch, dealt) == [
        (number, sequence)
        for number, of_one in enumerate(wanted)
        if len(of_one) > 1
        for sequence in of_one
    ]
    whole = [row for of_one in wanted if len(of_one) == 1 for row in of_one[0]]
    assert sorted(rows_at(batch, dealt.whole)) == sorted(whole)


def test_replicas_whose_chunks_take_turns_are_one_sequence() -> None:
    assert deal_out(batch_of({b"": [(0, 10, b"A"), (11, 20, b"B"), (21, 30, b"A2")]})) is None


def test_chunks_that_share_a_boundary_overlap() -> None:
    batch = batch_of({b"": [(0, 10, b"A"), (10, 20, b"B"), (21, 30, b"C")]})
    dealt = deal_out(batch)
    assert dealt is not None
    assert [[row[2] for row in rows] for _, rows in dealt_sequences(batch, dealt)] == [
        [b"A", b"C"],
        [b"B"],
    ]


def test_neighbouring_series_do_not_overlap() -> None:
    assert deal_out(batch_of({b"a": [(0, 100, b"x")], b"b": [(50, 60, b"y")]})) is None


def test_copies_are_dropped_and_nothing_is_decoded_for_them() -> None:
    batch = batch_of({b"": [(0, 10, b"A"), (0, 10, b"A"), (11, 20, b"B"), (11, 20, b"B")]})
    dealt = deal_out(batch)
    assert dealt is not None
    assert (dealt.whole.tolist(), dealt.rows.tolist()) == ([0, 2], [])


def test_of_equal_times_the_kind_decides_then_the_larger_payload() -> None:
    """`AggrChunk.Compare`: the first sequence has its way where both have a time."""
    rows = [(0, 9, b"a"), (0, 9, b"c"), (0, 9, b"b"), (0, 9, b"z")]
    batch = batch_of({b"": rows}, {b"": [XOR, XOR, XOR, HISTOGRAM]})
    dealt = deal_out(batch)
    assert dealt is not None
    found = [row[2] for _, of_one in dealt_sequences(batch, dealt) for row in of_one]
    assert found == [b"c", b"b", b"a", b"z"]


def test_chunks_out_of_order_are_put_in_order_and_kept() -> None:
    dealt = deal_out(batch_of({b"": [(20, 30, b"B"), (0, 10, b"A")]}))
    assert dealt is not None
    assert (dealt.whole.tolist(), dealt.rows.tolist()) == ([1, 0], [])


def test_a_counter_makes_its_whole_series_one_to_be_decoded() -> None:
    batch = batch_of(
        {b"a": [(0, 9, b"x"), (10, 19, b"y")], b"b": [(0, 9, b"z")]}, {b"a": [XOR, COUNTER]}
    )
    dealt = deal_out(batch)
    assert dealt is not None
    assert (dealt.whole.tolist(), dealt.rows.tolist(), dealt.series.tolist()) == ([2], [0, 1], [0])


def test_a_chunk_that_ends_before_it_begins_hides_no_overlap() -> None:
    dealt = deal_out(batch_of({b"": [(0, 20, b"A"), (25, 3, b"B"), (4, 30, b"C")]}))
    assert dealt is not None
    assert dealt.rows.size
