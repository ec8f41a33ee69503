"""Reading chunks of native histograms: what Prometheus wrote, and what nobody should have written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.bit_stream import STALE_NAN_BITS, BitWriter, float_bits
from proxy.codec.chunk_error import ChunkError
from proxy.codec.histogram_decode import GAUGE, NO_RESET, UNKNOWN, decode_histograms, is_stale
from proxy.model.chunks import COUNTER, FLOAT_HISTOGRAM, HISTOGRAM, XOR
from proxy.model.histogram import HistogramSample, Span
from tests.codec.histograms import GoldenChunk, bits, golden_chunks

GOLDEN = golden_chunks()
KINDS = pytest.mark.parametrize("kind", [HISTOGRAM, FLOAT_HISTOGRAM])


def golden(name: str, kind: int = HISTOGRAM) -> GoldenChunk:
    return next(chunk for chunk in GOLDEN if (chunk.name, chunk.kind) == (name, kind))


def chunk_of(
    schema: int = 0, length: int = 0, offset: int = 0, spans: int = 1, bounds: int = 0
) -> bytes:
    """A chunk of which nothing but a layout is there."""
    writer = BitWriter()
    writer.write(0, 8)  # zero threshold
    writer.varbit_int(schema)
    writer.varbit_uint(spans)
    writer.varbit_uint(length)
    writer.varbit_int(offset)
    writer.varbit_uint(0)  # negative spans
    writer.varbit_uint(bounds)
    writer.write(0, 60)
    return b"\0\1\0" + writer.payload()


@pytest.mark.parametrize("chunk", GOLDEN, ids=lambda chunk: chunk.title)
def test_what_prometheus_wrote_is_read_as_prometheus_reads_it(chunk: GoldenChunk) -> None:
    assert bits(decode_histograms(chunk.kind, chunk.payload)) == bits(chunk.samples)


def test_what_prometheus_wrote_has_all_that_there_can_be() -> None:
    samples = [sample for chunk in GOLDEN for sample in chunk.samples]
    assert {sample.is_float for sample in samples} == {True, False}
    assert {sample.schema for sample in samples} >= {-53, -4, 0, 8}
    assert {sample.reset_hint for sample in samples} == {UNKNOWN, NO_RESET, GAUGE}
    assert any(map(is_stale, samples))
    assert any(Span(2, 0) in sample.positive_spans for sample in samples)
    assert any(sample.negative_buckets for sample in samples)
    assert {chunk.payload[2] for chunk in GOLDEN} == {0, 0x80, 0xC0}


@KINDS
def test_a_stale_marker_is_a_sum_alone(kind: int) -> None:
    sample = decode_histograms(kind, golden("stale markers between", kind).payload)[2]
    is_float = kind == FLOAT_HISTOGRAM
    zero = 0.0 if is_float else 0
    assert float_bits(sample.sum) == STALE_NAN_BITS
    assert sample == HistogramSample(
        20, is_float, 0, 0.0, zero, zero, sample.sum, (), (), (), (), (), UNKNOWN
    )


@KINDS
@pytest.mark.parametrize(
    ("header", "first", "later"),
    [
        (0, UNKNOWN, NO_RESET),
        (0x80, UNKNOWN, NO_RESET),
        (0x40, UNKNOWN, NO_RESET),
        (0xC0, GAUGE, GAUGE),
    ],
)
def test_only_a_gauge_can_be_told_by_the_header(kind: int, header: int, first: int, later: int) -> None:
    payload = bytearray(golden("growing", kind).payload)
    payload[2] = header
    hints = [sample.reset_hint for sample in decode_histograms(kind, bytes(payload))]
    assert hints == [first] + [later] * 14


@KINDS
@pytest.mark.parametrize("name", ["growing", "a gauge"])
def test_the_last_bits_of_the_header_say_nothing(kind: int, name: str) -> None:
    chunk = golden(name, kind)
    payload = bytearray(chunk.payload)
    payload[2] |= 0b0011_1111
    assert bits(decode_histograms(kind, bytes(payload))) == bits(chunk.samples)


@KINDS
def test_a_chunk_of_no_samples_has_none(kind: int) -> None:
    assert decode_histograms(kind, b"\0\0\0") == []


def test_a_schema_of_finer_buckets_than_prometheus_knows_is_left_as_it_is() -> None:
    assert decode_histograms(HISTOGRAM, chunk_of(schema=52))[0].schema == 52


@pytest.mark.parametrize("chunk", GOLDEN, ids=lambda chunk: chunk.title)
def test_a_chunk_that_is_cut_short_is_refused_at_every_byte(chunk: GoldenChunk) -> None:
    for size in range(len(chunk.payload)):
        with pytest.raises(ChunkError):
            decode_histograms(chunk.kind, chunk.payload[:size])


@given(st.sampled_from(GOLDEN), st.lists(st.tuples(st.integers(0), st.integers(1, 255)), max_size=6))
def test_a_chunk_with_wrong_bytes_is_read_or_refused(
    chunk: GoldenChunk, faults: list[tuple[int, int]]
) -> None:
    payload = bytearray(chunk.payload)
    for at, fault in faults:
        payload[at % len(payload)] ^= fault
    try:
        samples = decode_histograms(chunk.kind, bytes(payload))
    except ChunkError:
        return
    assert len(samples) == int.from_bytes(payload[:2], "big")
    numbers = [
        number
        for sample in samples
        for number in (sample.time_ms, sample.count, *sample.positive_buckets)
        if isinstance(number, int)
    ]
    assert all(-(2**63) <= number < 2**64 for number in numbers)


@given(st.sampled_from([HISTOGRAM, FLOAT_HISTOGRAM]), st.binary(max_size=60))
def test_of_any_bytes_nothing_comes_but_samples_or_a_refusal(kind: int, payload: bytes) -> None:
    try:
        samples = decode_histograms(kind, payload)
    except ChunkError:
        return
    assert len(samples) == int.from_bytes(payload[:2], "big")


@pytest.mark.parametrize("schema", [-54, -52, -10, 53, 2**40])
def test_an_unknown_schema_is_refused(schema: int) -> None:
    with pytest.raises(ChunkError, match=f"unknown schema {schema}"):
        decode_histograms(HISTOGRAM, chunk_of(schema=schema))


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ({"length": 2**32 - 1}, "too short for its buckets"),
        ({"length": 2**32}, "more than 32 bits"),
        ({"offset": 2**31}, "more than 32 bits"),
        ({"offset": -(2**31) - 1}, "more than 32 bits"),
        ({"spans": 2**64 - 1}, "ends before"),
        ({"schema": -53, "bounds": 2**64 - 1}, "ends before"),
    ],
    ids=str,
)
def test_a_layout_larger_than_its_chunk_is_refused_before_it_takes_memory(
    layout: dict[str, int], message: str
) -> None:
    for kind in (HISTOGRAM, FLOAT_HISTOGRAM):
        with pytest.raises(ChunkError, match=message):
            decode_histograms(kind, chunk_of(**layout))


@pytest.mark.parametrize("kind", [XOR, COUNTER, 0])
def test_chunks_of_other_kinds_are_refused(kind: int) -> None:
    with pytest.raises(ChunkError, match=f"kind {kind} holds no histograms"):
        decode_histograms(kind, b"\0\0\0")
