"""Writes series to Thanos Receive: Prometheus remote write 1.0, protobuf in snappy.

Receive takes a series' samples only in the order of time, and refuses what is older than its
head block reaches back. So history goes out in slices of time, each with all series.
"""

from __future__ import annotations

import bisect
import http.client
import itertools
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import numpy as np
import snappy

from proxy.codec._pb.remote_pb2 import WriteRequest
from proxy.codec._pb.types_pb2 import BucketSpan, Histogram
from tests.thanos.loopback import Answer, ask
from tests.thanos.series import Buckets, NativeHistogram, RawSeries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FloatSample = tuple[int, float]
"""Timestamp in ms, value."""

SLICE_MS = 3_600_000
RETRIES = 4
RETRY_DELAY_S = 0.3

HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}

# While it starts, Receive answers these; the same request succeeds a moment later.
RETRIED_STATUSES = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)


class RemoteWriteError(Exception):
    """The server refused samples; carries its status and its own words."""


def write(url: str, series: Sequence[RawSeries], slice_ms: int = SLICE_MS) -> int:
    """Send all samples to a remote write URL, oldest first. Returns the number of requests.

    Raises:
        RemoteWriteError: an answer other than 2xx, with its body.
    """
    requests = 0
    for request in slices(series, slice_ms):
        send(url, request)
        requests += 1
    return requests


def slices(series: Sequence[RawSeries], slice_ms: int = SLICE_MS) -> Iterator[WriteRequest]:
    """One request for each slice of time in which any series has samples."""
    filled = [one for one in series if one.sample_count]
    if not filled:
        return
    first_ms = min(one.first_ms for one in filled)
    last_ms = max(one.last_ms for one in filled)
    for start_ms in range(first_ms, last_ms + 1, slice_ms):
        request = encode(filled, start_ms, start_ms + slice_ms)
        if request.timeseries:
            yield request


def encode(series: Sequence[RawSeries], start_ms: int, end_ms: int) -> WriteRequest:
    """The samples of all series with `start_ms <= t < end_ms`."""
    request = WriteRequest()
    for one in series:
        add_series(request, one, start_ms, end_ms)
    return request


def add_series(request: WriteRequest, series: RawSeries, start_ms: int, end_ms: int) -> None:
    """Append the part of a series that lies in the slice."""
    low, high = np.searchsorted(series.timestamps_ms, [start_ms, end_ms])
    floats = list(
        zip(
            series.timestamps_ms[low:high].tolist(),
            series.values[low:high].tolist(),
            strict=True,
        )
    )
    first = bisect.bisect_left(series.histograms, start_ms, key=histogram_time_ms)
    last = bisect.bisect_left(series.histograms, end_ms, key=histogram_time_ms)
    for turn in turns(floats, series.histograms[first:last]):
        message = request.timeseries.add()
        for name, value in series.labels:
            message.labels.add(name=name, value=value)
        for sample in turn:
            if isinstance(sample, NativeHistogram):
                message.histograms.append(encode_histogram(sample))
            else:
                message.samples.add(timestamp=sample[0], value=sample[1])


def turns(
    floats: Sequence[FloatSample], histograms: Sequence[NativeHistogram]
) -> Iterator[Sequence[FloatSample] | Sequence[NativeHistogram]]:
    """Runs of one kind, in the order of time.

    Receive appends a TimeSeries' floats before its histograms. Where the two take turns, each
    turn is a TimeSeries message of its own, so that time does not run backwards.
    """
    if not histograms or not floats:
        if floats or histograms:
            yield floats or histograms
        return
    both: list[FloatSample | NativeHistogram] = [*floats, *histograms]
    both.sort(key=sample_time_ms)
    for is_histogram, run in itertools.groupby(both, lambda s: isinstance(s, NativeHistogram)):
        del is_histogram
        yield list(run)  # type: ignore[misc]  # all of one kind, which groupby cannot say


def sample_time_ms(sample: FloatSample | NativeHistogram) -> int:
    return sample.timestamp_ms if isinstance(sample, NativeHistogram) else sample[0]


def histogram_time_ms(histogram: NativeHistogram) -> int:
    return histogram.timestamp_ms


def encode_histogram(histogram: NativeHistogram) -> Histogram:
    """Integer histograms carry differences between neighbouring buckets, float ones counts."""
    message = Histogram(
        sum=histogram.sum,
        schema=histogram.schema,
        zero_threshold=histogram.zero_threshold,
        timestamp=histogram.timestamp_ms,
        reset_hint=Histogram.GAUGE if histogram.is_gauge else Histogram.UNKNOWN,
        positive_spans=encode_spans(histogram.positive),
        negative_spans=encode_spans(histogram.negative),
        custom_values=histogram.custom_bounds,
    )
    if histogram.is_float:
        message.count_float = histogram.count
        message.zero_count_float = histogram.zero_count
        message.positive_counts.extend(histogram.positive.counts)
        message.negative_counts.extend(histogram.negative.counts)
    else:
        message.count_int = int(histogram.count)
        message.zero_count_int = int(histogram.zero_count)
        message.positive_deltas.extend(deltas(histogram.positive))
        message.negative_deltas.extend(deltas(histogram.negative))
    return message


def encode_spans(buckets: Buckets) -> list[BucketSpan]:
    return [BucketSpan(offset=offset, length=length) for offset, length in buckets.spans]


def deltas(buckets: Buckets) -> list[int]:
    counts = [int(count) for count in buckets.counts]
    return [count - before for before, count in zip([0, *counts], counts, strict=False)]


def send(url: str, request: WriteRequest) -> None:
    """POST one request; waits and repeats while the server starts."""
    body = snappy.compress(request.SerializeToString())
    answer = post(url, body)
    for _ in range(RETRIES):
        if answer.status not in RETRIED_STATUSES:
            break
        time.sleep(RETRY_DELAY_S)
        answer = post(url, body)
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise RemoteWriteError(f"{url} answered {answer.status}: {answer.body[:2000]!r}")


def post(url: str, body: bytes) -> Answer:
    """The answer; where there was none, one with status 503 that says why."""
    try:
        return ask(url, method="POST", body=body, headers=HEADERS)
    except (OSError, http.client.HTTPException) as error:
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE, [], repr(error).encode())
