"""Bytes that two servers may take for different requests: Thanos never sees one of them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from yarl import URL

from tests.clients import FORM, Proxy, range_path, raw_exchange, running

if TYPE_CHECKING:
    from tests.fakes import FakeUpstream

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"\r\n0\r\n\r\n"


def post(*lines: bytes, version: bytes = b"1.1") -> bytes:
    return b"POST /x HTTP/" + version + b"\r\nHost: x\r\n" + b"".join(lines)


def get(*lines: bytes) -> bytes:
    return b"GET /x HTTP/1.1\r\nHost: x\r\n" + b"".join(lines) + b"\r\n"


REFUSED: dict[str, bytes] = {
    "a length, then chunks": post(b"Content-Length: 6\r\n", CHUNKED, END, HIDDEN),
    "chunks, then a length": post(CHUNKED, b"Content-Length: 4\r\n", END, HIDDEN),
    "two lengths that agree": post(b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", HIDDEN),
    "two lengths in one": post(b"Content-Length: 3, 3\r\n\r\nabc", HIDDEN),
    "a length with a sign": post(b"Content-Length: +3\r\n\r\nabc", HIDDEN),
    "a length in hex": post(b"Content-Length: 0x3\r\n\r\nabc", HIDDEN),
    "a length of two words": post(b"Content-Length: 3 3\r\n\r\nabc", HIDDEN),
    "a length of nothing": post(b"Content-Length: \r\n\r\nabc", HIDDEN),
    "a length beyond numbers": post(b"Content-Length: 99999999999999999999999\r\n\r\n", HIDDEN),
    "a length beyond bodies": post(b"Content-Length: 18446744073709551615\r\n\r\n", HIDDEN),
    "another coding": post(b"Transfer-Encoding: xchunked\r\n", END, HIDDEN),
    "a coding in quotes": post(b'Transfer-Encoding: "chunked"\r\n', END, HIDDEN),
    "a coding before chunks": post(b"Transfer-Encoding: gzip, chunked\r\n", END, HIDDEN),
    "a coding behind chunks": post(b"Transfer-Encoding: chunked, identity\r\n", END, HIDDEN),
    "two codings": post(CHUNKED, b"Transfer-Encoding: identity\r\n", END, HIDDEN),
    "a vertical tab": post(b"Transfer-Encoding: \x0bchunked\r\n", END, HIDDEN),
    "a blank before the colon": post(b"Transfer-Encoding : chunked\r\n", END, HIDDEN),
    "a folded coding": post(b"Transfer-Encoding:\r\n chunked\r\n", END, HIDDEN),
    "chunks of HTTP/1.0": post(CHUNKED, END, version=b"1.0"),
    "bare line feeds": b"GET /x HTTP/1.1\nHost: x\n\n" + HIDDEN,
    "one bare line feed": get(b"A: b\nC: d\r\n"),
    "a bare carriage return": get(b"A: b\rContent-Length: 9\r\n"),
    "a folded line": get(b"A: b\r\n c\r\n"),
    "a line that begins with a blank": b"GET /x HTTP/1.1\r\n Host: x\r\n\r\n",
    "a blank in a name": get(b"A B: c\r\n"),
    "no name": get(b": c\r\n"),
    "two hosts": get(b"Host: y\r\n"),
    "a NUL in the path": b"GET /x\x00y HTTP/1.1\r\nHost: x\r\n\r\n",
    "an escape in a value": get(b"A: \x1b\r\n"),
    "a bare line feed behind a chunk's size": post(CHUNKED, b"\r\n3\nabc", END, HIDDEN),
    "a line feed in a chunk's extension": post(CHUNKED, b"\r\n3;a\nxx\r\nabc", END, HIDDEN),
    "a chunk larger than it says": post(CHUNKED, b"\r\n3\r\nabcX", END, HIDDEN),
    "a chunk of a negative size": post(CHUNKED, b"\r\n-3\r\nabc", END, HIDDEN),
    "a chunk of too large a size": post(CHUNKED, b"\r\nFFFFFFFFFFFFFFFFF\r\nabc", END, HIDDEN),
    "a length behind the chunks": post(CHUNKED, b"\r\n3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n"),
    "an address": b"GET http://hidden/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a host and a port": b"GET hidden:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "the start of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
    "HTTP/2 in words": b"GET /x HTTP/2.0\r\nHost: x\r\n\r\n",
    "HTTP/0.9": b"GET /x\r\n\r\n",
    "a tunnel": b"CONNECT hidden:80 HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "a trace": b"TRACE /x HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
async def test_what_may_mean_two_things_is_refused_and_the_connection_ends(
    upstream: FakeUpstream, sent: bytes
) -> None:
    async with running(upstream.url, body_timeout_ms=200) as proxy:
        received = await raw_exchange(proxy.app.url, sent)
    head, _, body = received.partition(b"\r\n\r\n")
    assert 400 <= int(head.split(b" ")[1]) < 600
    assert b"application/json" in head
    assert json.loads(body)["status"] == "error", "one answer, and nothing behind it"
    assert upstream.asked == []


async def test_garbage_behind_a_request_is_not_part_of_it(proxy: Proxy, upstream: FakeUpstream) -> None:
    address = URL(proxy.app.url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(post(b"Content-Length: 3\r\n\r\nabc"))
    await upstream.until(lambda: bool(upstream.asked))
    writer.write(b"\x00\x01garbage\r\n\r\n")
    received = await reader.read()
    writer.close()
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"HTTP/1.0 400 Bad Request\r\n" in received
    assert [asked.body for asked in upstream.asked] == [b"abc"]


async def test_what_comes_in_one_piece_with_garbage_is_refused_with_it(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    received = await raw_exchange(proxy.app.url, post(b"Content-Length: 3\r\n\r\nabc\x00\r\n\r\n"))
    assert received.startswith(b"HTTP/1.0 400 Bad Request\r\n")
    assert received.count(b"HTTP/1.") == 1
    assert upstream.asked == []


async def test_extensions_of_chunks_and_fields_behind_them_stay_here(
    proxy: Proxy, upstream: FakeUpstream
) -> None:
    sent = post(
        CHUNKED,
        b"Connection: close\r\n\r\n3;a=b\r\nabc\r\n0\r\nX-Behind: 1\r\nTHANOS-TENANT: b\r\n\r\n",
    )
    received = await raw_exchange(proxy.app.url, sent)
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    (asked,) = upstream.asked
    assert (asked.body, asked.header("X-Behind"), asked.header("THANOS-TENANT")) == (b"abc", [], [])


@pytest.mark.parametrize("name", ["Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk", "Upgrade: websocket"])
async def test_another_protocol_is_not_begun(proxy: Proxy, upstream: FakeUpstream, name: str) -> None:
    connection = "Connection: Upgrade, HTTP2-Settings, close"
    sent = f"GET /x HTTP/1.1\r\nHost: x\r\n{connection}\r\n{name}\r\n\r\n"
    received = await raw_exchange(proxy.app.url, sent.encode())
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    (asked,) = upstream.asked
    assert {name.lower() for name, _ in asked.headers} <= {"host", "accept-encoding"}


PATHS = ["/x", "/api/v1/labels", range_path().partition("?")[0], "/api/v1/read"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("rest", [b"ZZ\r\nabc\r\n0\r\n\r\n", b"FFFFFFFFFFFFFFFFFFF\r\n"])
async def test_a_body_that_goes_wrong_midway_is_refused_at_once(
    proxy: Proxy, upstream: FakeUpstream, path: str, rest: bytes
) -> None:
    """And it is not taken for the upstream's fault, which would be given no more work."""
    address = URL(proxy.app.url)
    began_s = asyncio.get_running_loop().time()
    for _ in range(12):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM['Content-Type']}\r\n"
        writer.write(head.encode() + CHUNKED + b"\r\n3\r\na=b\r\n")
        await asyncio.sleep(0.02)
        writer.write(rest)
        async with asyncio.timeout(2):
            received = await reader.read()
        writer.close()
        assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"not what its headers say" in received
        assert received.count(b"HTTP/1.") == 1
    assert asyncio.get_running_loop().time() - began_s < 5
    await upstream.until(lambda: not upstream.running)
    (candidate,) = proxy.app.engine.client.pool.candidates
    assert candidate.breaker.state.name == "CLOSED"
    assert (await proxy.get("/x")).status == 200
