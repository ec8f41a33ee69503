"""The body of `POST /api/v1/read`: a snappy block that holds a `prometheus.ReadRequest`.

Whatever is wrong with it is a `BadDataError`, 400 as in Prometheus (storage/remote/codec.go,
DecodeReadRequest; read_handler.go), with a sentence that says what to change.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import snappy
from google.protobuf.message import DecodeError

from proxy.codec._pb import remote_pb2
from proxy.codec.protobuf import read_uvarint
from proxy.errors import BadDataError
from proxy.model.read_query import Matcher, MatchType, ReadHints, ReadQuery

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.codec._pb.remote_pb2 import Query
    from proxy.codec._pb.types_pb2 import LabelMatcher

_LENGTH_BYTES = 5  # snappy's lengths have 32 bits
_MOST_MATCHERS = 1_000
_SHOWN_TYPES = 10
_FRAMED = b"\xff\x06\x00\x00sNaPpY"


class ResponseType(IntEnum):
    """How a client wants its answer (`ReadRequest.ResponseType`)."""

    SAMPLES = 0
    STREAMED_XOR_CHUNKS = 1


_RESPONSE_TYPES: dict[int, ResponseType] = {kind.value: kind for kind in ResponseType}
_MATCH_TYPES: dict[int, MatchType] = {kind.value: kind for kind in MatchType}


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What is asked, in the client's order, and the first of its response types that we have."""

    queries: tuple[ReadQuery, ...]
    response_type: ResponseType


def parse_read_request(body: bytes, max_bytes: int, max_queries: int) -> ReadRequest:
    """Read a request.

    Args:
        body: the compressed body.
        max_bytes: of the body after decompression; a longer one is refused before.
        max_queries: in one request.

    Raises:
        BadDataError: the request cannot be understood, or is larger than it may be.
    """
    try:
        message = remote_pb2.ReadRequest.FromString(_decompressed(body, max_bytes))
    except DecodeError as error:
        reason = str(error).rpartition(": ")[2]
        raise BadDataError(f"the body is not a prometheus.ReadRequest in protobuf: {reason}") from error
    if len(message.queries) > max_queries:
        raise BadDataError(
            f"the request has {len(message.queries)} queries, more than "
            f"--remote-read.max-queries={max_queries}; send several requests"
        )
    response_type = _negotiated(message.accepted_response_types)
    queries = tuple(_query(number, query) for number, query in enumerate(message.queries))
    return ReadRequest(queries, response_type)


def _decompressed(body: bytes, max_bytes: int) -> bytes:
    if not body:
        raise BadDataError("the body is empty; send a snappy-compressed prometheus.ReadRequest")
    if body.startswith(_FRAMED):
        raise BadDataError("the body is in snappy's framing format; send a snappy block")
    length = read_uvarint(body, _LENGTH_BYTES)
    if length and length[0] > max_bytes:
        raise BadDataError(
            f"the body claims {length[0]} bytes after decompression (or is no snappy block), more "
            f"than --remote-read.max-request-bytes={max_bytes}"
        )
    try:
        decompressed: bytes = snappy.decompress(body)
    except snappy.UncompressError as error:
        raise BadDataError(
            "the body is not a snappy block, or not all of it; send a snappy-compressed "
            "prometheus.ReadRequest"
        ) from error
    return decompressed


def _negotiated(accepted: Iterable[int]) -> ResponseType:
    """Prometheus, `NegotiateResponseType`; an empty list comes from clients older than the choice."""
    wanted = list(accepted)
    if not wanted:
        return ResponseType.SAMPLES
    for number in wanted:
        if number in _RESPONSE_TYPES:
            return _RESPONSE_TYPES[number]
    supported = " ".join(kind.name for kind in ResponseType)
    raise BadDataError(
        "server does not support any of the requested response types: "
        f"[{' '.join(map(str, wanted[:_SHOWN_TYPES]))}]; supported: [{supported}]"
    )


def _query(number: int, query: Query) -> ReadQuery:
    name = f"queries[{number}]"
    start_ms, end_ms = query.start_timestamp_ms, query.end_timestamp_ms
    if end_ms < start_ms:
        raise BadDataError(f"{name} ends ({end_ms}) before it starts ({start_ms}), in milliseconds")
    if not query.matchers:
        raise BadDataError(f"{name} has no matchers; name a metric or another label")
    if len(query.matchers) > _MOST_MATCHERS:
        raise BadDataError(
            f"{name} has {len(query.matchers)} matchers, more than {_MOST_MATCHERS}; use a regular "
            "expression"
        )
    hints = query.hints
    return ReadQuery(
        start_ms=start_ms,
        end_ms=end_ms,
        matchers=tuple(
            _matcher(f"{name}.matchers[{index}]", matcher)
            for index, matcher in enumerate(query.matchers)
        ),
        hints=ReadHints(hints.func, hints.step_ms, hints.range_ms),
    )


def _matcher(name: str, matcher: LabelMatcher) -> Matcher:
    if not matcher.name:
        raise BadDataError(f"{name} has no label name")
    if matcher.type not in _MATCH_TYPES:
        raise BadDataError(
            f"{name} is of the unknown type {matcher.type}; use 0 (=), 1 (!=), 2 (=~) or 3 (!~)"
        )
    return Matcher(_MATCH_TYPES[matcher.type], matcher.name, matcher.value)
