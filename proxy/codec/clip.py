"""Batches cut in time: only chunks that a cut goes through are decoded and encoded again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from proxy.codec.chunk_batches import EMPTY
from proxy.codec.chunk_table import ChunkTable, series_of_rows
from proxy.codec.sample_columns import decode_rows, encode_columns
from proxy.model.chunks import COUNTER, ChunkBatch, Chunks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Column = NDArray[np.int64]


def clip(batch: ChunkBatch, first_ms: int, last_ms: int) -> ChunkBatch:
    """What lies between two times, both inclusive; the batch itself when nothing is cut.

    Chunks are believed to hold no sample outside of their `min_ms` and `max_ms`. A chunk that is
    encoded again has the true times of its samples there. Series without samples are left out.
    `COUNTER` chunks, whose last samples belong together, are left whole or out, never cut: they
    become samples first (`replicas.deduplicate`).

    Raises:
        ChunkError: a chunk that must be cut is malformed.
    """
    chunks = batch.chunks
    if not len(chunks) or (chunks.min_ms.min() >= first_ms and chunks.max_ms.max() <= last_ms):
        return batch
    return _cut(batch, [first_ms, last_ms + 1], wanted=[1])[0]


def cut(batch: ChunkBatch, edges_ms: Sequence[int]) -> list[ChunkBatch]:
    """A batch cut at some increasing times: one part more than those.

    A sample at an edge belongs to the later part. Else as `clip`; a `COUNTER` chunk stands in each
    part that it reaches into. Each chunk is decoded at most once.

    Raises:
        ChunkError: a chunk that must be cut is malformed.
    """
    if not edges_ms:
        return [batch]
    return _cut(batch, edges_ms, wanted=range(len(edges_ms) + 1))


def _cut(batch: ChunkBatch, edges_ms: Sequence[int], wanted: Sequence[int]) -> list[ChunkBatch]:
    """The wanted parts of a batch; they follow each other."""
    edges, chunks = np.array(edges_ms, np.int64), batch.chunks
    first_part = edges.searchsorted(chunks.min_ms, side="right")
    last_part = np.maximum(edges.searchsorted(chunks.max_ms, side="right"), first_part)
    is_concerned = (last_part >= wanted[0]) & (first_part <= wanted[-1])
    is_cut = is_concerned & (first_part < last_part) & (chunks.kinds != COUNTER)
    made, origins, made_parts = _encoded_parts(chunks, np.flatnonzero(is_cut), edges, wanted)
    table = ChunkTable.of([chunks, made])
    series = series_of_rows(batch)
    parts = []
    for number in wanted:
        whole = np.flatnonzero((first_part <= number) & (last_part >= number) & ~is_cut)
        of_part = np.flatnonzero(made_parts == number)
        origin = np.concatenate([whole, origins[of_part]])
        order = np.argsort(origin, kind="stable")
        rows = np.concatenate([whole, of_part + len(chunks)])
        parts.append(table.batch(batch.labels, series[origin[order]], rows[order]))
    return parts


def _encoded_parts(
    chunks: Chunks, rows: Column, edges: Column, wanted: Sequence[int]
) -> tuple[Chunks, Column, Column]:
    """Some chunks cut and encoded again; for each new chunk the row that it is of, and its part."""
    if not rows.size:
        return EMPTY.chunks, rows, rows
    columns, ends = decode_rows(chunks, rows)
    origins = np.repeat(rows, np.diff(ends, prepend=0))
    parts = edges.searchsorted(columns.times_ms, side="right")
    kept = (parts >= wanted[0]) & (parts <= wanted[-1])
    columns, origins, parts = columns.take(kept), origins[kept], parts[kept]
    is_last = (origins[1:] != origins[:-1]) | (parts[1:] != parts[:-1])
    group_ends = np.append(np.flatnonzero(is_last) + 1, len(parts))[: len(parts)]
    made, made_ends = encode_columns(columns, group_ends)
    counts = np.diff(made_ends, prepend=0)
    return made, np.repeat(origins[group_ends - 1], counts), np.repeat(parts[group_ends - 1], counts)
