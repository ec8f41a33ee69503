"""Native histograms for tests: golden chunks of Prometheus, generated samples, comparison by bits."""

from __future__ import annotations

import base64
import json
import math
import struct
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from proxy.codec.histogram_decode import GAUGE, NO_RESET, RESET, UNKNOWN, is_stale, stale_marker
from proxy.model.chunks import FLOAT_HISTOGRAM
from proxy.model.histogram import CUSTOM_BUCKETS_SCHEMA, HistogramSample, Span

GOLDEN_PATH = Path(__file__).parent / "data" / "histograms.jsonl"


@dataclass(frozen=True)
class GoldenChunk:
    """A chunk that Prometheus wrote (see histograms.go beside it), and what it reads from it.

    message: its last sample as a `prometheus.Histogram`, empty without samples.
    """

    name: str
    kind: int
    payload: bytes
    samples: list[HistogramSample]
    message: bytes
    line: int = 0

    @property
    def title(self) -> str:
        return f"line {self.line}, {self.name}"


def golden_chunks() -> list[GoldenChunk]:
    lines = GOLDEN_PATH.read_text("utf-8").splitlines()
    return [golden_chunk(json.loads(text), line) for line, text in enumerate(lines, 1)]


def golden_chunk(line: dict[str, Any], number_of_line: int = 0) -> GoldenChunk:
    is_float = line["kind"] == FLOAT_HISTOGRAM
    return GoldenChunk(
        line.get("name", ""),
        line["kind"],
        base64.b64decode(line["payload"]),
        [golden_sample(sample, is_float) for sample in line["samples"]],
        base64.b64decode(line.get("message", "")),
        number_of_line,
    )


def golden_sample(line: dict[str, Any], is_float: bool) -> HistogramSample:
    return HistogramSample(
        time_ms=line["t"],
        is_float=is_float,
        schema=line["schema"],
        zero_threshold=number(line["zero_threshold"]),
        zero_count=number(line["zero_count"]),
        count=number(line["count"]),
        sum=number(line["sum"]),
        positive_spans=tuple(Span(*span) for span in line.get("positive_spans", ())),
        negative_spans=tuple(Span(*span) for span in line.get("negative_spans", ())),
        positive_buckets=tuple(map(number, line.get("positive", ()))),
        negative_buckets=tuple(map(number, line.get("negative", ()))),
        custom_values=tuple(map(number, line.get("custom_values", ()))),
        reset_hint=line["hint"],
    )


def number(written: int | str) -> Any:
    """An integer, or a float written as its bits."""
    return written if isinstance(written, int) else struct.unpack(">d", bytes.fromhex(written))[0]


def bits(value: object) -> object:
    """The same with each float as its bits, so that NaN equals itself and 0 is not -0."""
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    if isinstance(value, tuple | list):
        return [bits(each) for each in value]
    return bits(astuple(value)) if isinstance(value, HistogramSample) else value


def as_read(chunks: list[list[HistogramSample]]) -> list[HistogramSample]:
    """What a reader makes of the hints of samples that share chunks (`counterResetHint`)."""
    read = []
    for chunk in chunks:
        later = GAUGE if chunk[0].reset_hint == GAUGE else NO_RESET
        for index, sample in enumerate(chunk):
            hint = later if index or later == GAUGE else UNKNOWN
            stale = stale_marker(sample.time_ms, sample.is_float)
            read.append(stale if is_stale(sample) else replace(sample, reset_hint=hint))
    return read


FLOATS = st.floats(width=64) | st.sampled_from([0.0, -0.0, 1.0, 1.5, 2.0**-128, 0.001, 33554.43])
TIMES_MS = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 100_000)
COUNTS = st.integers(0, 5000) | st.integers(0, 2**64 - 1)
BUCKETS = st.integers(0, 50) | st.integers(0, 2**63 - 1)
SPANS = st.lists(
    st.builds(Span, st.integers(-(2**31), 2**31 - 1) | st.integers(0, 9), st.integers(0, 4)), max_size=3
)
SCHEMAS = st.integers(-4, 8) | st.just(CUSTOM_BUCKETS_SCHEMA)
HINTS = st.sampled_from([UNKNOWN, RESET, NO_RESET, GAUGE])


@st.composite
def layouts(draw: st.DrawFn) -> dict[str, Any]:
    schema = draw(SCHEMAS)
    bounds = draw(st.lists(FLOATS, max_size=4)) if schema == CUSTOM_BUCKETS_SCHEMA else []
    return {
        "schema": schema,
        "zero_threshold": draw(FLOATS),
        "positive_spans": tuple(draw(SPANS)),
        "negative_spans": tuple(draw(SPANS)),
        "custom_values": tuple(bounds),
    }


@st.composite
def histograms(draw: st.DrawFn, layout: dict[str, Any], is_float: bool) -> HistogramSample:
    counts = FLOATS if is_float else COUNTS
    buckets = FLOATS if is_float else BUCKETS

    def drawn(spans: tuple[Span, ...]) -> tuple[Any, ...]:
        length = sum(span.length for span in spans)
        return tuple(draw(st.lists(buckets, min_size=length, max_size=length)))

    return HistogramSample(
        time_ms=draw(TIMES_MS),
        is_float=is_float,
        zero_count=draw(counts),
        count=draw(counts),
        sum=draw(FLOATS),
        positive_buckets=drawn(layout["positive_spans"]),
        negative_buckets=drawn(layout["negative_spans"]),
        reset_hint=draw(HINTS),
        **layout,
    )


@st.composite
def series(draw: st.DrawFn, is_float: bool) -> list[HistogramSample]:
    """Samples of few layouts, so that neighbours share one: gauges, growing counters, stale markers."""
    known = draw(st.lists(layouts(), min_size=1, max_size=2))
    gauges = draw(st.booleans())
    samples: list[HistogramSample] = []
    for _ in range(draw(st.integers(0, 8))):
        sample = draw(histograms(draw(st.sampled_from(known)), is_float))
        if samples and not gauges and draw(st.integers(0, 3)):
            sample = replace(samples[-1], time_ms=sample.time_ms, sum=sample.sum, reset_hint=NO_RESET)
            sample = grown(sample, draw(st.integers(0, 30)))
        elif gauges and draw(st.integers(0, 5)):
            sample = replace(sample, reset_hint=GAUGE)
        if draw(st.integers(0, 7)) == 0:
            sample = stale_marker(sample.time_ms, is_float, sample.reset_hint)
        samples.append(sample)
    return samples


def grown(sample: HistogramSample, growth: int) -> HistogramSample:
    """The sample after more was counted, as far as it fits."""
    most = math.inf if sample.is_float else 2**63 - 1
    return replace(
        sample,
        count=min(sample.count + growth, most),
        zero_count=min(sample.zero_count + growth // 3, most),
        positive_buckets=tuple(min(count + growth // 2, most) for count in sample.positive_buckets),
        negative_buckets=tuple(min(count + growth % 4, most) for count in sample.negative_buckets),
    )
