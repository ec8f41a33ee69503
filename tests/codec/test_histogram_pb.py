"""Native histograms as protobuf messages: the bytes are Prometheus's, and nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec._pb.types_pb2 import Histogram
from proxy.codec.chunk_error import ChunkError
from proxy.codec.histogram_pb import histogram_message, histogram_sample
from tests.codec.histograms import GoldenChunk, bits, golden_chunks, series

GOLDEN = pytest.mark.parametrize(
    "chunk",
    [chunk for chunk in golden_chunks() if chunk.samples],
    ids=lambda chunk: chunk.title,
)


@GOLDEN
def test_a_message_is_written_as_prometheus_writes_it(chunk: GoldenChunk) -> None:
    assert histogram_message(chunk.samples[-1]).SerializeToString() == chunk.message


@GOLDEN
def test_a_message_of_prometheus_is_read_as_the_sample_that_it_was(chunk: GoldenChunk) -> None:
    read = histogram_sample(Histogram.FromString(chunk.message))
    assert bits(read) == bits(chunk.samples[-1])


@given(st.booleans(), st.data())
def test_a_message_holds_all_of_a_sample(is_float: bool, data: st.DataObject) -> None:
    for sample in data.draw(series(is_float)):
        message = Histogram.FromString(histogram_message(sample).SerializeToString())
        assert bits(histogram_sample(message)) == bits(sample)


def test_counts_of_nothing_are_written_and_say_of_which_kind_the_histogram_is() -> None:
    empty = Histogram(count_float=0.0)
    assert histogram_sample(empty).is_float
    assert not histogram_sample(Histogram(count_int=0)).is_float
    message = histogram_message(histogram_sample(empty))
    assert message.WhichOneof("count") == "count_float"
    assert message.WhichOneof("zero_count") == "zero_count_float"


def test_differences_that_do_not_fit_into_64_bits_wrap_around() -> None:
    message = Histogram(count_int=1, positive_deltas=[2**63 - 1, 1])
    message.positive_spans.add(length=2)
    sample = histogram_sample(message)
    assert sample.positive_buckets == (2**63 - 1, -(2**63))
    assert histogram_message(sample).positive_deltas == [2**63 - 1, 1]


@pytest.mark.parametrize(
    "message",
    [
        Histogram(count_int=1, positive_deltas=[1]),
        Histogram(count_float=1, negative_counts=[1]),
        Histogram(count_float=1, positive_deltas=[1], positive_spans=[{"length": 1}]),
    ],
    ids=["no spans", "no spans of floats", "counts of the other kind"],
)
def test_buckets_must_be_as_many_as_the_spans_say(message: Histogram) -> None:
    with pytest.raises(ChunkError, match="than its spans"):
        histogram_sample(message)
