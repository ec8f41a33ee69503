"""Batches of chunks made from Python values, and read back."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from proxy.codec.histogram_encode import encode_histograms
from proxy.codec.sample_columns import decode_rows
from proxy.codec.xor_encode import encode_xor
from proxy.model.chunks import FLOAT_HISTOGRAM, HISTOGRAM, XOR, ChunkBatch, Chunks
from proxy.model.histogram import HistogramSample, Span

Row = tuple[int, int, bytes]
"""First and last time, payload."""


def batch_of(
    series: Mapping[bytes, Sequence[Row]], kinds: Mapping[bytes, Sequence[int]] | None = None
) -> ChunkBatch:
    """Chunks by label set, in the order given, `XOR` unless `kinds` says otherwise."""
    rows = [row for of_one in series.values() for row in of_one]
    numbers = [
        kind
        for label, of_one in series.items()
        for kind in (kinds or {}).get(label, [XOR] * len(of_one))
    ]
    return ChunkBatch(
        tuple(series),
        np.cumsum([len(of_one) for of_one in series.values()], dtype=np.int64),
        Chunks(
            b"".join(payload for _, _, payload in rows),
            np.cumsum([len(payload) for _, _, payload in rows], dtype=np.int64),
            np.array(numbers, np.uint8),
            np.array([first for first, _, _ in rows], np.int64),
            np.array([last for _, last, _ in rows], np.int64),
        ),
    )


def rows_of(batch: ChunkBatch) -> dict[bytes, list[Row]]:
    """What `batch_of` was given."""
    chunks = batch.chunks
    spans = zip(chunks.starts.tolist(), chunks.ends.tolist(), strict=True)
    payloads = [chunks.data[start:end] for start, end in spans]
    rows = list(zip(chunks.min_ms.tolist(), chunks.max_ms.tolist(), payloads, strict=True))
    bounds = zip(batch.chunk_starts.tolist(), batch.chunk_ends.tolist(), strict=True)
    return {label: rows[start:end] for label, (start, end) in zip(batch.labels, bounds, strict=True)}


Value = float | str
"""A float, or for a histogram its name: "i7", "f7" (integer, float)."""
Sampled = Sequence[tuple[int, Value]]


def histogram(time_ms: int, name: str, reset_hint: int = 0) -> HistogramSample:
    """A histogram of one bucket that holds its number."""
    number = int(name[1:])
    is_float = name[0] == "f"
    count: int | float = float(number) if is_float else number
    return HistogramSample(
        time_ms,
        is_float,
        0,
        0.0,
        count * 0,
        count,
        1.0,
        (Span(0, 1),),
        (),
        (count,),
        (),
        (),
        reset_hint,
    )


def chunk_row(samples: Sampled, kind: int = XOR) -> tuple[int, Row]:
    """The kind and the row of a chunk of samples of one kind; `kind`: of floats."""
    return _chunk_row(tuple(samples), kind)


@functools.lru_cache(4096)
def _chunk_row(samples: tuple[tuple[int, Value], ...], kind: int) -> tuple[int, Row]:
    times_ms = [time for time, _ in samples]
    names = [value for _, value in samples if isinstance(value, str)]
    if names:
        kind = FLOAT_HISTOGRAM if names[0][0] == "f" else HISTOGRAM
        histograms = [histogram(time, str(value)) for time, value in samples]
        (payload,) = encode_histograms(kind, histograms)
    else:
        values = np.array([value for _, value in samples], np.float64)
        columns = np.array(times_ms, np.int64), values, np.array([0]), np.array([len(samples)])
        payload, _ = encode_xor(*columns)
    return kind, (min(times_ms), max(times_ms), payload)


def sampled_batch(
    series: Mapping[bytes, Sequence[Sampled]], kinds: Mapping[bytes, Sequence[int]] | None = None
) -> ChunkBatch:
    """Chunks of samples by label set; `kinds`: where they are not told by their samples."""
    made = {
        label: [
            chunk_row(samples, kind)
            for samples, kind in zip(chunks, (kinds or {}).get(label, [XOR] * len(chunks)), strict=True)
        ]
        for label, chunks in series.items()
    }
    return batch_of(
        {label: [row for _, row in rows] for label, rows in made.items()},
        {label: [kind for kind, _ in rows] for label, rows in made.items()},
    )


def samples_of(batch: ChunkBatch) -> dict[bytes, list[tuple[int, Value]]]:
    """All samples by label set, in their order, as `sampled_batch` was given them."""
    columns, ends = decode_rows(batch.chunks, np.arange(len(batch.chunks)))
    values: list[Value] = columns.values.tolist()
    if columns.histograms is not None:
        for row, sample in enumerate(columns.histograms.tolist()):
            if sample is not None:
                values[row] = f"{'f' if sample.is_float else 'i'}{int(sample.count)}"
    samples = list(zip(columns.times_ms.tolist(), values, strict=True))
    cuts = np.concatenate([np.zeros(1, np.int64), ends])
    spans = zip(cuts[batch.chunk_starts].tolist(), cuts[batch.chunk_ends].tolist(), strict=True)
    return {label: samples[start:end] for label, (start, end) in zip(batch.labels, spans, strict=True)}
