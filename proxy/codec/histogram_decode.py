"""Chunks of native histograms, read as Prometheus's own iterators read them.

A payload is two bytes with the number of samples, a byte whose first two bits are the counter reset
header, then bits: the layout that all samples share, the first sample as it is, and of the others
what changed. Time, counts and buckets of integer histograms are written as changes of the change to
the sample before ("double delta"), floats as changed bits ("xor"). A stale marker is a sum alone.

Sources: Prometheus, tsdb/chunkenc/histogram.go, float_histogram.go, histogram_meta.go.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate, islice
from operator import add
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from proxy.codec.bit_stream import (
    MASK_64,
    STALE_NAN_BITS,
    BitReader,
    XorField,
    float_bits,
    float_of,
    floats_of,
    int64,
)
from proxy.codec.chunk_error import ChunkError
from proxy.model.chunks import FLOAT_HISTOGRAM, HISTOGRAM
from proxy.model.histogram import CUSTOM_BUCKETS_SCHEMA, HistogramSample, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN, RESET, NO_RESET, GAUGE = range(4)
"""`prometheus.Histogram.ResetHint`."""

HEADER_BYTES = 3
RESET_HEADER, GAUGE_HEADER = 0b1000_0000, 0b1100_0000
_FLAGS = 0b1100_0000

RAW_THRESHOLD = 255
"""In place of a zero threshold's exponent: its 64 bits follow."""
POWER_OF_TWO, THRESHOLD_BIAS = 0.5, 243
"""Else the threshold is 0, or 0.5 times two to the power of that byte less the bias."""
CUSTOM_SCALE = 1000
"""A custom bound is written in thousandths where it has no more than three decimals."""

_LOWEST_SCHEMA, _HIGHEST_SCHEMA = -9, 52
_MOST_LENGTH = (1 << 32) - 1
_MOST_OFFSET = (1 << 31) - 1

_INT64_BITS = 63  # without the sign

_Buckets: TypeAlias = tuple[int | float, ...]


class _Layout(NamedTuple):
    schema: int
    zero_threshold: float
    positive_spans: tuple[Span, ...]
    negative_spans: tuple[Span, ...]
    custom_values: tuple[float, ...]


@dataclass(slots=True)
class _Reading:
    """A sample without its layout."""

    time_ms: int
    count: int | float
    zero_count: int | float
    sum_bits: int
    positive: _Buckets
    negative: _Buckets


def decode_histograms(kind: int, payload: bytes) -> list[HistogramSample]:
    """The samples of a chunk of the kind HISTOGRAM or FLOAT_HISTOGRAM.

    reset_hint is what Prometheus's iterator says: `GAUGE` in a chunk of gauges; else `UNKNOWN` of the
    first sample, whatever the header says, since nobody knows whether the chunk before this one is at
    hand, and `NO_RESET` of the others; `UNKNOWN` of a stale marker. Schemas of more than 8, which
    Prometheus reserves and would reduce, are left as they are.

    Raises ChunkError when the payload is malformed or ends too early.
    """
    if kind not in {HISTOGRAM, FLOAT_HISTOGRAM}:
        raise ChunkError(f"a chunk of kind {kind} holds no histograms")
    if len(payload) < HEADER_BYTES:
        raise ChunkError("a chunk without its header")
    count = int.from_bytes(payload[:2], "big")
    if not count:
        return []
    reader = BitReader(payload[HEADER_BYTES:])
    layout = _read_layout(reader)
    is_float = kind == FLOAT_HISTOGRAM
    readings = _read_floats(reader, layout) if is_float else _read_integers(reader, layout)
    is_gauge = payload[2] & _FLAGS == GAUGE_HEADER
    return [
        _sample(reading, layout, is_float, _reset_hint(is_gauge, index))
        for index, reading in enumerate(islice(readings, count))
    ]


def stale_marker(time_ms: int, is_float: bool, reset_hint: int = UNKNOWN) -> HistogramSample:
    """All that is kept of a stale histogram, as Prometheus writes and reads it."""
    zero = 0.0 if is_float else 0
    stale = float_of(STALE_NAN_BITS)
    return HistogramSample(time_ms, is_float, 0, 0.0, zero, zero, stale, (), (), (), (), (), reset_hint)


def is_stale(sample: HistogramSample) -> bool:
    return float_bits(sample.sum) == STALE_NAN_BITS


def bucket_count(spans: tuple[Span, ...]) -> int:
    return sum(span.length for span in spans)


def check_buckets(sample: HistogramSample) -> None:
    """Raises ChunkError when there are more or fewer buckets than the spans say."""
    positive = bucket_count(sample.positive_spans) == len(sample.positive_buckets)
    if not positive or bucket_count(sample.negative_spans) != len(sample.negative_buckets):
        raise ChunkError("a histogram with more or fewer buckets than its spans")


def _reset_hint(is_gauge: bool, index: int) -> int:
    """Prometheus, `counterResetHint`: in a chunk of counters nothing but the first can be a reset."""
    if is_gauge:
        return GAUGE
    return NO_RESET if index else UNKNOWN


def _sample(reading: _Reading, layout: _Layout, is_float: bool, reset_hint: int) -> HistogramSample:
    if reading.sum_bits == STALE_NAN_BITS:
        return stale_marker(reading.time_ms, is_float)
    return HistogramSample(
        time_ms=reading.time_ms,
        is_float=is_float,
        schema=layout.schema,
        zero_threshold=layout.zero_threshold,
        zero_count=reading.zero_count,
        count=reading.count,
        sum=float_of(reading.sum_bits),
        positive_spans=layout.positive_spans,
        negative_spans=layout.negative_spans,
        positive_buckets=reading.positive,
        negative_buckets=reading.negative,
        custom_values=layout.custom_values,
        reset_hint=reset_hint,
    )


def _read_integers(reader: BitReader, layout: _Layout) -> Iterator[_Reading]:
    """The samples, without end: the caller knows how many there are."""
    positives = bucket_count(layout.positive_spans)
    buckets = positives + bucket_count(layout.negative_spans)
    time_ms, count, zero_count = reader.varbit_int(), reader.varbit_uint(), reader.varbit_uint()
    time_change = count_change = zero_change = 0
    total = XorField(reader.read(64))
    steps = reader.varbit_ints(buckets)  # from each bucket to the next
    step_changes = [0] * buckets
    while True:
        yield _Reading(
            int64(time_ms),
            count & MASK_64,
            zero_count & MASK_64,
            total.bits,
            _absolute(steps[:positives]),
            _absolute(steps[positives:]),
        )
        time_change += reader.varbit_int()
        count_change += reader.varbit_int()
        zero_change += reader.varbit_int()
        time_ms += time_change
        count += count_change
        zero_count += zero_change
        reader.xor([total])
        if total.bits != STALE_NAN_BITS:
            step_changes = list(map(add, step_changes, reader.varbit_ints(buckets)))
            steps = list(map(add, steps, step_changes))


def _read_floats(reader: BitReader, layout: _Layout) -> Iterator[_Reading]:
    """The samples, without end: the caller knows how many there are."""
    positives = bucket_count(layout.positive_spans)
    time_ms, time_change = reader.varbit_int(), 0
    scalars = count, zero_count, total = [XorField(reader.read(64)) for _ in range(3)]
    buckets = [
        XorField(reader.read(64)) for _ in range(positives + bucket_count(layout.negative_spans))
    ]
    while True:
        counts = floats_of([field.bits for field in buckets])
        yield _Reading(
            int64(time_ms),
            float_of(count.bits),
            float_of(zero_count.bits),
            total.bits,
            counts[:positives],
            counts[positives:],
        )
        time_change += reader.varbit_int()
        time_ms += time_change
        reader.xor(scalars)
        if total.bits != STALE_NAN_BITS:
            reader.xor(buckets)


def _absolute(steps: list[int]) -> _Buckets:
    """Counts from differences, wrapped as Go would: only a malformed chunk goes so far."""
    counts = tuple(accumulate(steps))
    if counts and max(map(int.bit_length, counts)) > _INT64_BITS:
        return tuple(map(int64, counts))
    return counts


def _read_layout(reader: BitReader) -> _Layout:
    threshold = _read_zero_threshold(reader)
    schema = reader.varbit_int()
    if schema != CUSTOM_BUCKETS_SCHEMA and not _LOWEST_SCHEMA <= schema <= _HIGHEST_SCHEMA:
        raise ChunkError(f"a histogram of the unknown schema {schema} in a chunk")
    positive, negative = _read_spans(reader), _read_spans(reader)
    bounds: tuple[float, ...] = ()
    if schema == CUSTOM_BUCKETS_SCHEMA:
        bounds = tuple([_read_custom_bound(reader) for _ in range(reader.varbit_uint())])
    if bucket_count(positive) + bucket_count(negative) > reader.bits_left:
        raise ChunkError("a chunk too short for its buckets")  # each takes a bit, at least
    return _Layout(schema, threshold, positive, negative, bounds)


def _read_zero_threshold(reader: BitReader) -> float:
    exponent = reader.read(8)
    if exponent == RAW_THRESHOLD:
        return float_of(reader.read(64))
    return math.ldexp(POWER_OF_TWO, exponent - THRESHOLD_BIAS) if exponent else 0.0


def _read_spans(reader: BitReader) -> tuple[Span, ...]:
    spans = []
    for _ in range(reader.varbit_uint()):
        length, offset = reader.varbit_uint(), reader.varbit_int()
        if length > _MOST_LENGTH or not -_MOST_OFFSET - 1 <= offset <= _MOST_OFFSET:
            raise ChunkError("a span of more than 32 bits in a chunk")
        spans.append(Span(offset, length))
    return tuple(spans)


def _read_custom_bound(reader: BitReader) -> float:
    thousandths = reader.varbit_uint()
    if thousandths:
        return (thousandths - 1) / CUSTOM_SCALE
    return float_of(reader.read(64))
