"""Answers of the type SAMPLES, as the generated messages read them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
import snappy
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec import read_samples
from proxy.codec._pb.remote_pb2 import QueryResult, ReadResponse
from proxy.codec.histogram_pb import histogram_sample
from proxy.codec.read_samples import LARGEST_MESSAGE_BYTES, SamplesAnswer
from proxy.errors import BadUpstreamAnswerError, LimitError
from proxy.model.chunks import HISTOGRAM, XOR
from tests.chunks import ChunkOf, FloatSample, batch_of, labels_of, xor_chunk
from tests.codec.histograms import bits, golden_chunks

if TYPE_CHECKING:
    from proxy.codec._pb.types_pb2 import Histogram
    from proxy.model.chunks import ChunkBatch

NOW_MS = 1_700_000_000_000
STALE = struct.unpack("<d", bytes.fromhex("020000000000f07f"))[0]
A, B, C = (labels_of(name="a", x=x) for x in "123")
MANY = 10**9

times = st.lists(
    st.one_of(st.integers(-(1 << 60), 1 << 60), st.integers(NOW_MS, NOW_MS + 1000), st.just(0)),
    min_size=1,
    max_size=8,
    unique=True,
).map(sorted)
chunks = times.flatmap(
    lambda of_chunk: st.lists(st.floats(width=64), min_size=len(of_chunk), max_size=len(of_chunk)).map(
        lambda values: list(zip(of_chunk, values, strict=True))
    )
)


def answer_of(*results: list[ChunkBatch]) -> SamplesAnswer:
    answer = SamplesAnswer(len(results), MANY, MANY)
    for number, result in enumerate(results):
        for batch in result:
            answer.add(number, batch)
    return answer


def read(answer: SamplesAnswer) -> list[QueryResult]:
    body = b"".join(answer.finish())
    return list(ReadResponse.FromString(snappy.decompress(body)).results)


def floats(result: QueryResult) -> list[list[tuple[int, bytes]]]:
    """Each series' samples, the values as bits."""
    return [
        [(sample.timestamp, struct.pack("<d", sample.value)) for sample in series.samples]
        for series in result.timeseries
    ]


def as_bits(samples: list[FloatSample]) -> list[tuple[int, bytes]]:
    return [(time_ms, struct.pack("<d", value)) for time_ms, value in samples]


@given(st.lists(st.lists(chunks, min_size=1, max_size=3), max_size=4))
def test_every_time_and_every_bit_of_a_value_arrives(series: list[list[list[FloatSample]]]) -> None:
    batch = batch_of(
        {labels_of(name="a", n=str(n)): list(map(xor_chunk, of)) for n, of in enumerate(series)}
    )
    (result,) = read(answer_of([batch]))
    assert floats(result) == [as_bits(sum(of, [])) for of in series]  # noqa: RUF017
    labels = [[(label.name, label.value) for label in one.labels] for one in result.timeseries]
    assert labels == [[("__name__", "a"), ("n", str(n))] for n in range(len(series))]


@pytest.mark.parametrize(
    "samples",
    [
        [(NOW_MS, 0.0), (NOW_MS + 1, -0.0)],
        [(0, 1.0), (NOW_MS, STALE)],
        [(-1, float("nan")), (127, float("inf")), (128, 5e-324)],
        [((1 << 35) - 1, 1.0), (1 << 35, 2.0)],
    ],
)
def test_odd_times_and_values_arrive(samples: list[FloatSample]) -> None:
    (result,) = read(answer_of([batch_of({A: [xor_chunk(samples)]})]))
    assert floats(result) == [as_bits(samples)]


def test_a_common_answer_is_what_the_generated_message_would_be() -> None:
    samples = [(NOW_MS + 15_000 * n, n + 0.5) for n in range(5)]
    expected = ReadResponse()
    series = expected.results.add().timeseries.add()
    series.MergeFromString(A)
    for time_ms, value in samples:
        series.samples.add(timestamp=time_ms, value=value)
    body = b"".join(answer_of([batch_of({A: [xor_chunk(samples)]})]).finish())
    assert snappy.decompress(body) == expected.SerializeToString()


def test_queries_keep_their_order_and_those_without_series_their_place() -> None:
    one = batch_of({A: [xor_chunk([(1, 1.0)])]})
    two = batch_of({B: [xor_chunk([(2, 2.0)])]})
    three = batch_of({C: [xor_chunk([(3, 3.0)])]})
    results = read(answer_of([], [two, three], [], [one], []))
    assert [floats(result) for result in results] == [
        [],
        [as_bits([(2, 2.0)]), as_bits([(3, 3.0)])],
        [],
        [as_bits([(1, 1.0)])],
        [],
    ]


def test_without_queries_the_message_is_empty() -> None:
    assert b"".join(answer_of().finish()) == b"\0"


def test_series_without_samples_are_left_out() -> None:
    batch = batch_of({A: [], B: [xor_chunk([(1, 1.0)])], C: [(XOR, 0, 0, b"\0\0")]})
    (result,) = read(answer_of([batch]))
    assert floats(result) == [as_bits([(1, 1.0)])]


def test_large_batches_are_taken_by_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_samples, "_AT_ONCE_SAMPLES", 10)
    series = {
        labels_of(name="a", n=str(n)): [xor_chunk([(t, n) for t in range(n * 3 + 1)])] for n in range(6)
    }
    (result,) = read(answer_of([batch_of(series)]))
    assert [len(one.samples) for one in result.timeseries] == [1, 4, 7, 10, 13, 16]
    assert [one.samples[-1].value for one in result.timeseries] == [0, 1, 2, 3, 4, 5]


def test_native_histograms_arrive_beside_floats() -> None:
    golden = [chunk for chunk in golden_chunks() if chunk.samples]
    assert {chunk.kind for chunk in golden} == {2, 3}
    for chunk in golden:
        of_histograms: ChunkOf = (chunk.kind, 0, 0, chunk.payload)
        batch = batch_of(
            {
                A: [xor_chunk([(1, 1.0)])],
                B: [xor_chunk([(2, 2.0)]), of_histograms, xor_chunk([(3, 3.0)]), of_histograms],
                C: [of_histograms],
            }
        )
        (result,) = read(answer_of([batch]))
        assert floats(result) == [as_bits([(1, 1.0)]), as_bits([(2, 2.0), (3, 3.0)]), []]
        found = [[histogram(message) for message in one.histograms] for one in result.timeseries]
        wanted = [bits(sample) for sample in chunk.samples]
        assert found == [[], [*wanted, *wanted], wanted]


def histogram(message: Histogram) -> object:
    return bits(histogram_sample(message))


@pytest.mark.parametrize("kind", [XOR, HISTOGRAM])
@pytest.mark.parametrize("payload", [b"\0\x05", b"\0\x05\0\0\0\0\0", b"\xff\xff\0\1\2\3\4\5\6\7"])
def test_a_malformed_chunk_is_the_upstreams_fault(kind: int, payload: bytes) -> None:
    batch = batch_of({A: [xor_chunk([(1, 1.0)])], B: [(kind, 0, 1, payload)]})
    with pytest.raises(BadUpstreamAnswerError, match="the upstream sent a chunk that is none"):
        answer_of([batch])


def test_samples_are_counted_before_they_are_decoded() -> None:
    answer = SamplesAnswer(2, max_samples=3, max_bytes=MANY)
    answer.add(0, batch_of({A: [xor_chunk([(1, 1.0), (2, 1.0)])]}))
    answer.add(1, batch_of({A: [xor_chunk([(1, 1.0)])]}))
    with pytest.raises(LimitError) as raised:
        answer.add(1, batch_of({A: [(XOR, 1, 1, b"\0\1")]}))  # its samples are not there
    text = str(raised.value)
    assert "more than 3 samples, see --remote-read.max-plain-samples" in text
    assert "accept STREAMED_XOR_CHUNKS" in text


def test_bytes_are_limited_before_compression() -> None:
    batch = batch_of({A: [xor_chunk([(n, 0.0) for n in range(100)])]})
    size = len(snappy.decompress(b"".join(answer_of([batch]).finish()))) - 3  # the result's own length
    exact = SamplesAnswer(2, MANY, size)
    exact.add(0, batch)
    with pytest.raises(LimitError, match=f"more than {size} bytes, see --remote-read.max-response-"):
        exact.add(1, batch)
    with pytest.raises(LimitError):
        SamplesAnswer(1, MANY, size - 1).add(0, batch)


def test_no_setting_allows_more_than_a_message_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LARGEST_MESSAGE_BYTES == (1 << 31) - 1
    monkeypatch.setattr(read_samples, "LARGEST_MESSAGE_BYTES", 100)
    with pytest.raises(LimitError, match="more than 100 bytes"):
        SamplesAnswer(1, MANY, MANY).add(0, batch_of({A: [xor_chunk([(n, 0.0) for n in range(9)])]}))
