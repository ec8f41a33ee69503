"""Chunks of every kind as columns of samples, and back: for the few that must be looked into.

Floats stay in numpy. A native histogram is a Python object for each sample.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from proxy.codec.histogram_decode import decode_histograms
from proxy.codec.histogram_encode import encode_histograms
from proxy.codec.xor_decode import decode_xor
from proxy.codec.xor_encode import encode_xor
from proxy.model.chunks import COUNTER, FLOAT_HISTOGRAM, HISTOGRAM, XOR, Chunks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from proxy.model.histogram import HistogramSample

    Objects: TypeAlias = NDArray[np.object_]

SAMPLES_PER_CHUNK = 120
"""As Prometheus makes chunks (`seriesToChunkEncoder`)."""
COUNT_BYTES = 2
"""Every payload begins with the number of its samples."""


@dataclass(frozen=True, slots=True, eq=False)
class SampleColumns:
    """Samples one below the other; all columns have one row for each.

    times_ms: int64. values: float64, of no meaning where a histogram stands. kinds: uint8, `XOR` for
    floats. histograms: a `HistogramSample` where there is one, else None; None when there are none.
    """

    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    kinds: NDArray[np.uint8]
    histograms: Objects | None

    def __len__(self) -> int:
        return len(self.times_ms)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> SampleColumns:
        """Some rows, in the order given, or those where a mask says so."""
        histograms = None if self.histograms is None else self.histograms[rows]
        return SampleColumns(self.times_ms[rows], self.values[rows], self.kinds[rows], histograms)


def decode_rows(chunks: Chunks, rows: NDArray[np.int64]) -> tuple[SampleColumns, NDArray[np.int64]]:
    """Decode some chunks. A `COUNTER` chunk gives its floats as they stand in it.

    Returns:
        Their samples in the order of `rows`, and (int64, one for each row) where each chunk's end.

    Raises:
        ChunkError: a chunk is malformed.
    """
    is_float = np.isin(chunks.kinds[rows], (XOR, COUNTER))
    float_rows = rows[is_float]
    samples = decode_xor(chunks.data, chunks.starts[float_rows], chunks.ends[float_rows])
    if is_float.all():
        kinds = np.full(len(samples.times_ms), XOR, np.uint8)
        return SampleColumns(samples.times_ms, samples.values, kinds, None), samples.ends
    counts = np.zeros(len(rows), np.int64)
    counts[is_float] = np.diff(samples.ends, prepend=0)
    decoded = _histograms(chunks, rows[~is_float])
    counts[~is_float] = [len(of_chunk) for of_chunk in decoded]
    is_float_sample = np.repeat(is_float, counts)
    columns = _blank(len(is_float_sample))
    columns.times_ms[is_float_sample] = samples.times_ms
    columns.values[is_float_sample] = samples.values
    _put(columns, ~is_float_sample, [sample for of_chunk in decoded for sample in of_chunk])
    return columns, np.cumsum(counts)


def encode_columns(columns: SampleColumns, ends: NDArray[np.int64]) -> tuple[Chunks, NDArray[np.int64]]:
    """Encode groups of samples, each as chunks of its own of at most 120 samples.

    ends: int64, where each group ends; one begins where the one before ends. Times increase in it.

    Returns:
        The chunks, and (int64, one for each group) the row of them at which its chunks end.
    """
    is_first = np.zeros(len(columns) + 1, np.bool_)
    is_first[0] = is_first[ends] = True
    is_first[1:-1] |= columns.kinds[1:] != columns.kinds[:-1]
    run_starts = np.flatnonzero(is_first[:-1])
    run_ends = np.append(run_starts[1:], len(columns))[: len(run_starts)]
    pieces = -(-(run_ends - run_starts) // SAMPLES_PER_CHUNK)
    within = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    starts = np.repeat(run_starts, pieces) + within * SAMPLES_PER_CHUNK
    chunk_ends = np.minimum(starts + SAMPLES_PER_CHUNK, np.repeat(run_ends, pieces))
    if columns.histograms is None:
        data, data_ends = encode_xor(columns.times_ms, columns.values, starts, chunk_ends)
        kinds = np.full(len(starts), XOR, np.uint8)
    else:
        payloads, chunk_ends = _mixed_payloads(columns, starts, chunk_ends)
        starts = np.concatenate([np.zeros(1, np.int64), chunk_ends])[:-1]
        data, kinds = b"".join(payloads), columns.kinds[starts]
        data_ends = np.cumsum([len(payload) for payload in payloads], dtype=np.int64)
    times_ms = columns.times_ms
    chunks = Chunks(data, data_ends, kinds, times_ms[starts], times_ms[chunk_ends - 1])
    return chunks, np.searchsorted(chunk_ends, ends, side="right")


def _blank(length: int) -> SampleColumns:
    return SampleColumns(
        np.zeros(length, np.int64),
        np.zeros(length, np.float64),
        np.full(length, XOR, np.uint8),
        np.full(length, None, np.object_),
    )


def _histograms(chunks: Chunks, rows: NDArray[np.int64]) -> list[list[HistogramSample]]:
    starts, ends, kinds = chunks.starts[rows], chunks.ends[rows], chunks.kinds[rows]
    spans = zip(kinds.tolist(), starts.tolist(), ends.tolist(), strict=True)
    return [decode_histograms(kind, chunks.data[start:end]) for kind, start, end in spans]


def _put(columns: SampleColumns, where: NDArray[np.bool_], samples: list[HistogramSample]) -> None:
    columns.times_ms[where] = [sample.time_ms for sample in samples]
    kinds = [FLOAT_HISTOGRAM if sample.is_float else HISTOGRAM for sample in samples]
    columns.kinds[where] = kinds
    if columns.histograms is not None:
        columns.histograms[where] = samples


def _mixed_payloads(
    columns: SampleColumns, starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[list[bytes], NDArray[np.int64]]:
    """Payloads of runs of one kind each, and where each payload's samples end.

    A run of histograms may need several payloads: their buckets change, or they are reset.
    """
    is_float = columns.kinds[starts] == XOR
    data, data_ends = encode_xor(columns.times_ms, columns.values, starts[is_float], ends[is_float])
    cuts = iter(itertools.pairwise([0, *data_ends.tolist()]))
    payloads: list[bytes] = []
    counts: list[int] = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        kind = int(columns.kinds[start])
        if kind == XOR or columns.histograms is None:
            first, last = next(cuts)
            payloads.append(data[first:last])
            counts.append(end - start)
        else:
            encoded = encode_histograms(kind, columns.histograms[start:end].tolist())
            payloads += encoded
            counts += [int.from_bytes(payload[:COUNT_BYTES], "big") for payload in encoded]
    return payloads, np.cumsum(counts, dtype=np.int64)
