"""Remote read as a client sees it: answers, refusals, limits."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import snappy

from proxy.codec._pb.remote_pb2 import ReadResponse
from proxy.codec.go_json import error_body
from proxy.codec.protobuf import uvarint
from proxy.engine.gate import GatePolicy
from proxy.errors import (
    LimitError,
    QueryError,
    QueryTimeoutError,
    UpstreamAnswerError,
    UpstreamUnreachableError,
)
from proxy.telemetry.book import requests_in_flight
from proxy.telemetry.registry import REGISTRY
from tests.api.reading import (
    LIMITS,
    MEGABYTE,
    SAMPLES,
    STREAMED,
    STREAMED_TYPE,
    Server,
    body_of,
    floats,
    raw_request,
    reading,
    series,
)
from tests.clients import Answer, raw_exchange
from tests.thanos.remote_read_client import decode_xor
from tests.thanos.remote_read_client import frames as read_frames

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

THREE = floats(3)
"""The samples of `series`."""


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with reading() as started:
        scripts = started.reads.scripts
        scripts["a"] = lambda: [series("a1"), series("a2")]
        scripts["b"] = lambda: [series("b1")]
        yield started


def streamed(answer: Answer) -> list[tuple[int, str, list[tuple[int, float]]]]:
    """Of each frame the query, the metric and the samples."""
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == STREAMED_TYPE
    assert "Content-Encoding" not in answer.headers
    found = []
    for frame in read_frames(answer.body):
        (one,) = frame.chunked_series
        samples = [sample for chunk in one.chunks for sample in decode_xor(chunk.data)]
        found.append((frame.query_index, one.labels[0].value, samples))
    return found


def sampled(answer: Answer) -> list[list[tuple[str, list[tuple[int, float]]]]]:
    """For each query the series' metrics and samples."""
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "application/x-protobuf"
    assert answer.headers["Content-Encoding"] == "snappy"
    response = ReadResponse.FromString(snappy.decompress(answer.body))
    return [
        [
            (one.labels[0].value, [(s.timestamp, s.value) for s in one.samples])
            for one in result.timeseries
        ]
        for result in response.results
    ]


def refused(answer: Answer) -> tuple[int, str]:
    """Status and sentence of a refusal in the form in which Prometheus refuses."""
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Server"] == "thanoxy"
    assert answer.body.endswith(b"\n")
    return answer.status, answer.body.decode().removesuffix("\n")


# ── answers ─────────────────────────────────────────────────────────────────────────────────


async def test_chunks_are_streamed_in_the_order_of_queries_and_series(server: Server) -> None:
    answer = await server.post(body_of("a", "nothing", "b", "a"))
    assert streamed(answer) == [
        (0, "a1", THREE),
        (0, "a2", THREE),
        (2, "b1", THREE),
        (3, "a1", THREE),
        (3, "a2", THREE),
    ]
    assert answer.headers["Server"] == "thanoxy"
    assert server.reads.most_running == 1


async def test_samples_are_one_compressed_message(server: Server) -> None:
    answer = await server.post(body_of("a", "nothing", "b", types=[SAMPLES]))
    assert sampled(answer) == [[("a1", THREE), ("a2", THREE)], [], [("b1", THREE)]]
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.headers["Server"] == "thanoxy"


async def test_the_clients_first_choice_counts(server: Server) -> None:
    assert streamed(await server.post(body_of("b", types=[9, STREAMED, SAMPLES])))
    assert sampled(await server.post(body_of("b", types=[SAMPLES, STREAMED])))
    assert sampled(await server.post(body_of("b", types=[])))


async def test_no_queries_and_no_series_are_answers_too(server: Server) -> None:
    assert streamed(await server.post(body_of())) == []
    assert streamed(await server.post(body_of("nothing"))) == []
    assert sampled(await server.post(body_of(types=[SAMPLES]))) == []
    assert sampled(await server.post(body_of("nothing", types=[SAMPLES]))) == [[]]


@pytest.mark.parametrize("kind", [STREAMED, SAMPLES])
async def test_a_large_answer_arrives_whole(server: Server, kind: int) -> None:
    server.reads.scripts["large"] = lambda: (series(f"m{n}", samples=1500) for n in range(40))
    answer = await server.post(body_of("large", types=[kind]))
    assert len(answer.body) > MEGABYTE // 2
    if kind == SAMPLES:
        assert answer.headers["Content-Length"] == str(len(answer.body))
        found = sampled(answer)[0]
    else:
        assert "Content-Length" not in answer.headers
        found = [(metric, samples) for _, metric, samples in streamed(answer)]
    assert found == [(f"m{n}", floats(1500)) for n in range(40)]


async def test_a_series_goes_on_in_the_next_frame_where_the_setting_says_so() -> None:
    async with reading(limits=replace(LIMITS, frame_bytes=1)) as server:
        server.reads.scripts["a"] = lambda: [series("a1", samples=250)]
        found = streamed(await server.post(body_of("a")))
        assert [len(samples) for _, _, samples in found] == [100, 100, 50]


async def test_the_query_and_the_callers_headers_reach_the_engine(server: Server) -> None:
    await server.post(body_of("a"), THANOS_TENANT="team", Authorization="Bearer x")
    ((query, caller),) = server.reads.asked
    assert (query.start_ms, query.end_ms, query.matchers[0].value) == (0, 10_000, "a")
    named = {name.title(): value for name, value in caller.pairs}
    assert (named["Thanos-Tenant"], named["Authorization"]) == ("team", "Bearer x")
    assert not named.keys() & {"Content-Encoding", "Content-Type", "Content-Length", "Host"}


@pytest.mark.parametrize("encoding", ["snappy", "Snappy", " snappy "])
async def test_snappy_may_be_named_in_any_case(server: Server, encoding: str) -> None:
    assert streamed(await server.post(body_of("b"), Content_Encoding=encoding))


async def test_snappy_need_not_be_named(server: Server) -> None:
    """Prometheus's handler does not look at the header either."""
    head = b"POST /api/v1/read HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    body = body_of("b")
    received = await raw_exchange(server.url, head % len(body) + body)
    assert received.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("kind", ["STREAMED_XOR_CHUNKS", "SAMPLES"])
async def test_what_was_sent_is_counted(server: Server, kind: str) -> None:
    def counts() -> list[float]:
        names = ("queries", "series", "chunks", "samples", "sent_bytes")
        values = [
            REGISTRY.get_sample_value(f"thanoxy_remote_read_{name}_total", {"type": kind})
            for name in names
        ]
        return [value or 0 for value in values]

    before = counts()
    answer = await server.post(body_of("a", "b", types=[STREAMED if "XOR" in kind else SAMPLES]))
    difference = [b - a for a, b in zip(before, counts(), strict=True)]
    assert difference == [2, 3, 3, 9, len(answer.body)]


# ── refusals ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "the body is empty"),
        (b"\x05\x00a", "not a snappy block"),
        (body_of("a")[:-3], "not a snappy block, or not all of it"),
        (snappy.compress(b"hello, world"), "not a prometheus.ReadRequest"),
        (snappy.compress(b"\x0a\x00"), "queries[0] has no matchers"),
        (body_of("a", types=[9]), "does not support any of the requested response types"),
        (body_of(*"abcdefghijk"), "11 queries"),
        (uvarint(1 << 31) + b"\x00a", "claims 2147483648 bytes"),
    ],
)
async def test_a_bad_request_is_a_400_that_prometheus_can_print(
    server: Server, body: bytes, text: str
) -> None:
    status, sentence = refused(await server.post(body))
    assert status == 400
    assert text in sentence
    assert "\n" not in sentence
    assert not server.reads.asked


async def test_another_encoding_is_refused(server: Server) -> None:
    status, sentence = refused(await server.post(body_of("a"), Content_Encoding="gzip"))
    assert (status, sentence) == (400, "the body's Content-Encoding is gzip; compress it with snappy")


async def test_an_encoding_that_is_no_text_is_refused_in_text(server: Server) -> None:
    head = (
        b"POST /api/v1/read HTTP/1.1\r\nHost: x\r\nContent-Encoding: gz\xcdp\r\nContent-Length: 0\r\n"
    )
    received = await raw_exchange(server.url, head + b"Connection: close\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"Content-Encoding is gz?p;" in received


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_hundred_megabytes_of_garbage_are_refused(server: Server, is_announced: bool) -> None:
    async def garbage() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(range(256)) * 4096

    headers = {"Content_Length": str(100 * MEGABYTE)} if is_announced else {}
    status, sentence = refused(await server.post(garbage(), **headers))
    assert status == 400
    assert "larger than 1048576 bytes (--remote-read.max-request-bytes)" in sentence
    assert streamed(await server.post(body_of("b")))


async def test_a_body_that_is_never_complete_is_no_request(server: Server) -> None:
    request = raw_request(body_of("a"))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request[:-2])
    writer.write_eof()
    assert b" 200 " not in await reader.read()
    writer.close()
    assert not server.reads.asked
    assert streamed(await server.post(body_of("b")))


@pytest.mark.parametrize("rest", [b"xyz\r\n", b""], ids=["broken", "never sent"])
async def test_a_body_that_does_not_arrive_in_time_is_refused(rest: bytes) -> None:
    head = b"POST /api/v1/read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with reading(limits=replace(LIMITS, max_stall_ms=100)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head + b"5\r\nhello\r\n")
        await server.until(lambda: requests_in_flight() == 1)
        writer.write(rest)
        assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
        writer.close()
        await server.until(lambda: requests_in_flight() == 0)
        assert not server.reads.asked


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_only_a_post_is_answered(server: Server, method: str) -> None:
    async with server.session.request(method, f"{server.url}/api/v1/read") as response:
        answer = Answer(response.status, response.headers, await response.read())
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"
    if method != "HEAD":
        assert "asked with POST" in refused(answer)[1]


@pytest.mark.parametrize("kind", [STREAMED, SAMPLES])
@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (UpstreamUnreachableError("no connection"), 502, "no connection"),
        (QueryTimeoutError("too slow"), 503, "too slow"),
        (QueryError("odd"), 500, "odd"),
        (UpstreamAnswerError(422, (), error_body("execution", "a <b> c")), 422, "a <b> c"),
        (UpstreamAnswerError(401, (), b"who are you?\n"), 401, "who are you?"),
    ],
)  # fmt: skip
async def test_an_error_before_the_answer_has_its_own_status(
    server: Server, kind: int, error: Exception, status: int, sentence: str
) -> None:
    server.reads.scripts["bad"] = lambda: [error]
    assert refused(await server.post(body_of("bad", types=[kind]))) == (status, sentence)


@pytest.mark.parametrize("kind", [STREAMED, SAMPLES])
async def test_so_has_an_error_while_the_answer_is_short(server: Server, kind: int) -> None:
    server.reads.scripts["bad"] = lambda: [series("x"), LimitError("too much")]
    assert refused(await server.post(body_of("a", "bad", types=[kind]))) == (422, "too much")


# ── limits ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("limit", "kind", "text"),
    [
        ({"max_series": 2}, STREAMED, "more than 2 series (--remote-read.max-series)"),
        ({"max_series": 2}, SAMPLES, "more than 2 series (--remote-read.max-series)"),
        ({"max_samples": 8}, STREAMED, "more than 8 samples (--remote-read.max-samples)"),
        ({"max_plain_samples": 8}, SAMPLES, "more than 8 samples, see --remote-read.max-plain-"),
        ({"max_bytes": 200}, STREAMED, "more than 200 bytes (--remote-read.max-response-bytes)"),
        ({"max_bytes": 200}, SAMPLES, "more than 200 bytes, see --remote-read.max-response-bytes"),
    ],
)
async def test_an_answer_beyond_a_limit_is_refused_with_the_settings_name(
    limit: dict[str, int], kind: int, text: str
) -> None:
    """All queries of a request count together."""
    async with reading(limits=replace(LIMITS, **limit)) as server:
        server.reads.scripts["a"] = lambda: [series("a1"), series("a2")]
        server.reads.scripts["b"] = lambda: [series("b1"), series("b2")]
        assert (await server.post(body_of("a", types=[kind]))).status == 200
        status, sentence = refused(await server.post(body_of("a", "b", types=[kind])))
        assert status == 422
        assert text in sentence
        assert server.reads.running == 0


@pytest.mark.parametrize(
    ("limit", "kind"), [({"max_samples": 8}, SAMPLES), ({"max_plain_samples": 8}, STREAMED)]
)
async def test_each_type_has_its_own_limit_of_samples(limit: dict[str, int], kind: int) -> None:
    async with reading(limits=replace(LIMITS, **limit)) as server:
        server.reads.scripts["a"] = lambda: [series("a1", samples=100)]
        assert (await server.post(body_of("a", types=[kind]))).status == 200


async def test_at_most_so_many_are_answered_at_once_and_the_rest_is_told_to_come_again() -> None:
    may_go_on = asyncio.Event()
    policy = GatePolicy(max_running=2, max_tenant_running=1, max_waiting=0, max_wait_ms=2500)
    async with reading(policy) as server:
        server.reads.scripts["slow"] = lambda: [may_go_on, series("a")]
        async with asyncio.TaskGroup() as group:
            first = group.create_task(server.post(body_of("slow"), THANOS_TENANT="x"))
            await server.until(lambda: server.reads.running == 1)
            answer = await server.post(body_of("slow"), THANOS_TENANT="x")
            status, sentence = refused(answer)
            assert status == 429
            assert "too many remote reads" in sentence
            assert answer.headers["Retry-After"] == "3"
            second = group.create_task(server.post(body_of("slow")))
            await server.until(lambda: server.reads.running == 2)
            assert refused(await server.post(body_of("a"), THANOS_TENANT="y"))[0] == 429
            may_go_on.set()
        assert streamed(first.result())
        assert streamed(second.result())
        assert (await server.post(body_of("a"), THANOS_TENANT="x")).status == 200


async def test_a_bad_request_is_refused_also_where_there_is_no_room() -> None:
    policy = GatePolicy(max_running=1, max_tenant_running=1, max_waiting=0, max_wait_ms=0)
    async with reading(policy) as server, server.gate.enter(""):
        assert refused(await server.post(b""))[0] == 400
        assert refused(await server.post(body_of("a")))[0] == 429
