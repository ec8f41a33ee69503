"""What clients show to be let in is seen by the upstream, and by nobody who reads logs or metrics."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

from proxy.telemetry.log import JsonFormatter, LogfmtFormatter
from tests.api.reading import body_of as read_of
from tests.clients import FORM, Proxy, range_path, raw_exchange, running
from tests.fakes import (
    Behaviour,
    after,
    always,
    broken_off,
    drip,
    fake_upstream,
    gzipped,
    matrix,
    never,
    raw_bytes,
    reply,
    reset,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from tests.fakes import FakeUpstream

MARK = "s3cr3t"
BASIC = base64.b64encode(f"user:{MARK}".encode()).decode()
MARKS = (MARK, BASIC, base64.b64encode(MARK.encode()).decode().rstrip("="))
CREDENTIALS: tuple[dict[str, str], ...] = (
    {"Authorization": f"Bearer {MARK}"},
    {"Authorization": f"Basic {BASIC}", "Cookie": f"session={MARK}; other={MARK}"},
    {"Proxy-Authorization": f"Basic {BASIC}", "X-Api-Key": MARK, "Connection": "close"},
    {"Authorization": f"Bearer {MARK}", "Connection": "close, Authorization"},
    {"Authorization": f"Bearer {MARK}\udce9"},
    {"Cookie": f"a={MARK}", "THANOS-TENANT": "a/b"},
)
ASK: tuple[tuple[str, str, bytes | None], ...] = (
    ("GET", range_path(), None),
    ("GET", range_path({"query": "a["}), None),
    ("GET", "/api/v1/query?query=a&time=5", None),
    ("POST", "/api/v1/labels", f"match[]=a&token={MARK}".encode()),
    ("POST", "/api/v1/query_range", f"query=a&start=0&end=9&step=1&password={MARK}".encode()),
    ("POST", "/api/v1/query_range", f"query=a&start=0&end=9&step=1&bad=%zz{MARK}".encode()),
    ("GET", "/api/v1/series?match[]=a", None),
    ("GET", "/api/v1/label/a/values", None),
    ("POST", "/api/v1/read", read_of("a")),
    ("POST", "/api/v1/read", MARK.encode()),
    ("POST", "/api/v1/admin/thanoxy/purge", f"metric=a&token={MARK}".encode()),
    ("GET", "/api/v1/thanoxy/explain?query=a&start=0&end=9&step=1", None),
    ("GET", "/api/v1/thanoxy/coverage?query=a&start=0&end=9", None),
    ("GET", "/x", None),
    ("POST", "/x", MARK.encode()),
    ("TRACE", "/x", None),
    ("GET", "/../x", None),
    ("GET", "/-/ready", None),
)
FAILURES: dict[str, Behaviour] = {
    "none": reply(200, b'{"status":"success","data":[]}'),
    "a matrix": matrix(),
    "reset": reset,
    "no HTTP": raw_bytes(b"SSH-2.0\r\n"),
    "broken off": broken_off(b'{"status":"success",', 1000),
    "a page": reply(200, b"<html>", "text/html"),
    "an error": reply(422, b'{"status":"error","errorType":"execution","error":"x"}'),
    "a gateway": reply(503, b"<html>", "text/html"),
    "denied": reply(401, b"who are you?", "text/plain", {"WWW-Authenticate": "Basic"}),
    "half a gzip": gzipped(b"\xff" * 2000),
    "never": never,
    "late": after(0.05, drip([b"{", b"}"], 0.05)),
}
OPTIONS: dict[str, Any] = {"query_timeout_ms": 100, "admin_api": True, "cache_config": ""}


class Heard(logging.Handler):
    """All that any logger says, as the operator would read it."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += f"{LogfmtFormatter().format(record)}\n{JsonFormatter().format(record)}\n"


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream() as fake:
        yield fake


@pytest.fixture
def heard() -> Iterator[Heard]:
    root, handler = logging.getLogger(), Heard()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for name in ("thanoxy", "aiohttp"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)
    for name in ("thanoxy", "aiohttp"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def raw_request(method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
    own = {"Host": "x", "Connection": "close", **FORM} if body is not None else {"Host": "x"}
    sent = {**own, **headers, "Content-Length": str(len(body or b""))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    head = f"{method} {path} HTTP/1.1\r\n{lines}\r\n"
    return head.encode("utf-8", "surrogateescape") + (body or b"")


async def answer_to(proxy: Proxy, sent: bytes) -> bytes:
    """What a client gets that leaves at the latest after some time."""
    address, received = URL(proxy.app.url), b""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(sent)
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(0.6):
            received = await reader.readuntil(b"\r\n\r\n")
            async with asyncio.timeout(0.05):
                received += await reader.read()
    writer.close()
    return received


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_no_credential_is_seen_in_logs_metrics_or_answers(
    upstream: FakeUpstream, heard: Heard, failure: Behaviour
) -> None:
    upstream.script = always(failure)
    async with running(upstream.url, **OPTIONS) as proxy:
        sent = [raw_request(*ask, headers) for ask in ASK for headers in CREDENTIALS]
        gate = asyncio.Semaphore(24)

        async def one(request: bytes) -> bytes:
            async with gate:
                return await answer_to(proxy, request)

        answers = await asyncio.gather(*map(one, sent))
        answers.append((await proxy.get("/metrics")).body)
        told = [asked for asked in upstream.asked if asked.header("Authorization")]
    assert told, "the upstream is told"
    for mark in MARKS:
        assert mark not in heard.text
        assert not [answer for answer in answers if mark.encode() in answer]


async def test_nor_is_it_in_the_line_about_a_slow_query(upstream: FakeUpstream, heard: Heard) -> None:
    async with running(upstream.url, log_queries_longer_than_ms=-1, **OPTIONS) as proxy:
        for headers in CREDENTIALS[:3]:
            await answer_to(proxy, raw_request("GET", range_path(), None, headers))
    assert "slow query" in heard.text
    assert not [mark for mark in MARKS if mark in heard.text]


BROKEN = (
    f"GET /x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {MARK}\x01\r\n\r\n",
    f"GET /x HTTP/1.1\r\nHost: x\r\nAuthorization Bearer {MARK}\r\n\r\n",
    f"GET /x HTTP/1.1\r\nHost: x\r\nCookie: {MARK}\r\n\r {MARK}\r\n\r\n",
    f"GET /x?token={MARK}\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    f"GET http://user:{MARK}@[x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    f"{MARK} /x HTTP/1.1\r\nHost: x\r\n\r\n",
    f"GET /x HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Key1: {MARK}\r\n\r\n",
    f"GET /{MARK} HTTP/{MARK}\r\nHost: x\r\n\r\n",
    f"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{MARK}\r\n",
    f"GET /x HTTP/1.1\r\nHost: x\r\nCookie: {MARK}{'x' * 70_000}\r\n\r\n",
)


@pytest.mark.parametrize("sent", BROKEN, ids=range(len(BROKEN)))
async def test_what_is_no_http_is_refused_without_being_quoted(
    upstream: FakeUpstream, heard: Heard, sent: str
) -> None:
    async with running(upstream.url, body_timeout_ms=300) as proxy:
        received = await raw_exchange(proxy.app.url, sent.encode())
    assert received.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 ", b"HTTP/1.1 417 "))
    assert MARK.encode() not in received
    assert MARK not in heard.text
