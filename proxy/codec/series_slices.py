"""Batches of different times, cut into portions by series: the same label sets in each portion."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

from proxy.codec.chunk_batches import slice_series
from proxy.codec.labels_pb import label_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxy.model.chunks import ChunkBatch


def slices(batches: Sequence[ChunkBatch], size_bytes: int) -> Iterator[list[ChunkBatch]]:
    """Portions of all batches, in order of the label sets.

    Each portion holds, for every batch, the series up to the same label set, which is chosen so
    that the largest of them comes to about `size_bytes` of payload. A series is never divided.
    """
    at = [0] * len(batches)
    while any(row < len(batch) for row, batch in zip(at, batches, strict=True)):
        last = _last_label(batches, at, size_bytes)
        ends = [_end(batch, row, last) for row, batch in zip(at, batches, strict=True)]
        yield [slice_series(*one) for one in zip(batches, at, ends, strict=True)]
        at = ends


def series_after(batch: ChunkBatch, last: bytes) -> ChunkBatch:
    """The series whose label sets come after `last`; all for no label set at all (`b""`)."""
    if not last or not batch.labels:
        return batch
    return slice_series(batch, _end(batch, 0, last), len(batch))


def _last_label(batches: Sequence[ChunkBatch], at: list[int], size_bytes: int) -> bytes:
    """The label set that ends a portion: that of the batch with most bytes left."""
    left = [
        _bytes_before(b, len(b)) - _bytes_before(b, row) for row, b in zip(at, batches, strict=True)
    ]
    rows = [len(b) - row for row, b in zip(at, batches, strict=True)]
    largest = max(range(len(batches)), key=lambda number: (left[number], rows[number]))
    batch, row = batches[largest], at[largest]
    ends = _byte_ends(batch)
    end = int(np.searchsorted(ends, _bytes_before(batch, row) + size_bytes, side="right"))
    return batch.labels[min(max(end, row + 1), len(batch)) - 1]


def _end(batch: ChunkBatch, row: int, last: bytes) -> int:
    """Where the series after `last` begin; mostly all batches have the same series."""
    return bisect_right(batch.labels, label_key(last), lo=row, key=label_key)


def _byte_ends(batch: ChunkBatch) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """For each series where its payloads end."""
    ends = np.concatenate([np.zeros(1, np.int64), batch.chunks.ends])
    return ends[batch.chunk_ends]


def _bytes_before(batch: ChunkBatch, row: int) -> int:
    if not row or not len(batch.chunks):
        return 0
    last_chunk = int(batch.chunk_ends[row - 1])
    return int(batch.chunks.ends[last_chunk - 1]) if last_chunk else 0
