"""STREAMED_XOR_CHUNKS: chunks as they are, in frames with length and checksum.

A frame is uvarint(length), CRC-32 (Castagnoli) of the message as four bytes, big endian, and a
`prometheus.ChunkedReadResponse`. Each holds one series: Prometheus's client reads the first and
ignores others. Sources: Prometheus, storage/remote/chunked.go and codec.go
(StreamChunkedReadResponses, chunkedSeriesSet.Next).

The messages are written by hand: payloads and label sets are there as bytes, and what stands between
them is made in columns.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from crc32c import crc32c

from proxy.codec.protobuf import uvarint, varint_fields, varint_lengths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from proxy.model.chunks import ChunkBatch, Chunks

GROUP_BYTES = 1 << 18
"""Frames are handed out together when they come to about this."""

_CHUNKED_SERIES, _QUERY_INDEX = b"\x0a", b"\x10"  # of ChunkedReadResponse
_CHUNK = 0x12  # of ChunkedSeries
_MIN_TIME, _MAX_TIME, _TYPE, _DATA = 0x08, 0x10, 0x18, 0x22  # of Chunk


def frames(batch: ChunkBatch, query_index: int, max_frame_bytes: int) -> Iterator[bytes]:
    """All chunks of a batch in frames; each of the `bytes` is a run of whole frames.

    Args:
        batch: series without chunks are left out.
        query_index: which of the request's queries it answers.
        max_frame_bytes: a frame is closed behind the chunk with which it reaches this size; the
            series goes on in the next one.
    """
    sizes, fields = _chunk_fields(batch.chunks)
    field_sizes = sizes + varint_lengths(sizes.astype(np.uint64)) + 1
    ends = [0, *np.cumsum(field_sizes).tolist()]
    tail = _QUERY_INDEX + uvarint(query_index) if query_index else b""
    group: list[bytes] = []
    group_bytes = 0
    for row, first, end in _runs(batch, sizes, max_frame_bytes):
        labels = batch.labels[row]
        opening = _CHUNKED_SERIES + uvarint(len(labels) + ends[end] - ends[first])
        message = b"".join((opening, labels, *fields[2 * first : 2 * end], tail))
        group += (uvarint(len(message)), crc32c(message).to_bytes(4, "big"), message)
        group_bytes += len(message)
        if group_bytes >= GROUP_BYTES:
            yield b"".join(group)
            group, group_bytes = [], 0
    if group:
        yield b"".join(group)


def _chunk_fields(chunks: Chunks) -> tuple[NDArray[np.int64], list[bytes]]:
    """The size of each `Chunk`, and two texts for each: what stands before its payload, and that."""
    starts = chunks.starts
    payload_bytes = chunks.ends - starts
    inner = [
        (_MIN_TIME, chunks.min_ms.astype(np.uint64)),
        (_MAX_TIME, chunks.max_ms.astype(np.uint64)),
        (_TYPE, chunks.kinds.astype(np.uint64)),
        (_DATA, payload_bytes.astype(np.uint64)),
    ]
    sizes = payload_bytes + sum(_field_sizes(values) for _, values in inner)
    openings, ends = varint_fields([(_CHUNK, sizes.astype(np.uint64)), *inner])
    fields = [b""] * (2 * len(chunks))
    fields[0::2] = _cut(openings, ends)
    fields[1::2] = _cut(chunks.data, chunks.ends)
    return sizes, fields


def _field_sizes(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    return np.where(values == 0, 0, 1 + varint_lengths(values))


def _cut(data: bytes, ends: NDArray[np.int64]) -> list[bytes]:
    """The parts of `data` that end where `ends` says and follow each other."""
    bounds = [0, *ends.tolist()]
    return [data[start:end] for start, end in pairwise(bounds)]


def _runs(
    batch: ChunkBatch, sizes: NDArray[np.int64], max_frame_bytes: int
) -> Iterator[tuple[int, int, int]]:
    """For each frame the row of its series, and the rows of its chunks: first and end.

    As in Prometheus, the labels count, and a frame ends with the chunk that fills it.
    """
    totals = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    first = 0
    for row, end in enumerate(batch.chunk_ends.tolist()):
        room = max_frame_bytes - len(batch.labels[row])
        while first < end:
            full, stop = totals[first] + room, end
            if totals[end] > full:
                stop = first + 1 + int(np.searchsorted(totals[first + 1 : end], full))
            yield row, first, stop
            first = stop
