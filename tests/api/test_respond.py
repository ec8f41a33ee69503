"""Responses: encodings, lengths, headers."""

from __future__ import annotations

import gzip

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from proxy.api.respond import ResponsePolicy, accepts_gzip, error_response
from proxy.engine.bodies import CHUNK_BYTES
from proxy.errors import (
    BadDataError,
    LimitError,
    TooLargeError,
    TooManyRequestsError,
    UpstreamAnswerError,
)
from proxy.model.grid import Grid
from proxy.telemetry.registry import REGISTRY
from tests.clients import Proxy, running
from tests.fakes import FakeUpstream, always, gzipped, matrix, matrix_body, reply

LONG = {"step": "10"}
LONG_BODY = matrix_body(Grid(0, 10_000, 1081))
CORS = "Access-Control-Allow-Origin"


@pytest.mark.parametrize(
    ("header", "is_accepted"),
    [
        ("", False),
        ("identity", False),
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5", True),
        ("br;q=1.0, gzip ; q=0.001", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;Q=0.0", False),
        ("*", True),
        ("*;q=0", False),
        ("*;q=0, gzip", True),
        ("gzip;q=0, *", False),
        ("*, gzip;q=0", False),
        ("identity;q=0.5, *;q=0", False),
        ("x-gzip2, deflate", False),
    ],
)
def test_gzip_is_sent_only_to_those_who_accept_it(header: str, is_accepted: bool) -> None:
    request = make_mocked_request("GET", "/", {"Accept-Encoding": header})
    assert accepts_gzip(request) is is_accepted


def test_several_fields_count_as_one() -> None:
    headers = CIMultiDict([("Accept-Encoding", "br"), ("Accept-Encoding", "gzip")])
    assert accepts_gzip(make_mocked_request("GET", "/", headers))
    assert not accepts_gzip(make_mocked_request("GET", "/"))


@pytest.mark.parametrize("header", ["gzip", "gzip, deflate, br", "*"])
async def test_a_long_answer_is_compressed_for_those_who_accept_it(proxy: Proxy, header: str) -> None:
    answer = await proxy.range(LONG, Accept_Encoding=header)
    assert answer.is_gzip
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(answer.body) == LONG_BODY
    assert len(answer.body) < len(LONG_BODY) / 2


@pytest.mark.parametrize("header", ["identity", "gzip;q=0", "br"])
async def test_others_get_plain_text_of_exact_length(proxy: Proxy, header: str) -> None:
    answer = await proxy.range(LONG, Accept_Encoding=header)
    assert not answer.is_gzip
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Content-Length"] == str(len(LONG_BODY))
    assert answer.body == LONG_BODY


async def test_a_short_answer_is_not_worth_compressing(proxy: Proxy) -> None:
    answer = await proxy.range({"step": "3600"}, Accept_Encoding="gzip")
    assert not answer.is_gzip
    assert answer.body == matrix_body(Grid(0, 3_600_000, 4))


async def test_compressing_can_be_switched_off(upstream: FakeUpstream) -> None:
    async with running(upstream.url, compress_responses=False) as proxy:
        answer = await proxy.range(LONG, Accept_Encoding="gzip")
        assert not answer.is_gzip
        assert answer.body == LONG_BODY


@pytest.mark.parametrize("wanted", ["gzip", "identity"])
async def test_gzip_of_the_upstream_is_inflated_before_the_join(
    upstream: FakeUpstream, wanted: str
) -> None:
    upstream.script = lambda asked: gzipped(matrix_body(asked.grid))
    async with running(upstream.url, upstream_gzip=True) as proxy:
        answer = await proxy.range(LONG, Accept_Encoding=wanted)
    assert answer.is_gzip is (wanted == "gzip")
    assert answer.text == LONG_BODY
    assert {asked.header("Accept-Encoding")[0] for asked in upstream.asked} == {"gzip"}


async def test_gzip_of_the_upstream_is_passed_through_as_it_is(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    body = b'{"status":"success","data":[' + b'"a",' * 999 + b'"b"]}'
    upstream.script = always(gzipped(body))
    answer = await proxy.get("/api/v1/targets", Accept_Encoding="gzip")
    assert answer.headers.getall("Content-Encoding") == ["gzip"]
    assert gzip.decompress(answer.body) == body
    assert answer.headers["Content-Length"] == str(len(answer.body))
    whole = await proxy.range({"end": "600"}, Accept_Encoding="gzip")
    assert whole.headers.getall("Content-Encoding") == ["gzip"]
    assert gzip.decompress(whole.body) == body
    assert upstream.asked[-1].header("Accept-Encoding") == ["gzip"]


async def test_a_large_answer_is_sent_in_chunks_of_exact_total_length(
    upstream: FakeUpstream,
) -> None:
    def many(time_ms: int) -> dict[str, str]:
        return {f'{{"i":"{i:04d}"}}': str((time_ms + i) % 977) for i in range(300)}

    upstream.script = always(matrix(many))
    async with running(upstream.url, inline_bytes=0) as proxy:
        plain = await proxy.range({"step": "60"})
        packed = await proxy.range({"step": "60"}, Accept_Encoding="gzip")
    expected = matrix_body(Grid(0, 60_000, 181), many)
    assert len(expected) > 2 * CHUNK_BYTES
    assert plain.headers["Content-Length"] == str(len(expected))
    assert plain.body == expected
    assert packed.is_gzip
    assert packed.text == expected


async def test_cors_headers_are_those_of_thanos_unless_switched_off(
    upstream: FakeUpstream,
) -> None:
    async with running(upstream.url) as proxy:
        assert (await proxy.range()).headers[CORS] == "*"
    async with running(upstream.url, disable_cors=True) as proxy:
        assert CORS not in (await proxy.range()).headers
        upstream.script = always(reply(200, b"<html>"))
        assert CORS not in (await proxy.range()).headers


def test_an_error_is_json_and_kept_by_nobody() -> None:
    response = error_response(BadDataError('a "<b>"'), ResponsePolicy(gzip=True, cors=True))
    assert response.status == 400
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Type"] == "application/json"
    assert response.body == (
        rb'{"status":"error","errorType":"bad_data","error":"a \"\u003cb\u003e\""}'
    )


def test_the_upstreams_error_keeps_its_type_and_bytes() -> None:
    headers = (("Content-Type", "application/json; charset=utf-8"), ("Retry-After", "5"))
    error = UpstreamAnswerError(422, headers, b'{"x": 1}')
    response = error_response(error, ResponsePolicy(gzip=True, cors=False))
    assert (response.status, response.body) == (422, b'{"x": 1}')
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert response.headers["Retry-After"] == "5"


async def test_a_large_text_is_written_in_pieces(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written at once is copied, for each client that is slow."""
    written: list[int] = []
    write = web.StreamResponse.write

    async def watched(self: web.StreamResponse, data: bytes) -> None:
        written.append(len(data))
        await write(self, data)

    monkeypatch.setattr(web.StreamResponse, "write", watched)
    monkeypatch.setattr("proxy.api.respond.CHUNK_BYTES", 10_000)
    answer = await proxy.range({"step": "2"}, Accept_Encoding="identity")
    assert len(answer.body) > 100_000
    assert answer.headers["Content-Length"] == str(len(answer.body)) == str(sum(written))
    assert max(written) == 10_000


def test_what_a_limit_refuses_is_counted_by_the_limits_name() -> None:
    def refused(reason: str) -> float:
        return REGISTRY.get_sample_value("thanoxy_refused_queries_total", {"reason": reason}) or 0.0

    reasons = ("max_query_steps", "max_query_bytes", "queue_gave_way", "other", "")
    before = [refused(reason) for reason in reasons]
    errors = (
        LimitError("steps", "max_query_steps"),
        TooLargeError("text", "max_query_bytes"),
        TooManyRequestsError("later", 1, "queue_gave_way"),
        LimitError("unnamed"),
        BadDataError("no limit"),
    )
    for error in errors:
        error_response(error, ResponsePolicy(gzip=True, cors=True))
    assert [refused(reason) - was for reason, was in zip(reasons, before, strict=True)] == [
        1,
        1,
        1,
        1,
        0,
    ]
