"""Requests of remote-read clients, good ones and all kinds of bad ones."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
import snappy
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec._pb import remote_pb2
from proxy.codec._pb.remote_pb2 import Query
from proxy.codec._pb.types_pb2 import LabelMatcher
from proxy.codec._pb.types_pb2 import ReadHints as ReadHintsMessage
from proxy.codec.protobuf import uvarint
from proxy.codec.read_request import ReadRequest, ResponseType, parse_read_request
from proxy.errors import BadDataError
from proxy.model.read_query import Matcher, MatchType, ReadHints, ReadQuery

if TYPE_CHECKING:
    from collections.abc import Sequence

MEGABYTE = 1 << 20
UP = LabelMatcher(type=LabelMatcher.EQ, name="__name__", value="up")


def compressed(message: bytes) -> bytes:
    block: bytes = snappy.compress(message)
    return block


def request_of(*queries: Query, types: Sequence[int] = ()) -> bytes:
    message = remote_pb2.ReadRequest(queries=queries, accepted_response_types=types)  # type: ignore[arg-type]
    return compressed(message.SerializeToString())


def asked(**changes: Any) -> Query:
    """A good query, a few fields changed."""
    fields = {"start_timestamp_ms": 1000, "end_timestamp_ms": 2000, "matchers": [UP], **changes}
    return Query(**fields)


def parsed(body: bytes, max_bytes: int = MEGABYTE, max_queries: int = 10) -> ReadRequest:
    return parse_read_request(body, max_bytes, max_queries)


def refusal(body: bytes, max_bytes: int = MEGABYTE) -> str:
    with pytest.raises(BadDataError) as raised:
        parsed(body, max_bytes)
    return str(raised.value)


def test_a_request_as_prometheus_sends_it_is_understood() -> None:
    hints = ReadHintsMessage(
        start_ms=1, end_ms=2, step_ms=30, func="rate", range_ms=300, grouping=["a"], by=True
    )
    matchers = [
        UP,
        LabelMatcher(type=LabelMatcher.NEQ, name="a", value=""),
        LabelMatcher(type=LabelMatcher.RE, name="b", value="x|ü.*"),
        LabelMatcher(type=LabelMatcher.NRE, name="c", value="("),  # the upstream judges it
    ]
    query = asked(matchers=matchers, hints=hints)
    assert parsed(request_of(query, types=[1, 0])) == ReadRequest(
        queries=(
            ReadQuery(
                start_ms=1000,
                end_ms=2000,
                matchers=(
                    Matcher(MatchType.EQUAL, "__name__", "up"),
                    Matcher(MatchType.NOT_EQUAL, "a", ""),
                    Matcher(MatchType.REGEX, "b", "x|ü.*"),
                    Matcher(MatchType.NOT_REGEX, "c", "("),
                ),
                hints=ReadHints("rate", 30, 300),
            ),
        ),
        response_type=ResponseType.STREAMED_XOR_CHUNKS,
    )


def test_several_queries_keep_their_order() -> None:
    body = request_of(*(asked(start_timestamp_ms=n) for n in (5, 3, 4)))
    assert [query.start_ms for query in parsed(body).queries] == [5, 3, 4]


@pytest.mark.parametrize("times", [(5, 5), (-(1 << 63), (1 << 63) - 1), (-2, -1)])
def test_any_two_times_in_order_are_taken(times: tuple[int, int]) -> None:
    (query,) = parsed(request_of(asked(start_timestamp_ms=times[0], end_timestamp_ms=times[1]))).queries
    assert (query.start_ms, query.end_ms) == times


def test_no_queries_are_a_question_without_an_answer() -> None:
    assert parsed(compressed(b"")) == ReadRequest((), ResponseType.SAMPLES)


@pytest.mark.parametrize(
    ("types", "chosen"),
    [
        ([], ResponseType.SAMPLES),
        ([0], ResponseType.SAMPLES),
        ([1], ResponseType.STREAMED_XOR_CHUNKS),
        ([0, 1], ResponseType.SAMPLES),
        ([7, 1, 0], ResponseType.STREAMED_XOR_CHUNKS),
    ],
)
def test_the_first_type_that_we_have_is_chosen(types: list[int], chosen: ResponseType) -> None:
    assert parsed(request_of(asked(), types=types)).response_type is chosen


def test_only_unknown_types_are_refused_in_prometheuss_words() -> None:
    assert refusal(request_of(asked(), types=[7, 9])) == (
        "server does not support any of the requested response types: [7 9]; supported: "
        "[SAMPLES STREAMED_XOR_CHUNKS]"
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "the body is empty"),
        (b"\xff\x06\x00\x00sNaPpY\x01", "framing format"),
        (b"query=up&start=0", "not a snappy block"),
        (b"\x80\x80\x80\x80\x80\x80", "not a snappy block"),
        (b"\x05\x00a", "not a snappy block"),
        (request_of(asked())[:-1], "not a snappy block, or not all of it"),
        (request_of(asked()) + b"x", "not a snappy block"),
        (compressed(b"\x0a\x05\x1a"), "not a prometheus.ReadRequest in protobuf: Wire format"),
        (compressed(b"hello, world"), "not a prometheus.ReadRequest in protobuf"),
        (compressed(b"\x0a\x06\x1a\x04\x12\x02\xff\xff"), "String field had bad UTF-8"),
    ],
)
def test_what_is_no_request_is_refused_with_the_reason(body: bytes, text: str) -> None:
    assert text in refusal(body)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (asked(matchers=[]), "queries[1] has no matchers"),
        (asked(start_timestamp_ms=2001), "queries[1] ends (2000) before it starts (2001)"),
        (asked(matchers=[UP, LabelMatcher(value="x")]), "queries[1].matchers[1] has no label name"),
        (
            asked(matchers=[LabelMatcher(type=4, name="a")]),  # type: ignore[arg-type]
            "queries[1].matchers[0] is of the unknown type 4; use 0 (=), 1 (!=), 2 (=~) or 3 (!~)",
        ),
        (asked(matchers=[UP] * 1001), "queries[1] has 1001 matchers, more than 1000"),
    ],
)
def test_a_query_that_makes_no_sense_is_named(query: Query, text: str) -> None:
    assert text in refusal(request_of(asked(), query))


def test_too_many_queries_are_refused() -> None:
    assert len(parsed(request_of(*[asked()] * 10)).queries) == 10
    assert "11 queries, more than --remote-read.max-queries=10" in refusal(request_of(*[asked()] * 11))


def test_the_limit_is_for_what_comes_out_of_snappy() -> None:
    message = remote_pb2.ReadRequest(queries=[asked()]).SerializeToString()
    body = compressed(message)
    assert parsed(body, max_bytes=len(message)).queries
    text = refusal(body, max_bytes=len(message) - 1)
    assert f"claims {len(message)} bytes" in text
    assert f"--remote-read.max-request-bytes={len(message) - 1}" in text


@pytest.mark.parametrize("claimed_bytes", [100 * MEGABYTE, (1 << 32) - 1])
def test_a_bomb_is_refused_before_it_is_inflated(
    claimed_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    inflated: list[bytes] = []
    monkeypatch.setattr(snappy, "decompress", inflated.append)
    assert "claims" in refusal(uvarint(claimed_bytes) + b"\x00a" + b"\xfe\x01\x00" * 1000)
    assert not inflated


@pytest.mark.parametrize("size_bytes", [2, 10, 1000, MEGABYTE])
def test_garbage_of_any_length_is_refused(size_bytes: int) -> None:
    assert refusal(random.Random(1).randbytes(size_bytes))


@given(st.binary(max_size=200))
def test_nothing_but_our_own_error_comes_out_of_garbage(garbage: bytes) -> None:
    for body in (garbage, compressed(garbage), compressed(b"\x0a" + bytes([len(garbage)]) + garbage)):
        try:
            parsed(body)
        except BadDataError as error:
            assert str(error)  # noqa: PT017  either is right, any other error is not
