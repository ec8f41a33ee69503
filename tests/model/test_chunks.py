"""Chunks as columns: where each begins, and what they weigh."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.codec._pb import types_pb2
from proxy.model.chunks import COUNTER, FLOAT_HISTOGRAM, HISTOGRAM, XOR
from tests.sample_batches import batch_of, chunks_of


@pytest.mark.parametrize(
    ("kind", "name"), [(XOR, "XOR"), (HISTOGRAM, "HISTOGRAM"), (FLOAT_HISTOGRAM, "FLOAT_HISTOGRAM")]
)
def test_kinds_that_leave_have_the_numbers_of_remote_read(kind: int, name: str) -> None:
    assert types_pb2.Chunk.Encoding.Value(name) == kind


def test_a_downsampled_counter_is_of_no_kind_that_leaves_and_fits_the_column() -> None:
    assert COUNTER not in types_pb2.Chunk.Encoding.values()
    assert np.iinfo(np.uint8).max >= COUNTER


def test_a_payload_begins_where_the_one_before_ends() -> None:
    chunks = chunks_of([b"ab", b"", b"cde"], [(0, 0)] * 3)
    assert len(chunks) == 3
    assert chunks.starts.tolist() == [0, 2, 2]
    assert [chunks.data[a:b] for a, b in zip(chunks.starts, chunks.ends, strict=True)] == (
        [b"ab", b"", b"cde"]
    )


def test_a_series_begins_where_the_one_before_ends() -> None:
    samples = [(time_ms, 0.0) for time_ms in range(5)]
    batch = batch_of({"a": samples, "b": [], "c": samples[:2]}, per_chunk=2)
    assert len(batch) == 3
    assert batch.chunk_starts.tolist() == [0, 3, 3]
    assert batch.chunk_ends.tolist() == [3, 3, 4]


def test_nothing_begins_nowhere() -> None:
    assert chunks_of([], []).starts.tolist() == []
    assert batch_of({}).chunk_starts.tolist() == []


def test_the_weight_is_that_of_payloads_columns_and_labels() -> None:
    one, more = batch_of({"a": [(0, 1.0)]}), batch_of({"a": [(0, 1.0), (1, 2.0), (9, 0.1)]})
    grown = len(more.chunks.data) - len(one.chunks.data)
    assert more.size_bytes - one.size_bytes == grown > 0
    named = batch_of({"a" * 101: [(0, 1.0)]})
    assert named.size_bytes - one.size_bytes == len(named.labels[0]) - len(one.labels[0]) >= 100
    columns = sum(c.nbytes for c in (one.chunks.ends, one.chunks.kinds, one.chunks.min_ms))
    assert one.chunks.size_bytes > len(one.chunks.data) + columns
