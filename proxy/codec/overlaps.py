"""Which chunks overlap, and how Thanos deals them out to sequences that do not; nothing is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from proxy.codec.chunk_table import series_of_rows
from proxy.model.chunks import COUNTER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from proxy.model.chunks import ChunkBatch, Chunks

    Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class DealtChunks:
    """A batch's chunks (rows of it): those that may stay, and those to be decoded, by sequences.

    whole: chunks that stay as they are, those of one series in order of time.
    rows: chunks to be decoded, by series, in it by sequence, in it by time.
    ends: for each sequence where its chunks end in `rows`. series: the one that it is of.
    """

    whole: Rows
    rows: Rows
    ends: Rows
    series: Rows


def deal_out(batch: ChunkBatch) -> DealtChunks | None:
    """Deal out the chunks of each series, copies dropped; None when all may stay as they are.

    To be decoded are series with more than one sequence, or with a chunk of the kind `COUNTER`.
    """
    chunks = batch.chunks
    series = series_of_rows(batch)
    in_doubt = _are_in_doubt(chunks, series, len(batch))[series]
    if not in_doubt.any():
        return None
    rows = _distinct_in_order(chunks, series, np.flatnonzero(in_doubt))
    of = series[rows]
    numbers = _sequences(chunks, of, rows)
    is_decoded = np.zeros(len(batch), np.bool_)
    is_decoded[of[(numbers > 0) | (chunks.kinds[rows] == COUNTER)]] = True
    whole = np.concatenate([np.flatnonzero(~in_doubt), rows[~is_decoded[of]]])
    order = np.lexsort((numbers, of))
    order = order[is_decoded[of[order]]]
    rows, of, numbers = rows[order], of[order], numbers[order]
    is_last = np.ones(len(rows), np.bool_)
    is_last[:-1] = (of[1:] != of[:-1]) | (numbers[1:] != numbers[:-1])
    ends = np.flatnonzero(is_last) + 1
    return DealtChunks(whole, rows, ends, of[ends - 1])


def _are_in_doubt(chunks: Chunks, series: Rows, count: int) -> NDArray[np.bool_]:
    """For each series whether there is more to do than to take its chunks as they come.

    Where each chunk ends before the next one begins, none of them overlap.
    """
    is_doubt = (chunks.kinds == COUNTER) | (chunks.max_ms < chunks.min_ms)
    is_doubt[1:] |= (chunks.min_ms[1:] <= chunks.max_ms[:-1]) & (series[1:] == series[:-1])
    in_doubt = np.zeros(count, np.bool_)
    in_doubt[series[is_doubt]] = True
    return in_doubt


def _distinct_in_order(chunks: Chunks, series: Rows, rows: Rows) -> Rows:
    """Each chunk once, by series and in it in the order of `AggrChunk.Compare`.

    That is by first time, last time, kind, and the larger payload first (Thanos
    `pkg/store/storepb/custom.go`); chunks with the same payload are copies (`proxy_merge.go`).
    """
    rows = rows[np.lexsort((chunks.max_ms[rows], chunks.min_ms[rows], series[rows]))]
    is_alike = np.zeros(len(rows), np.bool_)
    is_alike[1:] = rows[1:] != rows[:-1]
    for column in (series, chunks.min_ms, chunks.max_ms):
        is_alike[1:] &= column[rows[1:]] == column[rows[:-1]]
    if not is_alike.any():
        return rows
    starts = np.flatnonzero(~is_alike)
    ends = np.append(starts[1:], len(rows))
    is_kept = np.ones(len(rows), np.bool_)
    byte_starts = chunks.starts
    for start, end in np.column_stack([starts, ends])[ends - starts > 1].tolist():
        group = rows[start:end].tolist()
        payloads = {chunks.data[byte_starts[row] : chunks.ends[row]]: row for row in group[::-1]}
        distinct = [payloads[payload] for payload in sorted(payloads, reverse=True)]
        distinct.sort(key=chunks.kinds.__getitem__)
        rows[start : start + len(distinct)] = distinct
        is_kept[start + len(distinct) : end] = False
    return rows[is_kept]


def _sequences(chunks: Chunks, series: Rows, rows: Rows) -> Rows:
    """The number of the sequence that each chunk is dealt to (`NewOverlapSplit`)."""
    columns = series.tolist(), chunks.min_ms[rows].tolist(), chunks.max_ms[rows].tolist()
    numbers: list[int] = []
    ends_ms: list[int] = []
    current = -1
    for of, first_ms, last_ms in zip(*columns, strict=True):
        if of != current:
            current, ends_ms = of, []
        for number, end_ms in enumerate(ends_ms):
            if end_ms < first_ms:
                ends_ms[number] = last_ms
                break
        else:
            number = len(ends_ms)
            ends_ms.append(last_ms)
        numbers.append(number)
    return np.array(numbers, np.int64)
