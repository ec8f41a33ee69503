"""Frames of streamed answers, against what the generated messages make of the same chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec._pb.remote_pb2 import ChunkedReadResponse
from proxy.codec._pb.types_pb2 import ChunkedSeries
from proxy.codec.read_frames import GROUP_BYTES, frames
from proxy.model.chunks import FLOAT_HISTOGRAM, HISTOGRAM, XOR, ChunkBatch
from tests.chunks import ChunkOf, batch_of, labels_of
from tests.thanos.remote_read_client import crc32c, uvarint
from tests.thanos.remote_read_client import frames as read_frames

if TYPE_CHECKING:
    from collections.abc import Iterator

MEGABYTE = 1 << 20
int64s = st.one_of(
    st.sampled_from([0, 1, -1, (1 << 63) - 1, -(1 << 63), 1_700_000_000_000]),
    st.integers(-(1 << 63), (1 << 63) - 1),
)
chunks_of = st.tuples(
    st.sampled_from([XOR, HISTOGRAM, FLOAT_HISTOGRAM]), int64s, int64s, st.binary(max_size=300)
)
batches = st.lists(st.lists(chunks_of, max_size=6), max_size=6).map(
    lambda series: batch_of({labels_of(name="a", n=str(n)): of for n, of in enumerate(series)})
)


def messages(batch: ChunkBatch, query_index: int) -> Iterator[tuple[bytes, list[ChunkedSeries]]]:
    """For each series with chunks its message when all fits, and one message for each chunk."""
    chunks = batch.chunks
    first = 0
    for labels, end in zip(batch.labels, batch.chunk_ends.tolist(), strict=True):
        whole = ChunkedReadResponse(query_index=query_index)
        series = whole.chunked_series.add()
        series.MergeFromString(labels)
        for row in range(first, end):
            start = int(chunks.ends[row - 1]) if row else 0
            series.chunks.add(
                type=int(chunks.kinds[row]),
                min_time_ms=int(chunks.min_ms[row]),
                max_time_ms=int(chunks.max_ms[row]),
                data=chunks.data[start : int(chunks.ends[row])],
            )
        if end > first:
            yield whole.SerializeToString(), [series]
        first = end


def written(batch: ChunkBatch, query_index: int = 0, max_frame_bytes: int = MEGABYTE) -> bytes:
    return b"".join(frames(batch, query_index, max_frame_bytes))


def cut(stream: bytes) -> list[bytes]:
    """The messages of frames as bytes; checksums are compared."""
    found, at = [], 0
    while at < len(stream):
        size, at = uvarint(stream, at)
        message = stream[at + 4 : at + 4 + size]
        assert int.from_bytes(stream[at : at + 4]) == crc32c(message)
        found.append(message)
        at += 4 + size
    return found


@given(batches, st.sampled_from([0, 1, 127, 128]))
def test_a_frame_holds_what_the_generated_message_would(batch: ChunkBatch, query_index: int) -> None:
    expected = [message for message, _ in messages(batch, query_index)]
    assert cut(written(batch, query_index)) == expected


@given(batches, st.integers(0, 700))
def test_a_series_goes_on_in_the_next_frame_when_one_is_full(batch: ChunkBatch, most: int) -> None:
    """As Prometheus does: a frame is closed behind the chunk that fills it."""
    found = [ChunkedReadResponse.FromString(message) for message in cut(written(batch, 0, most))]
    for frame in found:
        (series,) = frame.chunked_series
        room = most - len(ChunkedSeries(labels=series.labels).SerializeToString())
        sizes = [chunk.ByteSize() for chunk in series.chunks]
        assert len(sizes) == 1 or sum(sizes[:-1]) < room
    whole = [series for _, (series,) in messages(batch, 0)]
    assert joined(found) == [(list(s.labels), list(s.chunks)) for s in whole]


def joined(found: list[ChunkedReadResponse]) -> list[tuple[list[object], list[object]]]:
    """Neighbouring frames of one series as one."""
    series: list[tuple[list[object], list[object]]] = []
    for frame in found:
        labels, chunks = list(frame.chunked_series[0].labels), list(frame.chunked_series[0].chunks)
        if series and series[-1][0] == labels:
            series[-1][1].extend(chunks)
        else:
            series.append((list(labels), list(chunks)))
    return series


def test_frames_are_no_smaller_than_they_must_be() -> None:
    chunk: ChunkOf = (XOR, 1, 2, b"x" * 100)
    labels = labels_of(name="a")
    (one,) = cut(written(batch_of({labels: [chunk]})))
    inner = ChunkedReadResponse.FromString(one).chunked_series[0].chunks[0].ByteSize()
    batch = batch_of({labels: [chunk] * 7})
    counts = {
        most: [len(f.chunked_series[0].chunks) for f in read_frames(written(batch, 0, most))]
        for most in (0, len(labels) + 3 * inner, len(labels) + 3 * inner + 1)
    }
    assert list(counts.values()) == [[1] * 7, [3, 3, 1], [4, 3]]


def test_large_answers_come_in_groups_of_whole_frames() -> None:
    chunk: ChunkOf = (XOR, 1, 2, b"x" * 1000)
    batch = batch_of({labels_of(name="a", n=f"{n:04}"): [chunk] * 4 for n in range(500)})
    groups = list(frames(batch, 3, MEGABYTE))
    assert len(groups) == 8
    assert all(GROUP_BYTES <= len(group) < GROUP_BYTES + 5000 for group in groups[:-1])
    found = [frame for group in groups for frame in read_frames(group)]
    assert [f.chunked_series[0].labels[1].value for f in found] == [f"{n:04}" for n in range(500)]
    assert {frame.query_index for frame in found} == {3}


@pytest.mark.parametrize("series", [{}, {labels_of(name="a"): []}])
def test_without_chunks_there_is_no_frame(series: dict[bytes, list[ChunkOf]]) -> None:
    assert written(batch_of(series)) == b""


def test_columns_need_not_be_contiguous() -> None:
    """The engine hands out views of larger columns."""
    batch = batch_of({labels_of(name="a"): [(XOR, 5, 6, b"ab"), (XOR, 7, 8, b"c")]})
    times = np.array([[5, 6], [7, 8]], np.int64)
    object.__setattr__(batch.chunks, "min_ms", times[:, 0])
    object.__setattr__(batch.chunks, "max_ms", times[:, 1])
    (frame,) = read_frames(written(batch))
    chunks = frame.chunked_series[0].chunks
    assert [(c.min_time_ms, c.max_time_ms, c.data) for c in chunks] == [(5, 6, b"ab"), (7, 8, b"c")]
