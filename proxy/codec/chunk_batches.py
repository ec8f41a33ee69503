"""Batches of chunks put below each other, taken apart by series, and counted; never decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from proxy.model.chunks import ChunkBatch, Chunks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_NO_CHUNKS = Chunks(
    b"", np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int64)
)
EMPTY = ChunkBatch((), np.zeros(0, np.int64), _NO_CHUNKS)
"""A batch without series."""

_COUNT_BYTES = 2
"""A chunk begins with its number of samples (Prometheus `tsdb/chunkenc`)."""


def stack(batches: Sequence[ChunkBatch]) -> ChunkBatch:
    """One batch of all series of these, one after the other; no series stands in two of them."""
    if len(batches) == 1:
        return batches[0]
    if not batches:
        return EMPTY
    chunks = [batch.chunks for batch in batches]
    return ChunkBatch(
        tuple(label for batch in batches for label in batch.labels),
        _shifted([b.chunk_ends for b in batches], [len(c) for c in chunks]),
        Chunks(
            b"".join(c.data for c in chunks),
            _shifted([c.ends for c in chunks], [len(c.data) for c in chunks]),
            np.concatenate([c.kinds for c in chunks]),
            np.concatenate([c.min_ms for c in chunks]),
            np.concatenate([c.max_ms for c in chunks]),
        ),
    )


def _shifted(columns: list[NDArray[np.int64]], lengths: list[int]) -> NDArray[np.int64]:
    """Offsets into one part each, as offsets into all parts back to back."""
    bases = np.cumsum([0, *lengths[:-1]])
    return np.concatenate([column + base for column, base in zip(columns, bases, strict=True)])


def slice_series(batch: ChunkBatch, first: int, end: int) -> ChunkBatch:
    """The series `first` to `end` (exclusive); copies only their payload bytes."""
    if first == 0 and end == len(batch):
        return batch
    row = int(batch.chunk_ends[first - 1]) if first else 0
    row_end = int(batch.chunk_ends[end - 1]) if end else 0
    chunks = batch.chunks
    byte = int(chunks.ends[row - 1]) if row else 0
    byte_end = int(chunks.ends[row_end - 1]) if row_end else 0
    return ChunkBatch(
        batch.labels[first:end],
        batch.chunk_ends[first:end] - row,
        Chunks(
            chunks.data[byte:byte_end],
            chunks.ends[row:row_end] - byte,
            chunks.kinds[row:row_end],
            chunks.min_ms[row:row_end],
            chunks.max_ms[row:row_end],
        ),
    )


def sample_counts(chunks: Chunks) -> NDArray[np.int64]:
    """How many samples each chunk holds; of one that is too short to say so, 0."""
    data = np.frombuffer(chunks.data, np.uint8)
    starts = chunks.starts
    long_enough = chunks.ends - starts >= _COUNT_BYTES
    counts = np.zeros(len(chunks), np.int64)
    at = starts[long_enough]
    counts[long_enough] = data[at].astype(np.int64) << 8 | data[at + 1]
    return counts
