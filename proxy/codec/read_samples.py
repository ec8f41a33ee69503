"""SAMPLES: all samples of all queries in one `prometheus.ReadResponse`, compressed by snappy.

Such a message says of every part how long it is before the part begins, so the answer can only be
sent when all of it is known. What is held until then is compressed already. (Elements of a snappy block
refer backwards, by distance; so the elements of several blocks may follow each other as one block,
under the sum of their lengths: github.com/google/snappy, format_description.txt.)

Source: Prometheus, storage/remote/codec.go (ToQueryResult, EncodeReadResponse).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import snappy

from proxy.codec.chunk_batches import sample_counts, slice_series
from proxy.codec.chunk_error import ChunkError
from proxy.codec.histogram_decode import decode_histograms
from proxy.codec.histogram_pb import histogram_message
from proxy.codec.protobuf import put_varints, uvarint, varint_lengths
from proxy.codec.xor_decode import decode_xor
from proxy.errors import BadUpstreamAnswerError, LimitError
from proxy.model.chunks import XOR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from proxy.model.chunks import ChunkBatch, Chunks
    from proxy.model.histogram import HistogramSample

LARGEST_MESSAGE_BYTES = (1 << 31) - 1
"""What decoders of protobuf take."""

_AT_ONCE_SAMPLES = 1 << 18

_RESULT, _SERIES = b"\x0a", b"\x0a"  # of ReadResponse, of QueryResult
_SAMPLES, _HISTOGRAMS = 0x12, b"\x22"  # of TimeSeries
_VALUE, _TIME = 0x09, 0x10  # of Sample
_VALUE_AT = 3
"""Before it: the field's tag, its length, the value's tag."""
_TIME_AT = _VALUE_AT + 8 + 1


@dataclass(slots=True)
class _Result:
    """The series of one query. message_bytes: their length before compression."""

    message_bytes: int = 0
    elements: list[bytes] = field(default_factory=list)


class SamplesAnswer:
    """An answer in the making; `add` takes long and suits a thread, one call at a time."""

    def __init__(self, queries: int, max_samples: int, max_bytes: int) -> None:
        """`max_bytes`: of the message before compression; a message has its own bound, too."""
        self._max_samples = max_samples
        self._max_bytes = min(max_bytes, LARGEST_MESSAGE_BYTES)
        self._results = [_Result() for _ in range(queries)]
        self._samples = 0
        self._message_bytes = 0

    def add(self, query: int, batch: ChunkBatch) -> None:
        """Add series that answer the query of this number. Those without samples are left out.

        Raises:
            LimitError: more samples or bytes than may be.
            BadUpstreamAnswerError: a chunk that is malformed.
        """
        counts = sample_counts(batch.chunks)
        self._samples += int(counts.sum())
        if self._samples > self._max_samples:
            text = _too_many("samples", self._max_samples, "max-plain-samples")
            raise LimitError(text, "read_max_plain_samples")
        try:
            for portion in _portions(batch, counts):
                self._add_message(self._results[query], _series_fields(portion))
        except ChunkError as error:
            raise BadUpstreamAnswerError(f"the upstream sent a chunk that is none: {error}") from error

    def _add_message(self, result: _Result, series: bytes) -> None:
        self._message_bytes += len(series)
        if self._message_bytes > self._max_bytes:
            text = _too_many("bytes", self._max_bytes, "max-response-bytes")
            raise LimitError(text, "read_max_bytes")
        result.message_bytes += len(series)
        result.elements.append(_elements(series))

    def finish(self) -> list[bytes]:
        """The compressed answer; the parts are to be sent one after the other."""
        parts: list[bytes] = [b""]
        message_bytes = 0
        for result in self._results:
            opening = _RESULT + uvarint(result.message_bytes)
            message_bytes += len(opening) + result.message_bytes
            parts.append(_literal(opening))
            parts += result.elements
        parts[0] = uvarint(message_bytes)
        return parts


def _too_many(what: str, limit: int, setting: str) -> str:
    return (
        f"the answer has more than {limit} {what}, see --remote-read.{setting}; ask for less at a "
        "time, or accept STREAMED_XOR_CHUNKS, which are not put together in memory"
    )


def _portions(batch: ChunkBatch, counts: NDArray[np.int64]) -> Iterator[ChunkBatch]:
    """Runs of series that are decoded together; each has one series at least."""
    totals = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])[batch.chunk_ends]
    first, done = 0, 0
    while first < len(batch):
        end = int(np.searchsorted(totals, done + _AT_ONCE_SAMPLES, side="right"))
        end = max(end, first + 1)
        yield slice_series(batch, first, end)
        first, done = end, int(totals[end - 1])


def _series_fields(batch: ChunkBatch) -> bytes:
    """The `timeseries` fields of a QueryResult."""
    floats, ends = _float_fields(batch)
    histograms = _histogram_fields(batch)
    fields: list[bytes] = []
    start = 0
    for row, (labels, end) in enumerate(zip(batch.labels, ends, strict=True)):
        others = histograms.get(row, b"")
        if end > start or others:
            size_bytes = len(labels) + end - start + len(others)
            fields += (_SERIES, uvarint(size_bytes), labels, floats[start:end], others)
        start = end
    return b"".join(fields)


def _float_fields(batch: ChunkBatch) -> tuple[bytes, list[int]]:
    """The `samples` fields of all series back to back, and where each series' ends."""
    chunks = batch.chunks
    is_float = chunks.kinds == XOR
    samples = decode_xor(chunks.data, chunks.starts[is_float], chunks.ends[is_float])
    fields, width = _sample_fields(samples.times_ms, samples.values)
    chunk_ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(is_float)])[batch.chunk_ends]
    sample_ends = np.concatenate([np.zeros(1, np.int64), samples.ends])[chunk_ends]
    return fields, (sample_ends * width).tolist()


def _sample_fields(times_ms: NDArray[np.int64], values: NDArray[np.float64]) -> tuple[bytes, int]:
    """A `samples` field for each sample, all of one width, and that width.

    Common times (1971 to 2109) have one length. Others are filled up to the longest, as varints
    allow, and a value or time of 0 is written like any other.
    """
    times = times_ms.astype(np.uint64)
    longest = int(varint_lengths(times.max(initial=0, keepdims=True))[0])
    width = _TIME_AT + longest
    rows = np.empty((len(times), width), np.uint8)
    rows[:, :_VALUE_AT] = (_SAMPLES, width - 2, _VALUE)
    rows[:, _VALUE_AT : _TIME_AT - 1] = _bytes_of(values)
    rows[:, _TIME_AT - 1] = _TIME
    put_varints(rows, _TIME_AT, times, longest)
    return rows.tobytes(), width


def _bytes_of(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Eight bytes a row; a NaN keeps its bits."""
    return np.ascontiguousarray(values, "<f8").view(np.uint8).reshape(-1, 8)


def _histogram_fields(batch: ChunkBatch) -> dict[int, bytes]:
    """By the row of a series its `histograms` fields, of those series that have any."""
    others = np.flatnonzero(batch.chunks.kinds != XOR)
    rows = np.searchsorted(batch.chunk_ends, others, side="right")
    fields: dict[int, list[bytes]] = {}
    for row, chunk in zip(rows.tolist(), others.tolist(), strict=True):
        for sample in _histograms(batch.chunks, chunk):
            message = histogram_message(sample).SerializeToString()
            fields.setdefault(row, []).extend((_HISTOGRAMS, uvarint(len(message)), message))
    return {row: b"".join(parts) for row, parts in fields.items()}


def _histograms(chunks: Chunks, row: int) -> list[HistogramSample]:
    start = int(chunks.ends[row - 1]) if row else 0
    return decode_histograms(int(chunks.kinds[row]), chunks.data[start : int(chunks.ends[row])])


def _elements(message: bytes) -> bytes:
    """The elements of a snappy block: all of it but the length that it begins with."""
    block: bytes = snappy.compress(message)
    return block[len(uvarint(len(message))) :]


def _literal(text: bytes) -> bytes:
    """At most 60 bytes as one element of a snappy block."""
    return bytes(((len(text) - 1) << 2,)) + text
