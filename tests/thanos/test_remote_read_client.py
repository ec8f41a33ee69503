"""The slow client reads from a real Prometheus exactly what was written to it, in both types."""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from proxy.codec._pb.types_pb2 import Chunk
from tests.thanos import remote_write
from tests.thanos.prometheus import PrometheusServer
from tests.thanos.remote_read_client import (
    RemoteReadError,
    crc32c,
    decode_xor,
    equal,
    frames,
    query,
    read_samples,
    read_streamed,
    regex,
    uvarint,
)
from tests.thanos.samples import sample_series
from tests.thanos.series import METRIC_NAME
from tests.thanos.timeline import DAY_MS, HOUR_MS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.thanos.remote_read_client import FloatSample, ReadSeries
    from tests.thanos.series import RawSeries

END_MS = 1_790_000_000_000
ONE_BLOCK = (
    "--storage.tsdb.min-block-duration=60d",
    "--storage.tsdb.max-block-duration=60d",
)


@pytest.fixture(scope="module")
def written() -> list[RawSeries]:
    """All sample series but the one without a name, which Prometheus refuses."""
    return [one for one in sample_series(END_MS) if METRIC_NAME in dict(one.labels)]


@pytest.fixture(scope="module")
def source(written: list[RawSeries]) -> Iterator[PrometheusServer]:
    with PrometheusServer(flags=ONE_BLOCK) as prometheus:
        remote_write.write(prometheus.write_url, written)
        yield prometheus


def bits(samples: Sequence[FloatSample]) -> list[tuple[int, bytes]]:
    return [(time_ms, struct.pack(">d", value)) for time_ms, value in samples]


def without_signs_of_zeros(samples: Sequence[FloatSample]) -> list[tuple[int, bytes]]:
    """Prometheus's own server leaves the value out where it equals 0, and -0 does."""
    return bits([(time_ms, value if value != 0 else 0.0) for time_ms, value in samples])


def by_labels(found: Sequence[ReadSeries]) -> list[ReadSeries]:
    return sorted(found, key=lambda one: one.labels)


@pytest.fixture(scope="module")
def everything(source: PrometheusServer) -> tuple[list[ReadSeries], list[ReadSeries]]:
    """As samples and as chunks."""
    asked = query(END_MS - 5 * DAY_MS, END_MS, regex(METRIC_NAME, ".+"))
    [samples], [streamed] = read_samples(source.read_url, asked), read_streamed(source.read_url, asked)
    return by_labels(samples), by_labels(streamed)


@pytest.mark.thanos
def test_what_is_read_is_what_was_written(
    everything: tuple[list[ReadSeries], list[ReadSeries]], written: list[RawSeries]
) -> None:
    samples, streamed = everything
    wanted = sorted(written, key=lambda one: one.labels)
    for series, sampled, chunked in zip(wanted, samples, streamed, strict=True):
        assert sampled.labels == chunked.labels == series.labels
        floats = list(zip(series.timestamps_ms.tolist(), series.values.tolist(), strict=True))
        assert bits(chunked.floats) == bits(floats)
        assert bits(sampled.floats) == without_signs_of_zeros(floats)
        assert [h.timestamp for h in sampled.histograms] == [h.timestamp_ms for h in series.histograms]
        assert [h.count_int or h.count_float for h in sampled.histograms] == [
            h.count for h in series.histograms
        ]
        assert [bits([(0, h.sum)]) for h in sampled.histograms] == [
            bits([(0, h.sum)]) for h in series.histograms
        ]


@pytest.mark.thanos
def test_chunks_of_all_kinds_were_read(
    everything: tuple[list[ReadSeries], list[ReadSeries]],
) -> None:
    _, streamed = everything
    kinds = {chunk.type for series in streamed for chunk in series.chunks}
    assert kinds == {Chunk.XOR, Chunk.HISTOGRAM, Chunk.FLOAT_HISTOGRAM}


@pytest.mark.thanos
def test_several_queries_are_answered_in_order(source: PrometheusServer) -> None:
    queries = [
        query(END_MS - HOUR_MS, END_MS, equal(METRIC_NAME, name))
        for name in ("sparse", "nothing", "constant")
    ]
    for results in (read_samples(source.read_url, *queries), read_streamed(source.read_url, *queries)):
        names = [[dict(series.labels)[METRIC_NAME] for series in result] for result in results]
        assert names == [["sparse"], [], ["constant"]]


@pytest.mark.thanos
def test_a_refusal_carries_status_and_words(source: PrometheusServer) -> None:
    with pytest.raises(RemoteReadError, match="error parsing regexp") as refused:
        read_samples(source.read_url, query(END_MS, END_MS, regex("a", "(")))
    assert refused.value.status in {400, 500}


def test_the_checksum_is_castagnoli_s() -> None:
    assert crc32c(b"123456789") == 0xE3069283


def test_a_frame_that_is_cut_or_spoilt_is_refused() -> None:
    message = b"\x10\x05"  # query_index: 5
    frame = bytes([len(message)]) + crc32c(message).to_bytes(4, "big") + message
    assert [one.query_index for one in frames(frame + frame)] == [5, 5]
    with pytest.raises(ValueError, match="of 2 bytes ends after 1"):
        list(frames(frame[:-1]))
    with pytest.raises(ValueError, match="checksum"):
        list(frames(frame[:-1] + b"\x06"))


def test_a_chunk_that_ends_too_early_is_refused() -> None:
    with pytest.raises(ValueError, match="ends too early"):
        decode_xor(b"\x00\x02" + bytes(9))


def test_a_length_has_seven_bits_a_byte() -> None:
    assert uvarint(b"\x00\xac\x02\x01", 1) == (300, 3)


@pytest.mark.parametrize("step_ms", [1, 8_191, 8_192, 8_193, 65_536, 524_288, 10**12])
def test_a_chunk_of_prometheus_s_own_source_is_decoded_at_every_size_of_step(step_ms: int) -> None:
    """Times whose second differences sit at the edges of the sizes that the format has."""
    times = [0, 1000, 2000 + step_ms, 3000 + 2 * step_ms, 4000 + 2 * step_ms]
    assert [time_ms for time_ms, _ in decode_xor(encoded_times(times))] == times
    assert np.all(np.diff(times) >= 0)


def encoded_times(times: Sequence[int]) -> bytes:
    """An XOR chunk with these times and zeros, written from the format's description."""
    text = f"{len(times):016b}" + "00000000" + "0" * 64  # the first time is 0
    delta_ms = times[1] - times[0]
    text += "".join(f"{byte:08b}" for byte in uvarint_of(delta_ms)) + "0"
    for before, after in itertools.pairwise(times[1:]):
        change, delta_ms = after - before - delta_ms, after - before
        text += second_difference(change) + "0"
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def second_difference(change: int) -> str:
    if change == 0:
        return "0"
    for prefix, size in (("10", 14), ("110", 17), ("1110", 20)):
        half = 1 << (size - 1)
        if -half < change <= half:
            return prefix + f"{change % (1 << size):0{size}b}"
    return "1111" + f"{change % (1 << 64):064b}"


def uvarint_of(value: int) -> bytes:
    groups = []
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
