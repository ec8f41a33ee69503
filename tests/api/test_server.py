"""The HTTP layer itself: what is no valid request is answered with JSON too."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from yarl import URL

from tests.clients import FORM, Proxy, range_path, raw_exchange
from tests.fakes import always, reset

if TYPE_CHECKING:
    from tests.fakes import FakeUpstream

NOT_HTTP = {
    "no HTTP at all": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50 + b"\r\n\r\n",
    "a method of its own": b"FETCH / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a blank in the path": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes in the path": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "a bad host": b"GET http://[x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a bad port": b"GET http://x:99999/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "a bad header": b"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
    "a NUL in a header": b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
    "a bad length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "length and chunks": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n",
    "a long request line": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long header": b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 70_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 500 + b"\r\n",
}


@pytest.mark.parametrize("request_text", NOT_HTTP.values(), ids=NOT_HTTP)
async def test_what_is_not_http_gets_json_and_the_end_of_the_connection(
    proxy: Proxy, upstream: FakeUpstream, request_text: bytes
) -> None:
    received = await raw_exchange(proxy.app.url, request_text)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == b"400"
    assert b"Content-Type: application/json" in head
    assert b"Server: thanoxy" in head
    answer = json.loads(body)
    assert (answer["status"], answer["errorType"]) == ("error", "bad_data")
    assert answer["error"].startswith("this is not a valid HTTP request: ")
    assert len(answer["error"]) < 300
    assert b"Traceback" not in body
    assert upstream.asked == []


async def test_a_bad_request_harms_no_other_connection(proxy: Proxy) -> None:
    for request_text in NOT_HTTP.values():
        await raw_exchange(proxy.app.url, request_text)
    assert (await proxy.range()).status == 200


async def test_a_header_of_the_largest_size_is_taken(proxy: Proxy) -> None:
    answer = await proxy.range(None, Cookie="c" * 60_000)
    assert answer.status == 200


async def test_a_connection_that_is_left_in_the_middle_of_a_request_is_no_error(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    address = URL(proxy.app.url)
    for start in (b"", b"GET / HT", b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"):
        _, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(start)
        await asyncio.sleep(0.02)
        writer.close()
    await upstream.until(lambda: all(asked.left for asked in upstream.asked))
    assert (await proxy.range()).status == 200


async def test_requests_that_follow_each_other_on_a_connection_are_answered_in_turn(
    proxy: Proxy,
) -> None:
    request = f"GET {range_path()} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    last = request.replace(b"Host: x", b"Host: x\r\nConnection: close")
    received = await raw_exchange(proxy.app.url, request * 4 + last)
    assert received.count(b"HTTP/1.1 200 OK\r\n") == 5


async def test_a_client_of_http_1_0_gets_its_answer_and_the_end(proxy: Proxy) -> None:
    for headers in ("", "Accept-Encoding: gzip\r\n"):
        request = f"GET {range_path({'step': '10'})} HTTP/1.0\r\n{headers}\r\n"
        received = await raw_exchange(proxy.app.url, request.encode())
        head, _, body = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 200 OK\r\n")
        assert b"chunked" not in head
        assert f"Content-Length: {len(body)}\r\n".encode() in head


async def test_a_client_that_asks_for_leave_to_send_its_body_gets_it(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    address = URL(proxy.app.url)
    body = range_path().partition("?")[2].encode()
    for path in ("/api/v1/query_range", "/x"):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n"
            f"Content-Type: {FORM['Content-Type']}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.close()
    assert upstream.asked[-1].body == body
    assert upstream.asked[-1].header("Expect") == []


async def test_an_error_after_that_leave_is_an_answer_like_any_other(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    upstream.script = always(reset)
    request = b"POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n"
    received = await raw_exchange(proxy.app.url, request + b"Content-Length: 1\r\n\r\nx")
    continued, _, answer = received.partition(b"\r\n\r\n")
    assert continued == b"HTTP/1.1 100 Continue"
    assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert b'"errorType":"unavailable"' in answer
