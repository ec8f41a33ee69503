"""Raw samples as they are stored and sent: encoded chunks, as bytes plus numpy columns.

A chunk is the run of one series' samples that Prometheus's TSDB encoded together (some 120 of
them); its payload is the same in the StoreAPI, in remote read and on disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

XOR = 1
"""Floats. This and the next two are the numbers of remote read (`prometheus.Chunk.Encoding`)."""
HISTOGRAM = 2
"""Native histograms with integer counts."""
FLOAT_HISTOGRAM = 3
"""Native histograms with float counts."""
COUNTER = 100
"""A downsampled counter (Thanos's aggregate of that name): never leaves, becomes `XOR` first."""


@dataclass(frozen=True, slots=True, eq=False)
class Chunks:
    """Chunks back to back. All columns have one row for each chunk.

    data: the payloads. ends: int64, where each payload ends in `data` (it begins where the one
    before ends). kinds: uint8, see above. min_ms, max_ms: int64, the times of the first and last
    sample, as whoever made the chunk says.
    """

    data: bytes
    ends: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    min_ms: NDArray[np.int64]
    max_ms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where each payload begins."""
        return np.concatenate([np.zeros(1, np.int64), self.ends])[:-1]

    @property
    def size_bytes(self) -> int:
        """What it holds in memory."""
        columns = (self.ends, self.kinds, self.min_ms, self.max_ms)
        return len(self.data) + 33 + sum(column.nbytes + 112 for column in columns)


@dataclass(frozen=True, slots=True, eq=False)
class ChunkBatch:
    """Some series in order of their labels, each label set once, and their chunks.

    labels: for each series its label set as protobuf: `labels` fields (number 1) of
        `prometheus.TimeSeries` and `prometheus.ChunkedSeries`, in order of the names.
    chunk_ends: int64, for each series the row of `chunks` at which its chunks end (they begin
        where those of the one before end).
    chunks: of one series in order of `min_ms`. Unless said otherwise they do not overlap.
    """

    labels: tuple[bytes, ...]
    chunk_ends: NDArray[np.int64]
    chunks: Chunks

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def chunk_starts(self) -> NDArray[np.int64]:
        """For each series the row of its first chunk."""
        return np.concatenate([np.zeros(1, np.int64), self.chunk_ends])[:-1]

    @property
    def size_bytes(self) -> int:
        """What it holds in memory, labels included."""
        labels = sum(map(len, self.labels)) + 41 * len(self.labels)
        return labels + self.chunk_ends.nbytes + 200 + self.chunks.size_bytes
