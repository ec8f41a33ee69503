"""Chunks to the body of a remote read: streamed as they are, or decoded to samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import snappy

from benchmarks.stages.inputs import START_MS, STEP_MS, Size
from benchmarks.stages.measure import Work
from proxy.codec._pb.remote_pb2 import ReadResponse
from proxy.codec._pb.types_pb2 import TimeSeries
from proxy.codec.read_frames import frames
from proxy.codec.read_samples import SamplesAnswer
from proxy.codec.xor_encode import encode_xor
from proxy.model.chunks import XOR, ChunkBatch, Chunks

if TYPE_CHECKING:
    from benchmarks.stages.measure import Measure

_CHUNK_SAMPLES = 120
_FRAME_BYTES = 8 << 20
_NO_LIMIT = 1 << 62


@pytest.fixture(scope="session")
def batch(size: Size) -> ChunkBatch:
    """Gauges of full precision, at one a minute, in chunks as Prometheus makes them."""
    chunk_starts = np.arange(0, size.steps, _CHUNK_SAMPLES)
    first = (np.arange(size.series)[:, None] * size.steps + chunk_starts).ravel()
    ends = np.append(first[1:], size.series * size.steps)
    times_ms = START_MS + np.arange(size.series * size.steps) % size.steps * STEP_MS
    values = np.random.default_rng(1).uniform(1, 100, len(times_ms))
    data, data_ends = encode_xor(times_ms, values, first, ends)
    chunks = Chunks(
        data, data_ends, np.full(len(first), XOR, np.uint8), times_ms[first], times_ms[ends - 1]
    )
    labels = tuple(_labels(row) for row in range(size.series))
    return ChunkBatch(labels, (np.arange(size.series) + 1) * len(chunk_starts), chunks)


def test_frames(measure: Measure, size: Size, batch: ChunkBatch) -> None:
    groups = measure("remote read, frames", lambda: list(frames(batch, 0, _FRAME_BYTES)), _work(size))
    assert sum(map(len, groups)) > len(batch.chunks.data)


def test_samples(measure: Measure, size: Size, batch: ChunkBatch) -> None:
    """Decoding included."""

    def encoded() -> list[bytes]:
        answer = SamplesAnswer(1, _NO_LIMIT, _NO_LIMIT)
        answer.add(0, batch)
        return answer.finish()

    parts = measure("remote read, samples", encoded, _work(size))
    message = ReadResponse.FromString(snappy.decompress(b"".join(parts)))
    assert len(message.results[0].timeseries) == size.series
    assert len(message.results[0].timeseries[-1].samples) == size.steps


def _work(size: Size) -> Work:
    return Work(size.series, size.steps, size.series * size.steps)


def _labels(row: int) -> bytes:
    series = TimeSeries()
    for name, value in (
        ("__name__", "http_requests_total"),
        ("cluster", "eu-west-1"),
        ("code", "200"),
        ("handler", "/api/v1/items"),
        ("instance", f"shop-{row:05d}:9100"),
        ("job", "shop"),
        ("namespace", "production"),
    ):
        series.labels.add(name=name, value=value)
    return series.SerializeToString()
