"""Parameters from URL and body, and what is left for Thanos to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from proxy.api import forms
from proxy.api.forms import (
    CacheControl,
    RequestForm,
    cache_control,
    raw_path,
    raw_query,
    read_form,
)
from proxy.codec.params import parse_form
from tests.clients import FORM, raw_exchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Reader:
    """A server that reads forms, and keeps what it read and what was left in the stream."""

    def __init__(self) -> None:
        self.url = ""
        self.read = RequestForm(None, b"")
        self.left = b""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.read = await read_form(request, max_body_bytes=100)
        self.left = await request.content.read()
        return web.Response()

    async def send(self, method: str, target: str, body: bytes | None, *headers: str) -> RequestForm:
        lines = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close", *headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*lines, "\r\n"])
        assert (await raw_exchange(self.url, head.encode() + (body or b""))).startswith(
            b"HTTP/1.1 200 "
        )
        return self.read


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    reader = Reader()
    runner = web.ServerRunner(web.Server(reader, access_log=None, auto_decompress=False))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield reader
    await runner.cleanup()


TYPE = f"Content-Type: {FORM['Content-Type']}"


async def test_a_get_has_its_parameters_in_the_url(reader: Reader) -> None:
    read = await reader.send("GET", "/x?a=1&b=%20+", None)
    assert read == RequestForm((("a", "1"), ("b", "  ")), b"")


@pytest.mark.parametrize("content_type", [TYPE, f"{TYPE}; charset=utf-8", TYPE.upper()])
async def test_a_form_stands_before_the_url(reader: Reader, content_type: str) -> None:
    read = await reader.send("POST", "/x?a=1", b"a=2&b=3", content_type)
    assert read == RequestForm((("a", "2"), ("b", "3"), ("a", "1")), b"a=2&b=3")


async def test_a_post_without_a_body_has_its_parameters_in_the_url(reader: Reader) -> None:
    read = await reader.send("POST", "/x?a=1", b"", TYPE)
    assert read.form == (("a", "1"),)


async def test_the_body_of_a_get_means_nothing_and_stays_where_it_is(reader: Reader) -> None:
    read = await reader.send("GET", "/x?a=1", b"a=2", TYPE)
    assert read == RequestForm((("a", "1"),), b"")
    assert reader.left == b"a=2"


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Type: application/json"],
        ["Content-Type: multipart/form-data; boundary=x"],
        ["Content-Type: text/plain"],
        [],
        [TYPE, "Content-Encoding: gzip"],
    ],
    ids=["json", "multipart", "text", "none", "compressed"],
)
async def test_a_body_of_another_type_is_left_for_thanos(reader: Reader, headers: list[str]) -> None:
    read = await reader.send("POST", "/x?a=1", b"a=2", *headers)
    assert read == RequestForm(None, b"")
    assert reader.left == b"a=2"


@pytest.mark.parametrize("body", [b"a=\xff", b"a=%ff", b"a=1;b=2", b"a=%zz"])
async def test_a_form_that_go_reads_in_its_own_way_is_left_for_thanos(
    reader: Reader, body: bytes
) -> None:
    read = await reader.send("POST", "/x", body, TYPE)
    assert read == RequestForm(None, body)


async def test_a_form_of_the_largest_size_is_read(reader: Reader) -> None:
    body = b"a=" + b"x" * 98
    assert (await reader.send("POST", "/x", body, TYPE)).form == (("a", "x" * 98),)


async def test_of_a_larger_one_nothing_is_lost(reader: Reader) -> None:
    body = b"a=" + bytes(range(256)) * 1000
    read = await reader.send("POST", "/x", body, TYPE)
    assert read.form is None
    assert read.body + reader.left == body


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/a%2Fb?x=%zz", "/a%2Fb", "x=%zz"),
        ("/a", "/a", ""),
        ("/a?", "/a", ""),
        ("/a?b?c", "/a", "b?c"),
        ("http://x/a?b", "http://x/a", "b"),
    ],
)
def test_path_and_query_are_not_decoded(target: str, path: str, query: str) -> None:
    request = make_mocked_request("GET", target)
    assert (raw_path(request), raw_query(request)) == (path, query)


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        ({}, CacheControl.ANY),
        ({"Cache-Control": "max-age=0"}, CacheControl.ANY),
        ({"Cache-Control": "no-cache"}, CacheControl.REFRESH),
        ({"Cache-Control": "max-age=0, No-Cache"}, CacheControl.REFRESH),
        ({"Cache-Control": "no-cache, no-store"}, CacheControl.NO_STORE),
        ({"Cache-Control": "no-storex"}, CacheControl.ANY),
        ({"Pragma": "no-cache"}, CacheControl.REFRESH),
        ({"Pragma": "no-cache", "Cache-Control": "max-age=5"}, CacheControl.ANY),
    ],
)
def test_what_a_request_says_of_caching(headers: dict[str, str], wish: CacheControl) -> None:
    assert cache_control(make_mocked_request("GET", "/", headers)) is wish


def test_the_same_words_are_parsed_once_and_long_ones_are_not_held_on_to() -> None:
    short, long = "query=up&step=15", "query=" + "a" * 5000
    assert forms._parsed(short, b"start=1") is forms._parsed(short, b"start=1")
    assert forms._parsed(short, b"start=1") == parse_form(short, b"start=1")
    assert forms._parsed(short, b"start=2") == parse_form(short, b"start=2")
    assert forms._parsed(long, b"") is not forms._parsed(long, b"")
    assert forms._parsed(long, b"") == parse_form(long)
    assert forms._parsed("query=%zz", b"") is None
