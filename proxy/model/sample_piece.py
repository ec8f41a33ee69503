"""Raw samples that are kept: encoded chunks of the series that matched, for a run of milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.model.chunks import ChunkBatch, Chunks
from proxy.model.piece import SeriesList

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from proxy.model.grid import Grid


@dataclass(frozen=True, slots=True, eq=False)
class SamplePiece:
    """An immutable answer for the milliseconds of `grid` (its step is 1).

    series: the label sets as protobuf. chunk_ends, chunks: as in `ChunkBatch`; no sample lies
    outside of the grid, no two chunks of a series overlap.
    """

    grid: Grid
    series: SeriesList
    chunk_ends: NDArray[np.int64]
    chunks: Chunks

    @classmethod
    def of(cls, grid: Grid, batch: ChunkBatch) -> SamplePiece:
        return cls(grid, SeriesList(batch.labels), batch.chunk_ends, batch.chunks)

    @property
    def batch(self) -> ChunkBatch:
        """Its series and their chunks."""
        return ChunkBatch(self.series.metrics, self.chunk_ends, self.chunks)

    @property
    def size_bytes(self) -> int:
        """Without the series list, which is shared."""
        return self.chunk_ends.nbytes + self.chunks.size_bytes + 600

    @property
    def is_empty(self) -> bool:
        return not self.series.metrics
