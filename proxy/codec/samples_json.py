"""Raw samples as a PromQL answer's JSON: `selector[range]` at an instant, to encoded chunks.

What does not survive this way: PromQL leaves stale markers out of range selectors, and JSON carries
a native histogram's buckets without its spans and schema. So histograms are refused, not altered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson

from proxy.codec._pb import types_pb2
from proxy.codec.matrix_json import scan_matrix
from proxy.codec.xor_encode import chunk_rows, encode_xor
from proxy.errors import BadUpstreamAnswerError, LimitError
from proxy.model.chunks import XOR, ChunkBatch, Chunks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from proxy.model.matrix import EncodedMatrix

_PUNCTUATION = b'[]"'
_LAST_S = 2.0**53
_AT_ONCE_BYTES = 1 << 22
_NORMAL_NAN = np.uint64(0x7FF8000000000001)
"""Prometheus's `value.NormalNaN`; a NaN in text is always this one, never a stale marker."""


def read_samples(body: bytes, first_ms: int) -> tuple[ChunkBatch, bool]:
    """The series of a 200 answer in order of their labels, and whether it carried notes.

    Args:
        body: the answer to what `selector_text.encode_samples_form` asks.
        first_ms: earlier samples are left out: before version 3 ranges included their left end.

    Raises:
        BadUpstreamAnswerError: truncated, not JSON, or not a matrix.
        LimitError: it holds native histograms.
    """
    matrix = scan_matrix(body)
    if matrix.histograms.lengths.any():
        raise LimitError(
            "native histograms cannot be read over HTTP without altering them: "
            "set --upstream.grpc-address to Thanos Query's gRPC address",
            "read_native_histograms",
        )
    labels = [_labels(metric) for metric in matrix.metrics]
    order = sorted(range(len(labels)), key=lambda row: labels[row][0])
    times_ms, values, counts = _numbers(matrix, order, first_ms)
    filled = np.flatnonzero(counts)
    encoded = tuple(labels[order[row]][1] for row in filled.tolist())
    return _encode(encoded, times_ms, values, np.cumsum(counts[filled])), bool(matrix.tail.notes)


def _labels(metric: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """What a label set is sorted by (Go compares UTF-8 bytes), and its protobuf."""
    try:
        pairs = sorted((n.encode(), v.encode()) for n, v in orjson.loads(metric).items())
    except (orjson.JSONDecodeError, AttributeError) as error:
        raise BadUpstreamAnswerError("the upstream answered labels that are no texts") from error
    series = types_pb2.TimeSeries(
        labels=[types_pb2.Label(name=n.decode(), value=v.decode()) for n, v in pairs]
    )
    return tuple(text for pair in pairs for text in pair), series.SerializeToString()


def _numbers(
    matrix: EncodedMatrix, order: list[int], first_ms: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Times (ms) and values, series after series in the given order, and each series' samples."""
    times, values = [], []
    counts = np.zeros(len(order), np.int64)
    for first, rows in _portions(matrix, order):
        numbers, ends = _parse(matrix, rows)
        if not np.all(np.abs(numbers[0::2]) <= _LAST_S):  # nor NaN
            raise BadUpstreamAnswerError("the upstream's answer has times that are none")
        times_ms = np.rint(numbers[0::2] * 1000).astype(np.int64)
        inside = times_ms >= first_ms
        kept = np.add.reduceat(inside, np.concatenate(([0], ends[:-1])), dtype=np.int64)
        counts[first : first + len(rows)] = kept
        times.append(times_ms[inside])
        values.append(numbers[1::2][inside])
    if not times:
        return np.zeros(0, np.int64), np.zeros(0), counts
    floats = np.concatenate(values)
    floats.view(np.uint64)[np.isnan(floats)] = _NORMAL_NAN
    return np.concatenate(times), floats, counts


def _portions(matrix: EncodedMatrix, order: list[int]) -> Iterator[tuple[int, list[int]]]:
    """Some series at a time, so that not all of the text stands in memory twice."""
    lengths = matrix.floats.lengths[order]
    portion = np.cumsum(lengths) // _AT_ONCE_BYTES
    for number in np.unique(portion).tolist():
        first, end = np.searchsorted(portion, [number, number + 1]).tolist()
        yield first, order[first:end]


def _parse(matrix: EncodedMatrix, rows: list[int]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """`[t,"v"],[t,"v"]` of these rows as numbers, and where each row's samples end."""
    starts, ends = matrix.floats.start[rows].tolist(), matrix.floats.end[rows].tolist()
    texts = [matrix.text[a:b] for a, b in zip(starts, ends, strict=True)]
    counts = [text.count(b"[") for text in texts]
    text = b",".join(texts).translate(None, _PUNCTUATION)
    try:
        numbers = np.fromstring(text, sep=",")
    except ValueError as error:
        raise BadUpstreamAnswerError("the upstream answered samples that are no numbers") from error
    if len(numbers) != 2 * sum(counts):
        raise BadUpstreamAnswerError("the upstream answered samples that are not time and value")
    return numbers, np.cumsum(counts)


def _encode(
    labels: tuple[bytes, ...],
    times_ms: NDArray[np.int64],
    values: NDArray[np.float64],
    series_ends: NDArray[np.int64],
) -> ChunkBatch:
    starts, ends, chunk_ends = chunk_rows(series_ends)
    data, data_ends = encode_xor(times_ms, values, starts, ends)
    kinds = np.full(len(starts), XOR, np.uint8)
    chunks = Chunks(data, data_ends, kinds, times_ms[starts], times_ms[ends - 1])
    return ChunkBatch(labels, chunk_ends, chunks)
