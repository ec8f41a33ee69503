"""Native histograms as `prometheus.Histogram`, the message of remote read's SAMPLES answers.

The message holds buckets of integer histograms as differences, of float histograms as counts.

Source: Prometheus, prompb/codec.go (FromIntHistogram, ToIntHistogram and their float twins).
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from proxy.codec._pb.types_pb2 import BucketSpan, Histogram
from proxy.codec.bit_stream import int64
from proxy.codec.histogram_decode import check_buckets
from proxy.model.histogram import HistogramSample, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_HINTS = (Histogram.UNKNOWN, Histogram.YES, Histogram.NO, Histogram.GAUGE)


def histogram_message(sample: HistogramSample) -> Histogram:
    """The sample as Prometheus 3.16 writes it. Older ones leave `custom_values` out, but read them."""
    message = Histogram(
        sum=sample.sum,
        schema=sample.schema,
        zero_threshold=sample.zero_threshold,
        negative_spans=_span_messages(sample.negative_spans),
        positive_spans=_span_messages(sample.positive_spans),
        reset_hint=_HINTS[sample.reset_hint],
        timestamp=sample.time_ms,
        custom_values=sample.custom_values,
    )
    if sample.is_float:
        message.count_float = sample.count
        message.zero_count_float = sample.zero_count
        message.negative_counts.extend(sample.negative_buckets)
        message.positive_counts.extend(sample.positive_buckets)
    else:
        message.count_int = int(sample.count)
        message.zero_count_int = int(sample.zero_count)
        message.negative_deltas.extend(_deltas(sample.negative_buckets))
        message.positive_deltas.extend(_deltas(sample.positive_buckets))
    return message


def histogram_sample(message: Histogram) -> HistogramSample:
    """The sample of a message. Raises ChunkError when its buckets are not as many as its spans say."""
    is_float = message.WhichOneof("count") == "count_float"
    positive: Sequence[int | float]
    negative: Sequence[int | float]
    if is_float:
        positive, negative = message.positive_counts, message.negative_counts
    else:
        positive, negative = _counts(message.positive_deltas), _counts(message.negative_deltas)
    sample = HistogramSample(
        time_ms=message.timestamp,
        is_float=is_float,
        schema=message.schema,
        zero_threshold=message.zero_threshold,
        zero_count=message.zero_count_float if is_float else message.zero_count_int,
        count=message.count_float if is_float else message.count_int,
        sum=message.sum,
        positive_spans=_spans(message.positive_spans),
        negative_spans=_spans(message.negative_spans),
        positive_buckets=tuple(positive),
        negative_buckets=tuple(negative),
        custom_values=tuple(message.custom_values),
        reset_hint=message.reset_hint,
    )
    check_buckets(sample)
    return sample


def _span_messages(spans: Iterable[Span]) -> list[BucketSpan]:
    return [BucketSpan(offset=span.offset, length=span.length) for span in spans]


def _spans(messages: Iterable[BucketSpan]) -> tuple[Span, ...]:
    return tuple([Span(message.offset, message.length) for message in messages])


def _deltas(counts: Sequence[int | float]) -> list[int]:
    return [int64(int(count) - int(before)) for before, count in pairwise((0, *counts))]


def _counts(deltas: Iterable[int]) -> list[int]:
    return [int64(count) for count in accumulate(deltas)]
