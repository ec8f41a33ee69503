"""The messages of Thanos's StoreAPI: what to ask, and the answer as batches of chunks.

Payloads are taken over as they are; only the average of downsampled data is computed. Work is per
series and chunk, never per sample.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
from google.protobuf.message import DecodeError

from proxy.codec._pb.store_pb2 import (
    ABORT,
    WARN,
    Aggr,
    AggrChunk,
    LabelMatcher,
    Series,
    SeriesRequest,
    SeriesResponse,
)
from proxy.codec.averages import average_chunks
from proxy.errors import BadUpstreamAnswerError
from proxy.model.chunks import COUNTER, FLOAT_HISTOGRAM, XOR, ChunkBatch, Chunks
from proxy.plan.aggregates import Lane

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from proxy.model.read_query import SampleAsk


_DAY_MS = 86_400_000


def series_in_a_message(ask: SampleAsk, most: int) -> int:
    """How many series to ask for in one message: so many of a day or less, of longer times fewer."""
    days = -(-(ask.last_ms - ask.first_ms + 1) // _DAY_MS)
    return max(most // max(days, 1), 1)


def encode_series_request(ask: SampleAsk, lane: Lane, batch_series: int) -> bytes:
    """A `thanos.SeriesRequest`. batch_series: how many series shall come in one message."""
    return SeriesRequest(
        min_time=ask.first_ms,
        max_time=ask.last_ms,
        matchers=[
            LabelMatcher(type=LabelMatcher.Type.Name(m.kind), name=m.name, value=m.value)
            for m in ask.matchers
        ],
        max_resolution_window=ask.max_resolution_ms,
        aggregates=[Aggr.Name(number) for number in lane.aggregates],
        partial_response_strategy=WARN if ask.partial_response else ABORT,
        without_replica_labels=ask.replica_labels,
        response_batch_size=batch_series,
    ).SerializeToString()


class SeriesFrames:
    """Gathers the messages of one answer into batches, in which each label set comes once.

    Other stores than Query may send a series in several messages, one after another, and an older
    Thanos one message for each series whatever was asked. So the newest series is held back until
    the next one begins, and small messages are put together. Chunks of one series may overlap;
    exact copies are dropped (`responseDeduplicator` in Thanos's `pkg/store/proxy_merge.go` leaves
    those of downsampled chunks with two aggregates).

    Attributes:
        warnings: Thanos's, each text once, in the order in which they came.
    """

    def __init__(self, lane: Lane, batch_series: int) -> None:
        self._lane = lane
        self._batch_series = batch_series
        self._labels: list[bytes] = []
        self._chunks: list[list[AggrChunk]] = []
        self.warnings: list[str] = []

    def feed(self, message: bytes) -> ChunkBatch | None:
        """Take a `thanos.SeriesResponse`; a batch when enough series are complete.

        Raises:
            BadUpstreamAnswerError: it is no such message, or its chunks cannot be read.
        """
        try:
            response = SeriesResponse.FromString(message)
        except DecodeError as error:
            raise BadUpstreamAnswerError("the StoreAPI's answer is not a SeriesResponse") from error
        match response.WhichOneof("result"):
            case "batch":
                self._take(response.batch.series)
            case "series":
                self._take([response.series])
            case "warning" if response.warning not in self.warnings:
                self.warnings.append(response.warning)
        complete = len(self._labels) - 1
        # One less, so that a message of as many as were asked is handed on at once.
        return self._cut(complete) if complete >= max(self._batch_series - 1, 1) else None

    def finish(self) -> ChunkBatch | None:
        """What is left at the end of the answer.

        Raises:
            BadUpstreamAnswerError: as `feed`.
        """
        return self._cut(len(self._labels))

    def _take(self, messages: Iterable[Series]) -> None:
        for series in messages:
            chunks = list(series.chunks)
            # What remains of the message is the label set, as remote read writes it.
            series.ClearField("chunks")
            series.DiscardUnknownFields()
            labels = series.SerializeToString()
            if self._labels and self._labels[-1] == labels:
                self._chunks[-1] += chunks
            else:
                self._labels.append(labels)
                self._chunks.append(chunks)

    def _cut(self, count: int) -> ChunkBatch | None:
        """The first series; None when they have no samples."""
        labels, self._labels = self._labels[:count], self._labels[count:]
        chunks, self._chunks = self._chunks[:count], self._chunks[count:]
        rows = _read(list(itertools.chain.from_iterable(chunks)), self._lane)
        series = np.repeat(np.arange(count), np.fromiter(map(len, chunks), np.int64, count))
        kept = _in_order_and_once(series, rows)
        if kept is not None:
            series, rows = series[kept], rows.only(kept)
        lengths = np.bincount(series, minlength=count)
        labels = list(itertools.compress(labels, lengths.tolist()))
        return (
            ChunkBatch(tuple(labels), np.cumsum(lengths[lengths > 0]), rows.joined())
            if labels
            else None
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Chunks as columns, one row each; a payload is b"" where there is nothing of what was asked."""

    payloads: list[bytes]
    kinds: NDArray[np.uint8]
    min_ms: NDArray[np.int64]
    max_ms: NDArray[np.int64]

    def only(self, rows: NDArray[np.int64]) -> _Rows:
        payloads = [self.payloads[row] for row in rows.tolist()]
        return _Rows(payloads, self.kinds[rows], self.min_ms[rows], self.max_ms[rows])

    def joined(self) -> Chunks:
        ends = np.cumsum(np.fromiter(map(len, self.payloads), np.int64, len(self.payloads)))
        return Chunks(b"".join(self.payloads), ends, self.kinds, self.min_ms, self.max_ms)


def _read(chunks: list[AggrChunk], lane: Lane) -> _Rows:
    raws = [chunk.raw for chunk in chunks]
    payloads = [raw.data for raw in raws]
    kinds = _kinds([raw.type for raw in raws])
    # A chunk has raw samples or aggregates, not both (Thanos, `populateChunk` in `bucket.go`).
    aggregated = [row for row, payload in enumerate(payloads) if not payload]
    if aggregated:
        kinds[aggregated], parts = _aggregates([chunks[row] for row in aggregated], lane)
        for row, payload in zip(aggregated, parts, strict=True):
            payloads[row] = payload
    return _Rows(
        payloads,
        kinds,
        np.fromiter([chunk.min_time for chunk in chunks], np.int64, len(chunks)),
        np.fromiter([chunk.max_time for chunk in chunks], np.int64, len(chunks)),
    )


def _kinds(encodings: list[int]) -> NDArray[np.uint8]:
    """`thanos.Chunk` counts its encodings from 0, kinds begin with XOR."""
    kinds = np.fromiter(encodings, np.int64, len(encodings)) + XOR
    if ((kinds < XOR) | (kinds > FLOAT_HISTOGRAM)).any():
        raise BadUpstreamAnswerError("the StoreAPI sent chunks in an encoding that is not known")
    return kinds.astype(np.uint8)


def _aggregates(chunks: list[AggrChunk], lane: Lane) -> tuple[NDArray[np.uint8], list[bytes]]:
    """Kinds and payloads of what the lane reads; b"" where a chunk has nothing of it.

    Counters of histograms keep their resets (Thanos, `ApplyCounterResetsSeriesIterator`).
    """
    if lane is Lane.AVERAGE:
        return np.full(len(chunks), XOR, np.uint8), _averages(chunks)
    parts = list(map(attrgetter(lane.name.lower()), chunks))
    kinds = _kinds([part.type for part in parts])
    if lane is Lane.COUNTER:
        kinds[kinds == XOR] = COUNTER
    return kinds, [part.data for part in parts]


def _averages(chunks: list[AggrChunk]) -> list[bytes]:
    rows = [row for row, chunk in enumerate(chunks) if chunk.sum.data or chunk.count.data]
    if any(chunks[row].sum.type for row in rows):
        raise BadUpstreamAnswerError(
            "the StoreAPI sent downsampled native histograms, which have no average here: "
            "they can only be read at a finer resolution"
        )
    counts, sums = [chunks[row].count.data for row in rows], [chunks[row].sum.data for row in rows]
    payloads = [b""] * len(chunks)
    for row, payload in zip(rows, average_chunks(counts, sums), strict=True):
        payloads[row] = payload
    return payloads


def _in_order_and_once(series: NDArray[np.int64], rows: _Rows) -> NDArray[np.int64] | None:
    """The rows to take: by series, first and last time, without empty ones and copies; None: all."""
    first, last = rows.min_ms, rows.max_ms
    is_same = series[1:] == series[:-1]
    is_back = (first[1:] < first[:-1]) | ((first[1:] == first[:-1]) & (last[1:] < last[:-1]))
    is_twin = is_same & (first[1:] == first[:-1]) & (last[1:] == last[:-1])
    is_sorted = not (is_same & is_back).any()
    if is_sorted and not is_twin.any() and all(rows.payloads):
        return None
    order = np.arange(len(series)) if is_sorted else np.lexsort((last, first, series))
    columns = (series.tolist(), first.tolist(), last.tolist(), rows.kinds.tolist(), rows.payloads)
    chunks = list(zip(*columns, strict=True))
    once: dict[tuple[object, ...], int] = {}
    for row in order.tolist():
        if rows.payloads[row]:
            once.setdefault(chunks[row], row)
    return np.fromiter(once.values(), np.int64, len(once))
