"""Chunks of several batches picked out into one, payload bytes copied as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from proxy.model.chunks import ChunkBatch, Chunks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class ChunkTable:
    """Some `Chunks` below each other, not copied: a row is a chunk, numbered through.

    datas: the payload buffers. source: int64, for each row which of them; starts, ends: int64, where
    in it. The other columns as in `Chunks`.
    """

    datas: tuple[bytes, ...]
    source: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    min_ms: NDArray[np.int64]
    max_ms: NDArray[np.int64]

    @classmethod
    def of(cls, parts: Sequence[Chunks]) -> ChunkTable:
        """The chunks of at least one part, in their order."""
        return cls(
            tuple(part.data for part in parts),
            np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
            np.concatenate([part.starts for part in parts]),
            np.concatenate([part.ends for part in parts]),
            np.concatenate([part.kinds for part in parts]),
            np.concatenate([part.min_ms for part in parts]),
            np.concatenate([part.max_ms for part in parts]),
        )

    def take(self, rows: NDArray[np.int64]) -> Chunks:
        """Some rows, in the order given."""
        starts, ends = self.starts[rows], self.ends[rows]
        data = gather(self.datas, self.source[rows], starts, ends)
        offsets = np.cumsum(ends - starts)
        return Chunks(data, offsets, self.kinds[rows], self.min_ms[rows], self.max_ms[rows])

    def batch(
        self, labels: tuple[bytes, ...], series: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> ChunkBatch:
        """Some rows as a batch; series of which there is none are left out.

        labels: of all series. series: int64, to which series (an index into `labels`) each of `rows`
        belongs, in any order; rows of one series stay in the order given.
        """
        if (series[1:] < series[:-1]).any():
            order = np.argsort(series, kind="stable")
            series, rows = series[order], rows[order]
        counts = np.bincount(series, minlength=len(labels))
        if not counts.all():
            labels = tuple(labels[i] for i in np.flatnonzero(counts).tolist())
            counts = counts[counts > 0]
        return ChunkBatch(labels, np.cumsum(counts), self.take(rows))


def gather(
    datas: Sequence[bytes],
    source: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> bytes:
    """The slices `datas[source][start:end]` back to back; those that adjoin are copied at once."""
    if not len(starts):
        return b""
    is_break = (source[1:] != source[:-1]) | (starts[1:] != ends[:-1])
    firsts = np.concatenate([np.zeros(1, np.int64), np.flatnonzero(is_break) + 1])
    lasts = np.concatenate([firsts[1:], [len(starts)]]) - 1
    views = [memoryview(data) for data in datas]
    spans = zip(source[firsts].tolist(), starts[firsts].tolist(), ends[lasts].tolist(), strict=True)
    return b"".join([views[part][start:end] for part, start, end in spans])


def series_of_rows(batch: ChunkBatch) -> NDArray[np.int64]:
    """For each chunk the series that it belongs to."""
    counts = np.diff(batch.chunk_ends, prepend=0)
    return np.repeat(np.arange(len(batch)), counts)
