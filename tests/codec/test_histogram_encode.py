"""Writing chunks of native histograms: reading gives the same, and the bytes are Prometheus's."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.chunk_error import ChunkError
from proxy.codec.histogram_decode import (
    GAUGE,
    NO_RESET,
    RESET,
    UNKNOWN,
    decode_histograms,
    is_stale,
    stale_marker,
)
from proxy.codec.histogram_encode import MOST_SAMPLES, encode_histograms
from proxy.model.chunks import FLOAT_HISTOGRAM, HISTOGRAM
from proxy.model.histogram import HistogramSample, Span
from tests.codec.histograms import GoldenChunk, as_read, bits, golden_chunks, series

KINDS = pytest.mark.parametrize("kind", [HISTOGRAM, FLOAT_HISTOGRAM])
SAMPLE = HistogramSample(
    time_ms=0,
    is_float=False,
    schema=3,
    zero_threshold=2.0**-128,
    zero_count=2,
    count=12,
    sum=1.5,
    positive_spans=(Span(0, 1), Span(2, 1)),
    negative_spans=(Span(0, 1),),
    positive_buckets=(4, 4),
    negative_buckets=(2,),
    custom_values=(),
    reset_hint=UNKNOWN,
)
NEXT = replace(SAMPLE, time_ms=1, reset_hint=NO_RESET)


def of_kind(sample: HistogramSample, kind: int) -> HistogramSample:
    if kind == HISTOGRAM:
        return sample
    return replace(
        sample,
        is_float=True,
        zero_count=float(sample.zero_count),
        count=float(sample.count),
        positive_buckets=tuple(map(float, sample.positive_buckets)),
        negative_buckets=tuple(map(float, sample.negative_buckets)),
    )


def sizes(chunks: list[bytes]) -> list[int]:
    return [int.from_bytes(chunk[:2], "big") for chunk in chunks]


def in_chunks(samples: list[HistogramSample], chunks: list[bytes]) -> list[list[HistogramSample]]:
    groups, start = [], 0
    for size in sizes(chunks):
        groups.append(samples[start : start + size])
        start += size
    assert start == len(samples)
    return groups


@KINDS
@given(st.data())
def test_what_was_written_is_read_again_to_the_last_bit(kind: int, data: st.DataObject) -> None:
    samples = data.draw(series(kind == FLOAT_HISTOGRAM))
    chunks = encode_histograms(kind, samples)
    read = [sample for chunk in chunks for sample in decode_histograms(kind, chunk)]
    assert bits(read) == bits(as_read(in_chunks(samples, chunks)))


@KINDS
@given(st.data())
def test_what_is_read_and_written_again_is_read_as_before(kind: int, data: st.DataObject) -> None:
    samples = data.draw(series(kind == FLOAT_HISTOGRAM))
    for chunk in encode_histograms(kind, samples):
        read = decode_histograms(kind, chunk)
        if read[0].reset_hint == GAUGE:  # nothing tells that a stale marker belongs to a gauge
            read = [replace(sample, reset_hint=GAUGE) for sample in read]
        (again,) = encode_histograms(kind, read)
        assert again[:2] + again[3:] == chunk[:2] + chunk[3:]


@KINDS
@given(st.data())
def test_a_chunk_cut_short_is_refused(kind: int, data: st.DataObject) -> None:
    for chunk in encode_histograms(kind, data.draw(series(kind == FLOAT_HISTOGRAM))):
        size = data.draw(st.integers(0, len(chunk) - 1))
        with pytest.raises(ChunkError):
            decode_histograms(kind, chunk[:size])


@pytest.mark.parametrize(
    "chunk",
    [chunk for chunk in golden_chunks() if chunk.samples],
    ids=lambda chunk: chunk.title,
)
def test_the_bytes_are_those_of_prometheus(chunk: GoldenChunk) -> None:
    is_gauge = chunk.samples[0].reset_hint == GAUGE
    samples = [replace(sample, reset_hint=GAUGE) if is_gauge else sample for sample in chunk.samples]
    (payload,) = encode_histograms(chunk.kind, samples)
    assert payload[:2] + payload[3:] == chunk.payload[:2] + chunk.payload[3:]
    assert payload[2] == (0xC0 if is_gauge else 0)


@KINDS
@pytest.mark.parametrize(
    "after",
    [
        replace(NEXT, schema=4),
        replace(NEXT, zero_threshold=0.0),
        replace(NEXT, positive_spans=(Span(0, 2),)),
        replace(NEXT, negative_spans=(Span(1, 1),)),
        replace(NEXT, positive_spans=(), positive_buckets=()),
        replace(NEXT, count=11),
        replace(NEXT, zero_count=1),
        replace(NEXT, positive_buckets=(5, 3)),
        replace(NEXT, negative_buckets=(1,)),
        replace(NEXT, reset_hint=RESET),
        replace(NEXT, reset_hint=GAUGE),
    ],
    ids=[
        "schema",
        "zero threshold",
        "positive spans",
        "negative spans",
        "fewer buckets",
        "less counted",
        "less counted at zero",
        "less counted in a positive bucket",
        "less counted in a negative bucket",
        "said to be a reset",
        "a gauge",
    ],
)
def test_a_chunk_begins_where_a_layout_or_a_counter_does(kind: int, after: HistogramSample) -> None:
    assert sizes(encode_histograms(kind, [of_kind(SAMPLE, kind), of_kind(after, kind)])) == [1, 1]


@KINDS
@pytest.mark.parametrize("hint", [UNKNOWN, NO_RESET])
def test_a_counter_that_grows_stays_in_its_chunk(kind: int, hint: int) -> None:
    after = replace(NEXT, count=13, positive_buckets=(5, 4), reset_hint=hint)
    assert sizes(encode_histograms(kind, [of_kind(SAMPLE, kind), of_kind(after, kind)])) == [2]


@KINDS
def test_a_gauge_may_fall(kind: int) -> None:
    gauges = [replace(SAMPLE, reset_hint=GAUGE), replace(NEXT, count=1, reset_hint=GAUGE)]
    assert sizes(encode_histograms(kind, [of_kind(sample, kind) for sample in gauges])) == [2]


@KINDS
def test_new_bounds_begin_a_chunk(kind: int) -> None:
    samples = [
        of_kind(replace(SAMPLE, schema=-53, custom_values=bounds), kind)
        for bounds in [(1.0, 2.0), (1.0, 2.0), (1.0, 2.5), (0.0,), (-0.0,)]
    ]
    assert sizes(encode_histograms(kind, samples)) == [2, 1, 1, 1]


@KINDS
def test_after_a_stale_marker_come_only_others_in_a_chunk(kind: int) -> None:
    stale = stale_marker(1, kind == FLOAT_HISTOGRAM)
    sample = of_kind(SAMPLE, kind)
    samples = [sample, stale, stale, sample, stale, sample]
    assert sizes(encode_histograms(kind, samples)) == [3, 2, 1]


@KINDS
def test_of_a_stale_histogram_nothing_but_its_sum_is_written(kind: int) -> None:
    stale = stale_marker(1, kind == FLOAT_HISTOGRAM)
    full = replace(of_kind(NEXT, kind), sum=stale.sum)
    assert encode_histograms(kind, [full]) == encode_histograms(kind, [stale])
    first = of_kind(SAMPLE, kind)
    (chunk,) = encode_histograms(kind, [first, full])
    assert chunk == encode_histograms(kind, [first, stale])[0]
    assert [is_stale(sample) for sample in decode_histograms(kind, chunk)] == [False, True]


@KINDS
def test_a_stale_marker_that_is_no_gauge_leaves_the_chunk_of_gauges(kind: int) -> None:
    gauge = of_kind(replace(SAMPLE, reset_hint=GAUGE), kind)
    stale = stale_marker(1, kind == FLOAT_HISTOGRAM)
    assert sizes(encode_histograms(kind, [gauge, stale])) == [1, 1]
    assert sizes(encode_histograms(kind, [gauge, replace(stale, reset_hint=GAUGE)])) == [2]


@KINDS
def test_a_chunk_is_bounded(kind: int) -> None:
    samples = [of_kind(replace(NEXT, time_ms=index), kind) for index in range(2 * MOST_SAMPLES + 1)]
    chunks = encode_histograms(kind, samples)
    assert sizes(chunks) == [MOST_SAMPLES, MOST_SAMPLES, 1]
    hints = [[sample.reset_hint for sample in decode_histograms(kind, chunk)] for chunk in chunks]
    assert [set(chunk[1:]) for chunk in hints] == [{NO_RESET}, {NO_RESET}, set()]
    assert {chunk[0] for chunk in hints} == {UNKNOWN}


@KINDS
@pytest.mark.parametrize(
    ("hint", "header"), [(UNKNOWN, 0), (RESET, 0x80), (NO_RESET, 0), (GAUGE, 0xC0)]
)
def test_the_header_says_what_is_known_of_the_first_sample(kind: int, hint: int, header: int) -> None:
    (chunk,) = encode_histograms(kind, [of_kind(replace(SAMPLE, reset_hint=hint), kind)])
    assert chunk[2] == header


@KINDS
def test_no_samples_make_no_chunk(kind: int) -> None:
    assert encode_histograms(kind, []) == []


@pytest.mark.parametrize("threshold", [-0.0, -0.5, 5e-324, math.inf, 2.0**11, 0.5])
def test_a_threshold_that_does_not_fit_into_a_byte_keeps_its_bits(threshold: float) -> None:
    (chunk,) = encode_histograms(HISTOGRAM, [replace(SAMPLE, zero_threshold=threshold)])
    assert bits(decode_histograms(HISTOGRAM, chunk)[0].zero_threshold) == bits(threshold)


@pytest.mark.parametrize(
    "bound", [-0.0, 0.0, 0.001, 0.0005, 33554.43, 33554.431, -0.001, -1.0, math.inf, math.nan, 1 / 3]
)
def test_a_bound_keeps_its_bits_with_three_decimals_and_without(bound: float) -> None:
    (chunk,) = encode_histograms(HISTOGRAM, [replace(SAMPLE, schema=-53, custom_values=(bound,))])
    assert bits(decode_histograms(HISTOGRAM, chunk)[0].custom_values) == bits((bound,))


def test_counts_may_change_by_more_than_64_bits_with_a_sign_can_say() -> None:
    counts = [0, 2**64 - 1, 0, 2**63]
    gauges = [
        replace(SAMPLE, time_ms=index, count=count, zero_count=count, reset_hint=GAUGE)
        for index, count in enumerate(counts)
    ]
    (chunk,) = encode_histograms(HISTOGRAM, gauges)
    assert decode_histograms(HISTOGRAM, chunk) == gauges


@KINDS
def test_a_sample_of_the_other_kind_is_refused(kind: int) -> None:
    other = FLOAT_HISTOGRAM if kind == HISTOGRAM else HISTOGRAM
    with pytest.raises(ChunkError, match="cannot share a chunk"):
        encode_histograms(kind, [of_kind(SAMPLE, other)])


@pytest.mark.parametrize("buckets", [{"positive_buckets": (1,)}, {"negative_buckets": (1, 2)}], ids=str)
def test_buckets_must_be_as_many_as_the_spans_say(buckets: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(ChunkError, match="than its spans"):
        encode_histograms(HISTOGRAM, [SAMPLE, replace(NEXT, **buckets)])  # type: ignore[arg-type]
