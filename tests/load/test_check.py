"""Targets that are not what they should be."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from proxy.load.check import answer_problem, target_problem, thanoxy_counters
from proxy.load.client import Client
from tests.load.servers import COUNTERS, answer, resetting, serving, speaking


async def problem(url: str, timeout_s: float = 5.0) -> str | None:
    client = Client(url, {}, connections=2, method="POST")
    try:
        return await target_problem(client, timeout_s)
    finally:
        await client.close()


async def test_a_prometheus_api_has_no_problem() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        assert (request.path, dict(request.query)) == ("/api/v1/query", {"query": "1"})
        return answer(b'{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}')

    async with serving(handle) as url:
        assert await problem(url) is None


JSON, HTML = "application/json", "text/html"


@pytest.mark.parametrize(
    ("status", "content_type", "body", "sentence"),
    [
        (200, HTML, b"<html>Grafana</html>", "it answers with a web page (200, text/html)"),
        (401, HTML, b"", "it wants a login (401)"),
        (403, JSON, b"{}", "it forbids the request (403)"),
        (404, "text/plain", b"", "no Prometheus API at this address (404"),
        (302, HTML, b"http://other/login", "it redirects to http://other/login (302)"),
        (200, JSON, b"{", "it answers 200 with something that is not JSON"),
        (200, JSON, b"[]", "it answers 200 with JSON that is not a Prometheus API's"),
        (200, JSON, b'{"status":"success","data":[]}', "JSON that is not a Prometheus API's"),
        (
            503,
            JSON,
            b'{"status":"error","error":"not\\nready \\u001b[1m"}',
            "it answers 503: not ready [1m",
        ),
    ],
)
def test_every_problem_is_one_sentence(
    status: int, content_type: str, body: bytes, sentence: str
) -> None:
    found = answer_problem(status, content_type, body) or ""
    assert sentence in found
    assert found.isprintable()


async def test_the_address_stands_before_the_problem_without_its_login() -> None:
    async def handle(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=401)

    async with serving(handle) as url:
        found = await problem(url.replace("//", "//me:secret@"))
    assert (
        found
        == f"{url.replace('//', '//…@')}: it wants a login (401): --header 'Authorization=Bearer …'"
    )


async def test_nobody_there_is_said() -> None:
    assert (
        await problem("http://127.0.0.1:1") == "http://127.0.0.1:1: no connection (connection refused)"
    )


async def test_an_unknown_name_is_said() -> None:
    found = await problem("http://nobody.invalid:9090")
    assert found == "http://nobody.invalid:9090: the name nobody.invalid is not known"


async def test_a_closed_connection_is_said() -> None:
    async with resetting() as url:
        assert await problem(url) == f"{url}: it closed the connection without an answer"


async def test_http_where_tls_is_spoken_is_said() -> None:
    async def handle(_request: web.Request) -> web.StreamResponse:
        return answer()

    async with serving(handle) as url:
        found = await problem(url.replace("http:", "https:"))
    assert found is not None
    assert found.endswith("no TLS connection (is it http instead of https?)")


async def test_something_else_than_http_is_said() -> None:
    async with speaking(b"220 mail ready\r\n\r\n") as url:
        found = await problem(url)
    assert found is not None
    assert "it does not speak HTTP" in found


async def test_silence_ends_with_the_timeout() -> None:
    async def handle(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return answer()

    async with serving(handle) as url:
        assert await problem(url, 0.1) == f"{url}: no answer to a small query within 0.1s"


@pytest.mark.parametrize(
    ("status", "text", "is_thanoxy"),
    [
        (200, COUNTERS.format(requested=4, hit=3, fetched=1), True),
        (200, "up 1\n", False),
        (404, COUNTERS.format(requested=4, hit=3, fetched=1), False),
    ],
)
async def test_counters_are_read_from_thanoxy_only(status: int, text: str, is_thanoxy: bool) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        assert request.path == "/metrics"
        return web.Response(status=status, text=text)

    async with serving(handle) as url:
        client = Client(url, {}, connections=2, method="POST")
        found = await thanoxy_counters(client)
        await client.close()
    assert (found is not None) is is_thanoxy
    assert await thanoxy_counters_of_nobody() is None


async def thanoxy_counters_of_nobody() -> dict[str, float] | None:
    client = Client("http://127.0.0.1:1", {}, connections=2, method="POST")
    try:
        return await thanoxy_counters(client)
    finally:
        await client.close()
