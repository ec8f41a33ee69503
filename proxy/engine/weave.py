"""Parts of an answer that follow each other in time, woven into one, some series at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.codec.chunk_batches import EMPTY
from proxy.codec.clip import clip
from proxy.codec.join_chunks import concatenate
from proxy.codec.series_slices import slices

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from proxy.engine.ports import Threads
    from proxy.model.chunks import ChunkBatch
    from proxy.plan.partition import Run

_AT_ONCE_BYTES = 1 << 21
"""Chunk bytes that are woven and sent together."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is at hand of the milliseconds `run`; `series` may reach further when not `is_exact`."""

    run: Run
    series: ChunkBatch
    is_exact: bool


async def woven(parts: Sequence[Part], threads: Threads) -> AsyncGenerator[ChunkBatch]:
    """The union of the parts' series; at least one batch, which may be empty.

    parts: in order of time, without overlap.
    """

    def weave(portion: list[ChunkBatch]) -> ChunkBatch:
        return concatenate(
            [
                series if part.is_exact else clip(series, part.run.first, part.run.end - 1)
                for part, series in zip(parts, portion, strict=True)
            ]
        )

    for portion in slices([part.series for part in parts], _AT_ONCE_BYTES):
        size_bytes = sum(len(series.chunks.data) for series in portion)
        yield await threads.run(weave, portion, size_bytes)
    if not parts:
        yield EMPTY
