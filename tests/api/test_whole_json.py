"""Questions that are asked whole: half an answer is never taken for a whole one."""

from __future__ import annotations

import asyncio
import gzip
import json
import random

import aiohttp
import pytest
from aiohttp import web

from proxy.engine.ports import BEGIN_BYTES
from tests.clients import Answer, Proxy, range_path, raw_exchange, three
from tests.fakes import (
    JSON,
    Asked,
    Behaviour,
    FakeUpstream,
    always,
    drip,
    gzipped,
    reply,
)

WHOLE = {"limit": "9"}
GZIP = {"Content-Encoding": "gzip"}
SMALL = b'{"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["a \\"}]}"]}'
CHANCE = random.Random(1)
WORDS = [f'{CHANCE.getrandbits(96):x} "}}]' for _ in range(100_000)]
LARGE = json.dumps({"status": "success", "data": WORDS}).encode() + b"\n"
PACKED = gzip.compress(LARGE, 1)
HALVES = {
    "half": reply(200, SMALL[:-30]),
    "all but a bracket": reply(200, SMALL[:-1]),
    "half in chunks": drip([SMALL[:10], SMALL[10:-30]], 0),
    "half, then gzip": gzipped(SMALL[:-30]),
    "half of a gzip": reply(200, gzip.compress(SMALL)[:-9], headers=GZIP),
    "no gzip": reply(200, SMALL, headers=GZIP),
    "gzip of nothing": gzipped(b""),
}


def breaks(body: bytes, declared: int) -> Behaviour:
    """All of a body is sent, and the connection ends before the length that was declared."""

    async def behave(_asked: Asked, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": JSON, "Content-Length": str(declared)})
        await response.prepare(request)
        await response.write(body)
        assert request.transport is not None
        request.transport.close()
        return response

    return behave


LARGE_HALVES = {
    "half": reply(200, LARGE[:-9]),
    "half in chunks": drip([LARGE[:500_000], LARGE[500_000:-9]], 0),
    "half, then gzip": gzipped(LARGE[:-9]),
    "half of a gzip": reply(200, PACKED[:-9], headers=GZIP),
    "no gzip": reply(200, PACKED[:-300_000] + LARGE[-300_000:], headers=GZIP),
    "broken off": breaks(LARGE, len(LARGE) + 1),
}


@pytest.mark.parametrize("behaviour", HALVES.values(), ids=HALVES)
async def test_half_a_small_answer_is_a_bad_gateway(
    proxy: Proxy, upstream: FakeUpstream, behaviour: Behaviour
) -> None:
    upstream.script = always(behaviour)
    assert (await proxy.range(WHOLE, Accept_Encoding="gzip")).error[:2] == (502, "internal")


@pytest.mark.parametrize("behaviour", HALVES.values(), ids=HALVES)
async def test_half_a_small_answer_of_one_of_three_is_not_noticed(behaviour: Behaviour) -> None:
    async with three() as (proxy, upstreams):
        for one in upstreams:
            one.script = always(reply(200, SMALL))
        upstreams[0].script = always(behaviour)
        for _ in range(60):
            assert (await proxy.range(WHOLE)).body == SMALL
        assert len(upstreams[0].asked) <= 6, "it is ejected"


@pytest.mark.parametrize("behaviour", LARGE_HALVES.values(), ids=LARGE_HALVES)
async def test_half_a_large_answer_breaks_the_clients_connection(
    proxy: Proxy, upstream: FakeUpstream, behaviour: Behaviour
) -> None:
    assert min(len(PACKED), len(LARGE)) > BEGIN_BYTES
    upstream.script = always(behaviour)
    with pytest.raises(aiohttp.ClientPayloadError):
        await proxy.range(WHOLE)
    ask = f"GET {range_path(WHOLE)} HTTP/1.0\r\n\r\n".encode()
    received = b""
    try:
        received = await raw_exchange(proxy.app.url, ask)
    except ConnectionResetError:
        return
    raise AssertionError(received[-100:])


async def test_an_address_that_gives_large_halves_is_ejected() -> None:
    async def until_broken(proxy: Proxy) -> Answer | None:
        try:
            return await proxy.range(WHOLE)
        except aiohttp.ClientPayloadError:
            return None

    async with three() as (proxy, upstreams):
        for one in upstreams:
            one.script = always(reply(200, LARGE))
        upstreams[0].script = always(reply(200, LARGE[:-9]))
        answers = [await until_broken(proxy) for _ in range(80)]
        assert answers.count(None) == len(upstreams[0].asked)
        assert answers[-15:].count(None) <= 1
        assert answers.count(None) <= 20


WHOLES = {
    "small": reply(200, SMALL),
    "large": reply(200, LARGE),
    "in chunks": drip([SMALL[:10], SMALL[10:30], SMALL[30:], b" \n"], 0),
    "small gzip": gzipped(SMALL),
    "large gzip": reply(200, PACKED, headers=GZIP),
    "an encoding that nobody here knows": reply(200, b"anything", headers={"Content-Encoding": "br"}),
    "an error": reply(422, b'{"status":"error","errorType":"x","error'),
    "a refusal": reply(403, b"<html>", "text/html"),
}


@pytest.mark.parametrize("behaviour", WHOLES.values(), ids=WHOLES)
async def test_a_whole_answer_passes_as_it_is(
    proxy: Proxy, upstream: FakeUpstream, behaviour: Behaviour
) -> None:
    upstream.script = always(behaviour)
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        direct = await session.get(upstream.url + range_path(WHOLE))
        expected = await direct.read()
    answer = await proxy.range(WHOLE)
    assert (answer.status, answer.body) == (direct.status, expected)
    for name in ("Content-Type", "Content-Length", "Content-Encoding"):
        assert answer.headers.get(name) == direct.headers.get(name)


async def test_a_large_answer_is_not_waited_for(proxy: Proxy, upstream: FakeUpstream) -> None:
    go_on = asyncio.Event()

    async def pauses(_asked: Asked, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": JSON})
        await response.prepare(request)
        await response.write(LARGE[:900_000])
        await go_on.wait()
        await response.write(LARGE[900_000:])
        return response

    upstream.script = always(pauses)
    async with proxy.session.get(proxy.app.url + range_path(WHOLE)) as response:
        start = await response.content.readexactly(100_000)
        go_on.set()
        assert start + await response.read() == LARGE


async def test_what_need_not_be_json_is_not_judged(proxy: Proxy, upstream: FakeUpstream) -> None:
    upstream.script = always(reply(200, SMALL[:-30]))
    assert (await proxy.get("/api/v1/rules")).body == SMALL[:-30]
