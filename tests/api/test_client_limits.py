"""The limits of a connection are found from its requests, and bound who connects and what is sent."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from yarl import URL

from proxy.api.client_limits import ClientLimits, limits_of
from tests.clients import raw_exchange, running

if TYPE_CHECKING:
    from tests.fakes import FakeUpstream


def test_a_request_has_the_limits_of_its_connection_or_the_usual_ones() -> None:
    own = ClientLimits(max_parameters=1)

    def found(limits: object) -> ClientLimits:
        return limits_of(cast("Any", SimpleNamespace(protocol=SimpleNamespace(limits=limits))))

    assert found(own) is own
    assert found(None) == ClientLimits()
    assert limits_of(cast("Any", SimpleNamespace(protocol=None))) == ClientLimits()


async def test_more_connections_than_may_be_are_told_so_and_those_that_end_make_room(
    upstream: FakeUpstream,
) -> None:
    async with running(upstream.url, max_clients=1) as proxy:
        address = URL(proxy.app.url)
        _, writer = await asyncio.open_connection(address.host, address.port)
        await asyncio.sleep(0.05)
        refused = await raw_exchange(proxy.app.url, b"")
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"--http.max-connections" in refused
        writer.close()
        await asyncio.sleep(0.05)
        assert (await proxy.get("/x")).status == 200


async def test_who_does_not_finish_the_head_of_a_request_is_told_and_cut_off(
    upstream: FakeUpstream,
) -> None:
    async with running(upstream.url, header_timeout_ms=100) as proxy:
        began_s = asyncio.get_running_loop().time()
        received = await raw_exchange(proxy.app.url, b"GET /x HTTP/1.1\r\nHost: a\r\n")
        assert received.startswith(b"HTTP/1.1 408 ")
        assert 0.08 < asyncio.get_running_loop().time() - began_s < 2
        assert upstream.asked == []


async def test_headers_are_bounded_together(upstream: FakeUpstream) -> None:
    async with running(upstream.url, max_head_bytes=2_000) as proxy:
        many = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 100) for number in range(50))
        received = await raw_exchange(proxy.app.url, b"GET /x HTTP/1.1\r\nHost: a\r\n" + many)
        assert received.startswith(b"HTTP/1.1 431 ")


async def test_parameters_are_bounded_in_number(upstream: FakeUpstream) -> None:
    async with running(upstream.url, max_parameters=10) as proxy:
        answer = await proxy.get("/api/v1/query_range?" + "&".join(["a=b"] * 12))
        assert answer.status == 400
        assert "--http.max-parameters" in answer.json["error"]
        assert upstream.asked == []
