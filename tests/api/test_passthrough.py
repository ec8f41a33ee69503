"""What the proxy does not answer itself goes to the upstream and back as it is."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from proxy.model.grid import Grid
from tests.clients import FORM, Proxy, range_path, raw_exchange, running
from tests.fakes import (
    Asked,
    FakeUpstream,
    always,
    matrix,
    matrix_body,
    never,
    reply,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

JSON_ANSWER = b'{"status":"success","data":{}}'
MEGABYTE = 1 << 20


def request_of(method: str, target: str) -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


@pytest.fixture(autouse=True)
def answers(upstream: FakeUpstream) -> None:
    upstream.script = always(reply(200, JSON_ANSWER))


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize(
    "path", ["/stores", "/graph", "/api/v1/stores", "/-/reload", "/api/v1/query_range_explain"]
)
async def test_any_method_and_path_is_passed_on(
    proxy: Proxy, upstream: FakeUpstream, method: str, path: str
) -> None:
    answer = await proxy.ask(method, f"{path}?a=1")
    assert (answer.status, answer.body) == (200, JSON_ANSWER)
    (asked,) = upstream.asked
    assert (asked.method, asked.raw_path, asked.body) == (method, f"{path}?a=1", b"")


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/label/a%2Fb/values",
        "/a/./c",
        "/a//b",
        "/a..b/..c/d..",
        "/a%zz?x=%zz;y&&=+%20",
        "/api/v1/query%5Frange?query=up",
        "/api//v1/query_range",
        "/api/v1/query_range/",
        "/API/v1/query_range",
        "/a?b?c",
        "/a\\b",
        "/a:b@evil:80/",
    ],
)
async def test_the_path_is_kept_as_it_was_written(
    proxy: Proxy, upstream: FakeUpstream, target: str
) -> None:
    received = await raw_exchange(proxy.app.url, request_of("GET", target))
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert [asked.raw_path for asked in upstream.asked] == [target]


@pytest.mark.parametrize(
    "target",
    ["http://evil/", "http://evil/api/v1/query_range?query=up", "//evil/x", "//evil:80@x/", "*"],
)
async def test_a_client_never_chooses_the_host(
    proxy: Proxy, upstream: FakeUpstream, target: str
) -> None:
    method = "OPTIONS" if target == "*" else "GET"
    received = await raw_exchange(proxy.app.url, request_of(method, target))
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b'{"status":"error","errorType":"bad_data",' in received
    assert upstream.asked == []


@pytest.mark.parametrize(
    "target",
    [
        "/a/../b", "/..", "/%2e%2e/%2E%2e", "/a/..%2fb", "/a/..;x/b", "/a\\..\\b", "/a/%252e%252e/b",
        "/x#/../y",
    ],
)  # fmt: skip
async def test_no_path_climbs_out_of_the_upstreams_own(
    proxy: Proxy, upstream: FakeUpstream, target: str
) -> None:
    received = await raw_exchange(proxy.app.url, request_of("GET", target))
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b'"errorType":"bad_data"' in received
    assert upstream.asked == []


@pytest.mark.parametrize(("method", "target"), [("CONNECT", "evil:80"), ("TRACE", "/x")])
async def test_methods_that_make_tunnels_or_show_headers_are_refused(
    proxy: Proxy, upstream: FakeUpstream, method: str, target: str
) -> None:
    received = await raw_exchange(proxy.app.url, request_of(method, target))
    assert received.startswith(b"HTTP/1.1 405 ")
    assert upstream.asked == []


async def test_headers_travel_in_both_directions_and_hop_by_hop_ones_do_not(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    back = {"X-Thanos-Trace-Id": "7", "Server": "nginx", "Keep-Alive": "timeout=5", "Date": "then"}
    upstream.script = always(reply(200, JSON_ANSWER, headers=back))
    there = [("THANOS-TENANT", "a"), ("Accept", "*/*"), ("X-A", "1"), ("X-A", "2"), ("Origin", "g")]
    hops = [("Connection", "TE, close"), ("TE", "trailers"), ("Keep-Alive", "timeout=5")]
    answer = await proxy.ask("GET", "/x", headers=[*there, *hops])
    assert upstream.asked[0].headers[1:] == there
    assert answer.headers.getall("Server") == ["thanoxy"]
    assert answer.headers["X-Thanos-Trace-Id"] == "7"
    assert "Keep-Alive" not in answer.headers
    assert len(answer.headers.getall("Date")) == 1
    assert answer.headers["Date"] != "then"


async def test_connection_takes_no_header_away(proxy: Proxy, upstream: FakeUpstream) -> None:
    answer = await proxy.ask("GET", "/x", headers=[("Connection", "x-tenant"), ("X-Tenant", "a")])
    assert answer.error == (
        400, "bad_data", "Connection must not name the header X-Tenant: it has to travel on"
    )  # fmt: skip
    assert upstream.asked == []


async def test_the_host_is_the_upstreams_own(proxy: Proxy, upstream: FakeUpstream) -> None:
    await proxy.get("/x", Host="grafana.example")
    assert upstream.asked[0].header("Host") == [upstream.url.removeprefix("http://")]


@pytest.mark.parametrize("path", ["/x", range_path()], ids=["passed on", "split"])
async def test_utf8_in_a_header_arrives_and_other_bytes_are_refused(
    proxy: Proxy, upstream: FakeUpstream, path: str
) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Name: ".encode()
    upstream.script = always(reply(400, b"{}"))
    await raw_exchange(proxy.app.url, head + "é日\r\n\r\n".encode())
    assert upstream.asked[0].header("X-Name") == ["é日"]
    upstream.asked.clear()
    received = await raw_exchange(proxy.app.url, head + b"caf\xe9\r\n\r\n")
    assert b'"errorType":"bad_data","error":"the header X-Name is not UTF-8"' in received
    assert upstream.asked == []


@pytest.mark.parametrize("status", [201, 204, 301, 302, 304, 400, 404, 418, 422, 500])
async def test_the_status_is_kept_and_redirects_are_not_followed(
    proxy: Proxy, upstream: FakeUpstream, status: int
) -> None:
    location = {"Location": "http://127.0.0.1:1/elsewhere"}
    body = b"" if status in {204, 304} else b"words"
    upstream.script = always(reply(status, body, "text/plain", location))
    answer = await proxy.get("/x")
    assert (answer.status, answer.body) == (status, body)
    assert answer.headers["Location"] == location["Location"]
    assert len(upstream.asked) == 1


async def test_head_has_headers_and_no_body(proxy: Proxy, upstream: FakeUpstream) -> None:
    for path in ("/api/v1/stores", range_path()):
        answer = await proxy.ask("HEAD", path)
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["Content-Length"] == str(len(JSON_ANSWER))
        assert upstream.asked[-1].method == "HEAD"


async def test_a_page_outside_the_api_is_a_page(proxy: Proxy, upstream: FakeUpstream) -> None:
    upstream.script = always(reply(200, b"<html>Thanos</html>", "text/html"))
    answer = await proxy.get("/graph")
    assert (answer.headers["Content-Type"], answer.body) == ("text/html", b"<html>Thanos</html>")


async def test_a_body_is_passed_on_while_it_arrives(proxy: Proxy, upstream: FakeUpstream) -> None:
    sent = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        await sent.wait()
        yield b"second"

    upstream.script = always(reply(200, JSON_ANSWER))
    asking = asyncio.create_task(proxy.ask("POST", "/x", body()))
    await upstream.until(lambda: bool(upstream.asked))
    sent.set()
    await asking
    assert upstream.asked[0].body == b"firstsecond"


async def test_an_answer_is_passed_on_while_it_arrives(proxy: Proxy, upstream: FakeUpstream) -> None:
    read = asyncio.Event()

    async def two_parts(_asked: Asked, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await read.wait()
        await response.write_eof(b"second")
        return response

    upstream.script = always(two_parts)
    async with proxy.session.get(f"{proxy.app.url}/x") as response:
        assert await response.content.readany() == b"first"
        read.set()
        assert await response.content.read() == b"second"
        assert "Content-Length" not in response.headers


async def test_a_large_answer_is_not_held_for_a_slow_client(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    sent = 0

    async def endless(_asked: Asked, request: web.BaseRequest) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * MEGABYTE)
            sent += 1

    upstream.script = always(endless)
    async with proxy.session.get(f"{proxy.app.url}/x") as response:
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.2)
        assert sent < 40
        response.close()
    await upstream.until(lambda: upstream.asked[0].left)


async def test_a_large_form_is_passed_on_unread(upstream: FakeUpstream) -> None:
    body = b"query=up&pad=" + b"x" * (11 * MEGABYTE)
    async with running(upstream.url, max_body_bytes=4 * MEGABYTE) as proxy:
        answer = await proxy.ask("POST", range_path(), io.BytesIO(body), FORM)
    assert (answer.status, answer.body) == (200, JSON_ANSWER)
    (asked,) = upstream.asked
    assert (asked.method, asked.raw_path) == ("POST", range_path())
    assert asked.body == body
    assert asked.header("Content-Type") == [FORM["Content-Type"]]


async def test_a_form_of_some_megabytes_is_read_and_asked_in_full(upstream: FakeUpstream) -> None:
    body = b"pad=" + b"x" * (2 * MEGABYTE)
    upstream.script = always(matrix())
    async with running(upstream.url, max_body_bytes=4 * MEGABYTE) as proxy:
        answer = await proxy.ask("POST", range_path(), io.BytesIO(body), FORM)
    assert answer.body == matrix_body(Grid(0, 600_000, 19))
    assert [asked.form[5:] for asked in upstream.asked] == [[("pad", "x" * (2 * MEGABYTE))]] * 4


async def test_a_client_that_hangs_up_takes_its_request_along(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    upstream.script = always(never)
    asking = asyncio.create_task(proxy.get("/x"))
    await upstream.until(lambda: bool(upstream.asked))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await upstream.until(lambda: upstream.asked[0].left)
