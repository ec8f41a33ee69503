"""Pieces of raw samples joined: refreshes leave chunks of a few samples, which become whole ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from proxy.codec.chunk_batches import sample_counts
from proxy.codec.join_chunks import concatenate
from proxy.codec.xor_decode import decode_xor
from proxy.codec.xor_encode import encode_xor
from proxy.model.chunks import XOR, ChunkBatch, Chunks
from proxy.model.grid import Grid
from proxy.model.sample_piece import SamplePiece

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SMALL = 60
"""A chunk of fewer samples is joined with small neighbours; Prometheus makes chunks of 120."""


def join_sample_pieces(pieces: list[SamplePiece]) -> SamplePiece:
    """Pieces that follow each other without a gap as one."""
    first, last = pieces[0].grid, pieces[-1].grid
    grid = Grid.between(first.start_ms, last.last_ms, 1)
    return SamplePiece.of(grid, merge_small(concatenate([piece.batch for piece in pieces])))


def merge_small(batch: ChunkBatch) -> ChunkBatch:
    """Neighbouring small chunks of floats as one each; all other payloads stay as they are."""
    groups = _groups(batch)
    first_of_group = np.concatenate(([True], groups[1:] != groups[:-1])) if len(groups) else groups
    firsts = np.flatnonzero(first_of_group)
    ends = np.append(firsts[1:], len(groups))
    merged = np.flatnonzero(ends - firsts > 1)
    if not merged.size:
        return batch
    payloads = _payloads(batch.chunks, firsts, ends, merged)
    new_chunks = Chunks(
        b"".join(payloads),
        np.cumsum([len(payload) for payload in payloads]),
        batch.chunks.kinds[firsts],
        batch.chunks.min_ms[firsts],
        batch.chunks.max_ms[ends - 1],
    )
    return ChunkBatch(batch.labels, np.searchsorted(firsts, batch.chunk_ends), new_chunks)


def _groups(batch: ChunkBatch) -> NDArray[np.int64]:
    """For each chunk the number of its group: a run of small neighbours, or a chunk by itself."""
    counts = sample_counts(batch.chunks)
    small = (counts < _SMALL) & (counts > 0) & (batch.chunks.kinds == XOR)
    series = np.repeat(np.arange(len(batch)), np.diff(batch.chunk_ends, prepend=0))
    follows = small[1:] & small[:-1] & (series[1:] == series[:-1])
    begins = np.concatenate(([True], ~follows))
    totals = np.cumsum(counts)
    before_run = np.maximum.accumulate(np.where(begins, totals - counts, 0))
    full = (totals - before_run - 1) // (2 * _SMALL)  # a run of many is cut where it fills a chunk
    begins[1:] |= full[1:] != full[:-1]
    groups: NDArray[np.int64] = np.cumsum(begins, dtype=np.int64)
    return groups


def _payloads(
    chunks: Chunks,
    firsts: NDArray[np.int64],
    ends: NDArray[np.int64],
    merged: NDArray[np.int64],
) -> list[bytes]:
    """The payload of each group; those in `merged` are decoded and encoded together."""
    starts = chunks.starts
    data = memoryview(chunks.data)
    byte_first, byte_end = starts[firsts].tolist(), chunks.ends[firsts].tolist()
    payloads = [bytes(data[a:b]) for a, b in zip(byte_first, byte_end, strict=True)]
    sizes = (ends - firsts)[merged]
    rows = np.repeat(firsts[merged] - np.cumsum(sizes) + sizes, sizes) + np.arange(int(sizes.sum()))
    samples = decode_xor(chunks.data, starts[rows], chunks.ends[rows])
    sample_ends = samples.ends[np.cumsum(sizes) - 1]
    sample_starts = np.concatenate([np.zeros(1, np.int64), sample_ends[:-1]])
    encoded, encoded_ends = encode_xor(samples.times_ms, samples.values, sample_starts, sample_ends)
    at = 0
    for group, end in zip(merged.tolist(), encoded_ends.tolist(), strict=True):
        payloads[group] = encoded[at:end]
        at = end
    return payloads
