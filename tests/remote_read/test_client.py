"""What a client of its own reads: both types, several queries, clipped, in order, to the bit."""

from __future__ import annotations

import itertools
import json
import re
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from proxy.codec._pb.remote_pb2 import ReadRequest
from proxy.codec._pb.types_pb2 import Chunk, LabelMatcher
from tests.remote_read.asking import Question, told
from tests.remote_read.conftest import ADDED_LABELS, SOURCES
from tests.thanos.remote_read_client import (
    SAMPLES_TYPE,
    STREAMED_TYPE,
    body_of,
    decode_xor,
    equal,
    post,
    query,
    read_samples,
    read_streamed,
    regex,
)
from tests.thanos.samples import sample_series
from tests.thanos.series import METRIC_NAME, STALE_MARKER
from tests.thanos.timeline import HOUR_MS, MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.codec._pb.remote_pb2 import Query
    from proxy.codec._pb.types_pb2 import Histogram
    from tests.remote_read.conftest import Readers
    from tests.thanos.cluster import ThanosCluster
    from tests.thanos.remote_read_client import FloatSample, Labels, ReadSeries
    from tests.thanos.series import NativeHistogram
    from tests.thanos.timeline import Timeline

by_source = pytest.mark.parametrize("source", SOURCES)

STALE_BITS = struct.pack(">d", STALE_MARKER)
FLOATS_ALONE = "up|queue_length|odd_value|odd_label|temperature_celsius|batch_job_seconds|jittered"

Bits = list[tuple[int, bytes]]


def bits(samples: Sequence[FloatSample]) -> Bits:
    return [(time_ms, struct.pack(">d", value)) for time_ms, value in samples]


def clipped(samples: Sequence[FloatSample], asked: Query) -> list[FloatSample]:
    first_ms, last_ms = asked.start_timestamp_ms, asked.end_timestamp_ms
    return [one for one in samples if first_ms <= one[0] <= last_ms]


def some_hours(timeline: Timeline, *matchers: LabelMatcher) -> Query:
    """From one millisecond to another, neither of them on a scrape or a full hour."""
    middle_ms = timeline.moment(0.5)
    return query(middle_ms - 31 * HOUR_MS - 4_321, middle_ms + 3 * HOUR_MS + 1_234, *matchers)


@by_source
def test_both_types_hold_the_samples_that_were_written(
    thanos: ThanosCluster, readers: Readers, timeline: Timeline, source: str
) -> None:
    """Values that are no numbers are compared as such: over HTTP their bits are lost."""
    read_url = readers.thanoxy(source).read_url
    asked = some_hours(timeline, regex(METRIC_NAME, FLOATS_ALONE))
    [samples], [streamed] = read_samples(read_url, asked), read_streamed(read_url, asked)
    wanted = [
        (labels, found)
        for labels, floats in written(thanos)
        if re.fullmatch(FLOATS_ALONE, dict(labels).get(METRIC_NAME, ""))
        and (found := clipped(floats, asked))
    ]
    for (labels, floats), sampled, chunked in zip(wanted, samples, streamed, strict=True):
        assert sampled.labels == chunked.labels == labels
        assert bits(sampled.floats) == bits(floats)
        assert bits(clipped(chunked.floats, asked)) == bits(floats)


def written(thanos: ThanosCluster) -> list[tuple[Labels, list[FloatSample]]]:
    """The floats of the sample series, sorted by labels."""
    return sorted(
        (
            tuple(sorted({**dict(one.labels), **ADDED_LABELS}.items())),
            list(zip(one.timestamps_ms.tolist(), one.values.tolist(), strict=True)),
        )
        for one in sample_series(thanos.end_ms)
    )


@by_source
def test_samples_are_what_a_range_selector_of_thanos_gives(
    thanos: ThanosCluster, readers: Readers, timeline: Timeline, source: str
) -> None:
    """`selector[range]` begins one millisecond after its start, and leaves out stale markers."""
    asked = some_hours(timeline, equal(METRIC_NAME, "build_info"))
    range_ms = asked.end_timestamp_ms - asked.start_timestamp_ms + 1
    question = Question(f"build_info[{range_ms}ms]", 0, asked.end_timestamp_ms, 0)
    want, _ = told(thanos.query_url, question)
    [found] = read_samples(readers.thanoxy(source).read_url, asked)
    texts = {
        json.dumps(dict(series.labels), sort_keys=True): [
            time_ms for time_ms, value in bits(series.floats) if value != STALE_BITS
        ]
        for series in found
    }
    assert len(texts) > 2
    assert texts == {
        json.dumps(one["metric"], sort_keys=True): [round(float(at) * 1000) for at, _ in one["values"]]
        for one in want.result
    }


def test_stale_markers_are_intact_over_grpc(
    thanos: ThanosCluster, readers: Readers, timeline: Timeline
) -> None:
    asked = query(timeline.start_ms, timeline.end_ms, equal(METRIC_NAME, "build_info"))
    read_url = readers.thanoxy("grpc").read_url
    wanted = [
        bits(floats) for labels, floats in written(thanos) if (METRIC_NAME, "build_info") in labels
    ]
    for results in (read_samples(read_url, asked), read_streamed(read_url, asked)):
        assert [bits(series.floats) for series in results[0]] == wanted
    assert sum(value == STALE_BITS for found in wanted for _, value in found) == 8


def test_stale_markers_are_missing_over_http_and_nothing_else(
    thanos: ThanosCluster, readers: Readers, timeline: Timeline
) -> None:
    asked = query(timeline.start_ms, timeline.end_ms, equal(METRIC_NAME, "build_info"))
    [found] = read_samples(readers.thanoxy("http").read_url, asked)
    assert [bits(series.floats) for series in found] == [
        [sample for sample in bits(floats) if sample[1] != STALE_BITS]
        for labels, floats in written(thanos)
        if (METRIC_NAME, "build_info") in labels
    ]


def test_native_histograms_are_those_that_were_written(
    thanos: ThanosCluster, readers: Readers, timeline: Timeline
) -> None:
    asked = some_hours(timeline, regex(METRIC_NAME, "native_.*|turned_native"))
    [found] = read_samples(readers.thanoxy("grpc").read_url, asked)
    wanted = {
        tuple(sorted({**dict(one.labels), **ADDED_LABELS}.items())): [
            # Of a stale marker the TSDB keeps the sum alone.
            (h.timestamp_ms, STALE_BITS) if is_stale(h.sum) else (h.timestamp_ms, told_of(h))
            for h in one.histograms
            if asked.start_timestamp_ms <= h.timestamp_ms <= asked.end_timestamp_ms
        ]
        for one in sample_series(thanos.end_ms)
        if one.histograms
    }
    assert len(found) == 7
    assert sum(is_stale(h.sum) for series in found for h in series.histograms) == 1
    for series in found:
        assert wanted[series.labels] == [
            (h.timestamp, STALE_BITS) if is_stale(h.sum) else (h.timestamp, told_in(h))
            for h in series.histograms
        ]


def is_stale(value: float) -> bool:
    return struct.pack(">d", value) == STALE_BITS


def told_of(written: NativeHistogram) -> list[object]:
    """What is compared of a histogram; not the spans, which the TSDB may join and widen."""
    bounds = list(written.custom_bounds)
    return [written.count, written.sum, written.schema, written.zero_count, bounds]


def told_in(read: Histogram) -> list[object]:
    count, zeros = read.count_int or read.count_float, read.zero_count_int or read.zero_count_float
    return [count, read.sum, read.schema, zeros, list(read.custom_values)]


@by_source
def test_series_and_chunks_are_in_order_and_chunks_say_what_they_hold(
    readers: Readers, timeline: Timeline, source: str
) -> None:
    """Prometheus's client looks for a time only in the chunk whose `max_time_ms` promises it."""
    asked = some_hours(timeline, regex(METRIC_NAME, f"{FLOATS_ALONE}|ha_.*"))
    [found] = read_streamed(readers.thanoxy(source).read_url, asked)
    labels = [series.labels for series in found]
    assert labels == sorted(set(labels))
    for series in found:
        assert series.chunks
        for chunk in series.chunks:
            times_ms = [time_ms for time_ms, _ in decode_xor(chunk.data)]
            assert [chunk.min_time_ms, chunk.max_time_ms] == [times_ms[0], times_ms[-1]]
        for one, other in itertools.pairwise(series.chunks):
            assert one.max_time_ms < other.min_time_ms


def test_chunks_of_histograms_are_sent_as_such(readers: Readers, timeline: Timeline) -> None:
    asked = some_hours(timeline, regex(METRIC_NAME, "native_.*"))
    [found] = read_streamed(readers.thanoxy("grpc").read_url, asked)
    kinds = {
        dict(series.labels)[METRIC_NAME]: {chunk.type for chunk in series.chunks} for series in found
    }
    assert kinds["native_request_bytes"] == {Chunk.HISTOGRAM}
    assert kinds["native_change"] == {Chunk.FLOAT_HISTOGRAM}


@by_source
def test_several_queries_are_answered_in_their_order(
    readers: Readers, timeline: Timeline, source: str
) -> None:
    names = ("sparse", "nothing_of_this_name", "constant", "sparse")
    queries = [some_hours(timeline, equal(METRIC_NAME, name)) for name in names]
    read_url = readers.thanoxy(source).read_url
    for results in (read_samples(read_url, *queries), read_streamed(read_url, *queries)):
        found = [[dict(series.labels)[METRIC_NAME] for series in result] for result in results]
        assert found == [["sparse"], [], ["constant"], ["sparse"]]


@by_source
def test_samples_at_both_ends_are_in_and_those_a_millisecond_further_are_not(
    readers: Readers, timeline: Timeline, source: str
) -> None:
    first_ms, last_ms = timeline.start_ms + 500 * MINUTE_MS, timeline.start_ms + 510 * MINUTE_MS
    read_url = readers.thanoxy(source).read_url
    matcher = equal(METRIC_NAME, "constant")
    [[exact]] = read_samples(read_url, query(first_ms, last_ms, matcher))
    [[inner]] = read_samples(read_url, query(first_ms + 1, last_ms - 1, matcher))
    [[single]] = read_samples(read_url, query(first_ms, first_ms, matcher))
    assert [time_ms for time_ms, _ in exact.floats] == list(range(first_ms, last_ms + 1, MINUTE_MS))
    assert inner.floats == exact.floats[1:-1]
    assert single.floats == exact.floats[:1]


@by_source
@pytest.mark.parametrize(
    ("matcher", "queues"),
    [
        (LabelMatcher(type=LabelMatcher.EQ, name="queue", value="mail"), {"mail"}),
        (
            LabelMatcher(type=LabelMatcher.NEQ, name="queue", value="mail"),
            {"billing", "search", "thumbnails", "export"},
        ),
        (LabelMatcher(type=LabelMatcher.RE, name="queue", value="m.*|s.*h"), {"mail", "search"}),
        (
            LabelMatcher(type=LabelMatcher.NRE, name="queue", value="m.*|s.*h"),
            {"billing", "thumbnails", "export"},
        ),
        (LabelMatcher(type=LabelMatcher.EQ, name="zone", value=""), None),
        (LabelMatcher(type=LabelMatcher.NEQ, name="zone", value=""), set()),
        (LabelMatcher(type=LabelMatcher.RE, name="queue", value="ma"), set()),
    ],
    ids=["=", "!=", "=~", "!~", "is empty", "is not empty", "regexes are anchored"],
)
def test_matchers_of_all_types_choose_series(
    readers: Readers, timeline: Timeline, source: str, matcher: LabelMatcher, queues: set[str] | None
) -> None:
    asked = some_hours(timeline, equal(METRIC_NAME, "queue_length"), matcher)
    [found] = read_streamed(readers.thanoxy(source).read_url, asked)
    every = {"mail", "billing", "search", "thumbnails", "export"}
    assert {dict(series.labels)["queue"] for series in found} == (every if queues is None else queues)


@by_source
@pytest.mark.parametrize(
    ("types", "content_type"),
    [
        ([], SAMPLES_TYPE),
        ([ReadRequest.SAMPLES], SAMPLES_TYPE),
        ([ReadRequest.SAMPLES, ReadRequest.STREAMED_XOR_CHUNKS], SAMPLES_TYPE),
        ([ReadRequest.STREAMED_XOR_CHUNKS, ReadRequest.SAMPLES], STREAMED_TYPE),
        ([77, ReadRequest.STREAMED_XOR_CHUNKS], STREAMED_TYPE),
    ],
    ids=["none", "samples", "samples first", "streamed first", "one of the future first"],
)
def test_the_first_type_of_the_client_s_list_is_taken(
    readers: Readers,
    timeline: Timeline,
    source: str,
    types: list[ReadRequest.ResponseType],
    content_type: str,
) -> None:
    body = body_of([some_hours(timeline, equal(METRIC_NAME, "sparse"))], types)
    answer = post(readers.thanoxy(source).read_url, body)
    assert answer.status == 200
    assert dict(answer.headers)["Content-Type"] == content_type


@by_source
def test_a_warm_answer_is_the_cold_one(readers: Readers, timeline: Timeline, source: str) -> None:
    """Other windows are asked in between, so that parts of what is kept are cut and woven."""
    read_url = readers.thanoxy(source).read_url
    asked = some_hours(timeline, equal(METRIC_NAME, "node_cpu_seconds_total"))
    shifted = query(
        asked.start_timestamp_ms - 7 * HOUR_MS, asked.end_timestamp_ms + 50 * HOUR_MS, *asked.matchers
    )
    cold = read_samples(read_url, asked)
    read_samples(read_url, shifted)
    warm, streamed = read_samples(read_url, asked), read_streamed(read_url, asked)
    assert content(warm[0]) == content(cold[0]) == content(streamed[0])
    assert np.mean([len(series.floats) for series in cold[0]]) > 4_000


def content(found: Sequence[ReadSeries]) -> list[tuple[Labels, Bits]]:
    return [(series.labels, bits(series.floats)) for series in found]
