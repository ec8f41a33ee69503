"""What a client sees when the upstream misbehaves: always error JSON, never half an answer."""

from __future__ import annotations

import gzip

import aiohttp
import pytest

from tests.clients import Proxy, range_path, raw_exchange, running, three
from tests.fakes import (
    Behaviour,
    FakeUpstream,
    always,
    broken_off,
    drip,
    gzipped,
    matrix,
    matrix_body,
    never,
    raw_bytes,
    reply,
    reset,
)

HTML = b"<!doctype html><html><body>Sign in</body></html>"
GZIP = {"Content-Encoding": "gzip"}
WHOLE = {"end": "600"}
SPLIT: dict[str, str] = {}

NOT_ANSWERS: dict[str, tuple[Behaviour, str]] = {
    "nothing": (reset, "unavailable"),
    "half a header": (raw_bytes(b"HTTP/1.1 20"), "unavailable"),
    "another protocol": (raw_bytes(b"SSH-2.0-OpenSSH_9\r\n"), "internal"),
    "a page": (reply(200, HTML, "text/html"), "internal"),
    "a page that claims to be JSON": (reply(200, HTML), "internal"),
    "no body": (reply(200, b""), "internal"),
    "garbage": (reply(200, b"\x00\xff" * 50), "internal"),
    "no type and no JSON": (raw_bytes(b"HTTP/1.0 200 OK\r\n\r\nhello"), "internal"),
    "a body that never comes": (broken_off(b"", 100), "unavailable"),
    "a page with 502": (reply(502, HTML, "text/html"), "internal"),
    "a page with 500": (reply(500, HTML, "text/html"), "internal"),
    "a page with 503": (reply(503, HTML, "text/html"), "internal"),
}

NOT_MATRICES = {
    "half a matrix": drip([b'{"status":"success","data":{"resultType":"matrix","result":['], 0),
    "a vector": reply(200, b'{"status":"success","data":{"resultType":"vector","result":[]}}'),
    "an error with 200": reply(200, b'{"status":"error","errorType":"x","error":"y"}'),
    "an array": reply(200, b"[]"),
    "half a gzip": reply(200, gzip.compress(b"{}" * 999)[:-8], headers=GZIP),
    "no gzip at all": reply(200, b"hello hello hello hello", headers=GZIP),
    "gzip of garbage": gzipped(b"\xff" * 2000),
    "a body that breaks off": broken_off(b'{"status":"success","data":{', 1000),
    "a redirect": reply(302, b"", headers={"Location": "http://127.0.0.1:1/login"}),
}


@pytest.mark.parametrize("times", [WHOLE, SPLIT], ids=["whole", "split"])
@pytest.mark.parametrize(("behaviour", "error_type"), NOT_ANSWERS.values(), ids=NOT_ANSWERS)
async def test_an_answer_that_is_none_is_a_bad_gateway_in_json(
    proxy: Proxy,
    upstream: FakeUpstream,
    behaviour: Behaviour,
    error_type: str,
    times: dict[str, str],
) -> None:
    upstream.script = always(behaviour)
    answer = await proxy.range(times)
    assert answer.error[:2] == (502, error_type)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Server"] == "thanoxy"


@pytest.mark.parametrize("behaviour", NOT_MATRICES.values(), ids=NOT_MATRICES)
async def test_a_split_that_is_no_matrix_is_a_bad_gateway(
    proxy: Proxy, upstream: FakeUpstream, behaviour: Behaviour
) -> None:
    upstream.script = always(behaviour)
    assert (await proxy.range()).error[0] == 502


NO_ANSWERS = {
    "a page": reply(200, HTML, "text/html"),
    "a page that claims to be JSON": reply(200, HTML),
    "no body": reply(200, b""),
    "half a body": reply(200, b'{"status":"success","data":[{"a":"b"}'),
    "garbage": reply(200, b"\x00\xff" * 50),
    "no gzip": reply(200, b"hello", headers=GZIP),
    "a redirect": reply(302, b"", headers={"Location": "/login"}),
}
PATHS = {
    "split": range_path(),
    "labels": "/api/v1/labels",
    "series": "/api/v1/series?match[]=up",
    "instant": "/api/v1/query?query=up",
    "whole": range_path({"limit": "9"}),
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("behaviour", NO_ANSWERS.values(), ids=NO_ANSWERS)
async def test_one_of_three_that_answers_with_nothing_is_not_noticed(
    behaviour: Behaviour, path: str
) -> None:
    async with three() as (proxy, upstreams):
        right = await proxy.get(path)
        assert right.status == 200
        upstreams[0].script = always(behaviour)
        for _ in range(30):
            answer = await proxy.get(path)
            assert (answer.status, answer.body) == (200, right.body)
        assert len(upstreams[0].asked) <= 12, "it is ejected"


async def test_an_answer_that_breaks_off_before_much_of_it_was_there_is_a_bad_gateway(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    upstream.script = always(broken_off(b'{"status":"success",', 1000))
    assert (await proxy.range(WHOLE)).error[:2] == (502, "unavailable")


async def test_what_is_passed_on_unread_and_breaks_off_breaks_the_clients_connection(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    upstream.script = always(broken_off(b'{"status":"success",', 1000))
    with pytest.raises(aiohttp.ClientPayloadError):
        await proxy.get("/api/v1/rules")
    head = b"HTTP/1.1 200 x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    upstream.script = always(raw_bytes(head + b"9\r\n" + b'{"status"' + b"\r\n"))
    request = b"GET /api/v1/rules HTTP/1.1\r\nHost: x\r\n\r\n"
    received = await raw_exchange(proxy.app.url, request)
    assert received.endswith(b'{"status"\r\n')


@pytest.mark.parametrize("times", [WHOLE, SPLIT], ids=["whole", "split"])
async def test_an_upstream_that_does_not_answer_is_a_timeout(
    upstream: FakeUpstream, times: dict[str, str]
) -> None:
    upstream.script = always(never)
    async with running(upstream.url, request_timeout_ms=50) as proxy:
        status, error_type, text = (await proxy.range(times)).error
    assert (status, error_type) == (503, "timeout")
    assert "--upstream.request-timeout" in text
    await upstream.until(lambda: all(asked.left for asked in upstream.asked))


async def test_a_timeout_of_the_upstreams_own_keeps_its_words(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    own = b'{"status":"error","errorType":"timeout","error":"query timed out in expression"}'
    upstream.script = always(reply(503, own))
    for times in (WHOLE, SPLIT):
        answer = await proxy.range(times)
        assert (answer.status, answer.body) == (503, own)
    assert len(upstream.asked) <= 1 + 4


async def test_an_answer_larger_than_the_limit_is_refused_with_the_settings_name(
    upstream: FakeUpstream,
) -> None:
    async with running(upstream.url, max_response_bytes=300) as proxy:
        status, error_type, text = (await proxy.range()).error
        assert (status, error_type) == (422, "execution")
        assert "larger than 300 bytes (--upstream.max-response-bytes)" in text
        assert (await proxy.range({"start": "3600", "step": "3600"})).status == 200


@pytest.mark.parametrize("status", [401, 403, 404, 413, 429])
async def test_a_refusal_keeps_its_status_and_words_whatever_they_are(
    proxy: Proxy, upstream: FakeUpstream, status: int
) -> None:
    upstream.script = always(reply(status, b"go away", "text/plain"))
    for times in (WHOLE, SPLIT):
        answer = await proxy.range(times)
        assert (answer.status, answer.body) == (status, b"go away")
        assert answer.headers["Content-Type"] == "text/plain"


async def test_an_upstream_that_comes_back_is_found_again(proxy: Proxy, upstream: FakeUpstream) -> None:
    upstream.script = always(reset)
    assert (await proxy.range()).status == 502
    upstream.script = always(matrix())
    answer = await proxy.range()
    assert answer.status == 200
    assert len(answer.body) > len(matrix_body(upstream.asked[-1].grid))
