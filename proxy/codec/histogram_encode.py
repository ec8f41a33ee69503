"""Chunks of native histograms, written so that Prometheus reads the same samples from them.

Prometheus widens a chunk's layout when buckets are added ("recoding"); here a new chunk begins,
which every reader understands. For the rest the rules are those of Prometheus's appenders.

Sources: Prometheus, tsdb/chunkenc/histogram.go, float_histogram.go, histogram_meta.go.
"""

from __future__ import annotations

import math
from itertools import chain, pairwise
from operator import lt, sub
from typing import TYPE_CHECKING

from proxy.codec.bit_stream import BitWriter, XorField, bits_of, float_bits
from proxy.codec.chunk_error import ChunkError
from proxy.codec.histogram_decode import (
    CUSTOM_SCALE,
    GAUGE,
    GAUGE_HEADER,
    POWER_OF_TWO,
    RAW_THRESHOLD,
    RESET,
    RESET_HEADER,
    THRESHOLD_BIAS,
    check_buckets,
    is_stale,
    stale_marker,
)
from proxy.model.chunks import FLOAT_HISTOGRAM
from proxy.model.histogram import CUSTOM_BUCKETS_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from proxy.model.histogram import HistogramSample, Span

MOST_SAMPLES = 120
"""In one chunk; Prometheus's own aim is about a kilobyte."""

_LOWEST_EXPONENT, _HIGHEST_EXPONENT = -242, 11
_MOST_THOUSANDTHS = (1 << 25) - 2  # one more than it must fit into 25 bits


def encode_histograms(kind: int, samples: Sequence[HistogramSample]) -> list[bytes]:
    """Payloads of chunks of this kind, together holding the samples, in their order.

    A new chunk begins where schema, zero threshold, spans or custom bounds change, after a stale
    marker, between gauges and counters, where a sample says that it is a reset or a count has become
    less than before, and after MOST_SAMPLES samples. What is decoded again is equal to the last bit
    but for reset_hint, which is not stored with each sample: see `decode_histograms`.

    The header of a chunk says gauge or reset where the first sample's reset_hint does; else it is
    unknown, also for the hint 2 (no): that speaks of a sample before, and it need not be the one
    sent before. Prometheus does the same when it cuts chunks (`populateWithDelChunkSeriesIterator`).

    Raises ChunkError for a sample of the other kind, or with more or fewer buckets than its spans.
    """
    is_float = kind == FLOAT_HISTOGRAM
    for sample in samples:
        if sample.is_float != is_float:
            raise ChunkError("integer and float histograms cannot share a chunk")
        check_buckets(sample)
    return [_encode(run, is_float) for run in _runs(map(_as_written, samples))]


def _as_written(sample: HistogramSample) -> HistogramSample:
    if is_stale(sample):
        return stale_marker(sample.time_ms, sample.is_float, sample.reset_hint)
    return sample


def _runs(samples: Iterable[HistogramSample]) -> Iterator[list[HistogramSample]]:
    """Samples that share a chunk."""
    run: list[HistogramSample] = []
    for sample in samples:
        if run and (len(run) == MOST_SAMPLES or not _continues(run[-1], sample)):
            yield run
            run = []
        run.append(sample)
    if run:
        yield run


def _continues(before: HistogramSample, sample: HistogramSample) -> bool:
    """Prometheus, `appendable` and `appendableGauge`, without changes of layout."""
    is_gauge = sample.reset_hint == GAUGE
    if sample.reset_hint == RESET or is_gauge != (before.reset_hint == GAUGE):
        return False
    if is_stale(sample):
        return True
    if is_stale(before) or _layout(before) != _layout(sample):
        return False
    return is_gauge or not _is_reset(before, sample)


def _layout(sample: HistogramSample) -> tuple[int, tuple[int, ...], tuple[Span, ...], tuple[Span, ...]]:
    """What the samples of a chunk have in common, floats as bits: 0 is not -0 here."""
    floats = sample.zero_threshold, *sample.custom_values
    return sample.schema, bits_of(floats), sample.positive_spans, sample.negative_spans


def _is_reset(before: HistogramSample, sample: HistogramSample) -> bool:
    """Whether anything was counted that is no longer. The layouts are equal."""
    return (
        sample.count < before.count
        or sample.zero_count < before.zero_count
        or any(map(lt, sample.positive_buckets, before.positive_buckets))
        or any(map(lt, sample.negative_buckets, before.negative_buckets))
    )


def _encode(run: Sequence[HistogramSample], is_float: bool) -> bytes:
    writer = BitWriter()
    _write_layout(writer, run[0])
    if is_float:
        _write_floats(writer, run)
    else:
        _write_integers(writer, run)
    flags = {GAUGE: GAUGE_HEADER, RESET: RESET_HEADER}.get(run[0].reset_hint, 0)
    return len(run).to_bytes(2, "big") + bytes([flags]) + writer.payload()


def _write_integers(writer: BitWriter, run: Sequence[HistogramSample]) -> None:
    first = run[0]
    writer.varbit_int(first.time_ms)
    writer.varbit_uint(int(first.count))
    writer.varbit_uint(int(first.zero_count))
    total = XorField(float_bits(first.sum))
    writer.write(total.bits, 64)
    steps = _steps(first)
    writer.varbit_ints(steps)
    changes, step_changes = (0, 0, 0), [0] * len(steps)
    for before, sample in pairwise(run):
        changes_before, changes = changes, _changes(before, sample)
        if is_stale(sample):
            changes = changes[0], changes_before[1], changes_before[2]
        writer.varbit_ints(map(sub, changes, changes_before))
        writer.xor(total, float_bits(sample.sum))
        if is_stale(sample):
            continue
        steps_before, steps = steps, _steps(sample)
        changes_of_steps = list(map(sub, steps, steps_before))
        writer.varbit_ints(map(sub, changes_of_steps, step_changes))
        step_changes = changes_of_steps


def _changes(before: HistogramSample, sample: HistogramSample) -> tuple[int, int, int]:
    return (
        sample.time_ms - before.time_ms,
        int(sample.count) - int(before.count),
        int(sample.zero_count) - int(before.zero_count),
    )


def _steps(sample: HistogramSample) -> list[int]:
    """From each bucket to the next, the first from 0; positive buckets, then negative ones."""
    positive = pairwise((0, *sample.positive_buckets))
    negative = pairwise((0, *sample.negative_buckets))
    return [int(count) - int(before) for before, count in chain(positive, negative)]


def _write_floats(writer: BitWriter, run: Sequence[HistogramSample]) -> None:
    time_change = 0
    before_ms = run[0].time_ms
    writer.varbit_int(before_ms)
    fields = [XorField(bits) for bits in _float_fields(run[0])]
    for field in fields:
        writer.write(field.bits, 64)
    for sample in run[1:]:
        change = sample.time_ms - before_ms
        writer.varbit_int(change - time_change)
        before_ms, time_change = sample.time_ms, change
        # A stale marker has no buckets, and ends the run but for others like it.
        for field, bits in zip(fields, _float_fields(sample), strict=False):
            writer.xor(field, bits)


def _float_fields(sample: HistogramSample) -> tuple[int, ...]:
    """The bits of all that changes, as far as there is any, in the order of the chunk."""
    floats: tuple[float, ...] = (
        sample.count,
        sample.zero_count,
        sample.sum,
        *sample.positive_buckets,
        *sample.negative_buckets,
    )
    return bits_of(floats)


def _write_layout(writer: BitWriter, sample: HistogramSample) -> None:
    _write_zero_threshold(writer, sample.zero_threshold)
    writer.varbit_int(sample.schema)
    for spans in (sample.positive_spans, sample.negative_spans):
        writer.varbit_uint(len(spans))
        for span in spans:
            writer.varbit_uint(span.length)
            writer.varbit_int(span.offset)
    if sample.schema == CUSTOM_BUCKETS_SCHEMA:
        writer.varbit_uint(len(sample.custom_values))
        for bound in sample.custom_values:
            _write_custom_bound(writer, bound)


def _write_zero_threshold(writer: BitWriter, threshold: float) -> None:
    """Powers of two, and 0, take a byte."""
    bits = float_bits(threshold)
    if not bits:
        writer.write(0, 8)
        return
    fraction, exponent = math.frexp(threshold)
    if fraction == POWER_OF_TWO and _LOWEST_EXPONENT <= exponent <= _HIGHEST_EXPONENT:
        writer.write(exponent + THRESHOLD_BIAS, 8)
        return
    writer.write(RAW_THRESHOLD, 8)
    writer.write(bits, 64)


def _write_custom_bound(writer: BitWriter, bound: float) -> None:
    """Thousandths up to 33554.43 take at most four bytes."""
    bits = float_bits(bound)
    if 0 <= bound * CUSTOM_SCALE <= _MOST_THOUSANDTHS:
        thousandths = round(bound * CUSTOM_SCALE)
        if float_bits(thousandths / CUSTOM_SCALE) == bits:
            writer.varbit_uint(thousandths + 1)
            return
    writer.varbit_uint(0)
    writer.write(bits, 64)
