"""Listeners get what has changed, the latest only; there are only so many."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pytest

from proxy.status.events import LiveParts
from tests.status.days import bad_day, with_strings
from tests.status.serving import StatusServer, status_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EVENTS = "status/events"
SOON_S = 5.0


@pytest.fixture
async def server() -> AsyncIterator[StatusServer]:
    async with status_server() as started:
        yield started


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(read_bufsize=1 << 22) as opened:
        yield opened


async def next_parts(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    """The parts of the next event; comments are passed over."""
    async with asyncio.timeout(SOON_S):
        while not (line := await answer.content.readuntil(b"\n")).startswith(b"data: "):
            assert line, "the stream has ended"
    told: dict[str, Any] = orjson.loads(line.removeprefix(b"data: "))
    return told


async def gone(server: StatusServer) -> None:
    assert server.events is not None
    async with asyncio.timeout(SOON_S):
        while server.events.listeners:  # noqa: ASYNC110  the server's own state
            await asyncio.sleep(0.01)


async def test_the_first_event_has_all_parts_and_later_ones_what_has_changed(
    session: aiohttp.ClientSession, server: StatusServer
) -> None:
    async with session.get(server.url + EVENTS) as answer:
        assert answer.content_type == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        assert {"headline", "queries", "lists"} <= (await next_parts(answer)).keys()
        server.snapshot = dataclasses.replace(server.snapshot, version="1.0.0")
        assert (await next_parts(answer)).keys() == {"vitals"}


async def test_nothing_new_is_a_comment(session: aiohttp.ClientSession, server: StatusServer) -> None:
    async with session.get(server.url + EVENTS) as answer:
        await next_parts(answer)
        async with asyncio.timeout(SOON_S):
            while (line := await answer.content.readline()) in {b"\n", b"event: parts\n"}:
                pass
    assert line == b": as before\n"


async def test_more_than_may_are_told_so(session: aiohttp.ClientSession) -> None:
    async with status_server(most_listeners=1) as server:
        async with session.get(server.url + EVENTS) as first:
            await next_parts(first)
            async with session.get(server.url + EVENTS) as second:
                told = orjson.loads(await second.read())
                assert (second.status, told["errorType"]) == (503, "unavailable")
                assert "--status.max-listeners" in told["error"]
                assert second.headers["Retry-After"]
        await gone(server)
        async with session.get(server.url + EVENTS) as third:
            assert third.status == 200


async def test_who_leaves_is_no_listener_any_more(
    session: aiohttp.ClientSession, server: StatusServer
) -> None:
    async with session.get(server.url + EVENTS) as answer:
        await next_parts(answer)
        assert server.events is not None
        assert server.events.listeners == 1
    await gone(server)


async def test_the_stream_ends_when_the_server_leaves(session: aiohttp.ClientSession) -> None:
    async with status_server(interval_s=60) as server, session.get(server.url + EVENTS) as answer:
        await next_parts(answer)
        server.leaving.set()
        async with asyncio.timeout(SOON_S):
            await answer.content.read()
        await gone(server)


async def test_who_does_not_read_is_owed_only_the_latest(
    session: aiohttp.ClientSession, server: StatusServer
) -> None:
    largest = 0
    loop = asyncio.get_running_loop()
    host, port = server.url.removeprefix("http://").rstrip("/").split(":")
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.setblocking(False)
        await loop.sock_connect(slow, (host, int(port)))
        await loop.sock_sendall(slow, b"GET /status/events HTTP/1.1\r\nHost: a\r\n\r\n")
        async with session.get(server.url + EVENTS) as quick:
            for number in range(8):
                server.snapshot = with_strings(bad_day(), lambda text, n=number: f"{text}{n}")  # type: ignore[misc]
                largest = max(largest, len(orjson.dumps(await next_parts(quick))))
            assert server.connections is not None
            owed = [
                connection.transport.get_write_buffer_size()
                for connection in server.connections.connections
                if connection.transport is not None
            ]
        assert 0 < max(owed) < 2.5 * largest, "what was being sent when it stopped, not eight events"
        unread = b""
        while b"0.9.07" not in unread:
            async with asyncio.timeout(SOON_S):
                unread += await loop.sock_recv(slow, 1 << 16)
    assert unread.count(b"event: parts") < 5, "what has become old meanwhile is not sent"


def test_what_is_rendered_for_one_serves_all_within_the_interval() -> None:
    taken = []

    def take() -> Any:
        taken.append(1)
        return bad_day()

    live = LiveParts(take, can_cancel=False)
    for now_s in (100.0, 100.4, 101.4, 101.6, 102.0):
        live.refresh(now_s, interval_s=2.0)
    assert len(taken) == 2
    assert live.since(0).startswith(b"event: parts\ndata: {")
    assert live.since(live.version) == b": as before\n\n"


def test_an_event_is_one_line_whatever_is_typed() -> None:
    live = LiveParts(lambda: with_strings(bad_day(), lambda _: "a\r\nb\n\ndata: c\u2028\udcff"), False)
    live.refresh(0.0, 1.0)
    event = live.since(0)
    assert event.count(b"\n") == 3
    assert b"\r" not in event
    assert orjson.loads(event.partition(b"data: ")[2])
