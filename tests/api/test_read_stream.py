"""Long answers: the client's pace, clients that leave, and answers that break off."""

from __future__ import annotations

import asyncio
import itertools
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import aiohttp
import pytest

from proxy.engine.gate import GatePolicy
from proxy.errors import UpstreamUnreachableError
from proxy.telemetry.book import requests_in_flight
from tests.api.reading import (
    LIMITS,
    MEGABYTE,
    SAMPLES,
    STREAMED,
    Server,
    body_of,
    raw_request,
    reading,
    series,
)
from tests.thanos.remote_read_client import frames as read_frames

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from proxy.model.chunks import ChunkBatch

STEP_BYTES = 100_000
HELD_BYTES = 1 << 18
"""What is sent at all when a status can no longer be given."""


def endless() -> Iterator[ChunkBatch]:
    return (series(f"m{n}", size_bytes=STEP_BYTES) for n in itertools.count())


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    policy = GatePolicy(max_running=1, max_tenant_running=1, max_waiting=0, max_wait_ms=0)
    async with reading(policy) as started:
        started.reads.scripts["endless"] = endless
        started.reads.scripts["a"] = lambda: [series("a1")]
        yield started
        await started.until(lambda: requests_in_flight() == 0)
        assert started.reads.running == 0
        async with started.gate.enter(""):  # the place was given back
            pass


async def asked(server: Server, metric: str, version: str = "1.1") -> socket.socket:
    """A connection on which a request was sent; little of the answer fits into its buffers."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(connection, ("127.0.0.1", server.port))
    await loop.sock_sendall(connection, raw_request(body_of(metric), version))
    return connection


async def received(connection: socket.socket) -> bytes:
    """All that comes until an orderly end.

    Raises:
        ConnectionResetError: the connection was broken instead.
    """
    loop, parts = asyncio.get_running_loop(), []
    async with asyncio.timeout(30):
        while part := await loop.sock_recv(connection, 1 << 16):
            parts.append(part)
    return b"".join(parts)


async def settled(server: Server) -> int:
    """How many batches were produced when no more are."""
    before = -1
    while server.reads.produced != before:
        before = server.reads.produced
        await asyncio.sleep(0.2)
    return before


async def test_frames_arrive_while_the_rest_is_not_there_yet(server: Server) -> None:
    may_go_on = asyncio.Event()
    server.reads.scripts["slow"] = lambda: [
        *itertools.islice(endless(), 3),
        may_go_on,
        series("last"),
    ]
    url = f"{server.url}/api/v1/read"
    async with server.session.post(url, data=body_of("slow")) as response:
        early = await response.content.readexactly(HELD_BYTES)
        may_go_on.set()
        body = early + await response.content.read()
    assert [frame.chunked_series[0].labels[0].value for frame in read_frames(body)] == [
        "m0",
        "m1",
        "m2",
        "last",
    ]


async def test_a_slow_reader_slows_the_source(server: Server) -> None:
    with await asked(server, "endless"):
        produced = await settled(server)
        assert 3 <= produced < 10 * MEGABYTE // STEP_BYTES  # what buffers of the system hold
        assert server.reads.running == 1
    await server.until(lambda: server.reads.closed == 1)


async def test_a_reader_that_goes_on_gets_the_rest(server: Server) -> None:
    server.reads.scripts["long"] = lambda: itertools.islice(endless(), 200)
    with await asked(server, "long", "1.0") as connection:
        assert await settled(server) < 200
        _, _, body = (await received(connection)).partition(b"\r\n\r\n")
    assert len(list(read_frames(body))) == 200


@pytest.mark.parametrize("kind", [STREAMED, SAMPLES])
async def test_a_client_that_hangs_up_ends_the_work_at_once(server: Server, kind: int) -> None:
    never = asyncio.Event()
    server.reads.scripts["waiting"] = lambda: [series("a"), never]
    asking = asyncio.create_task(server.post(body_of("waiting", types=[kind])))
    await server.until(lambda: server.reads.produced == 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await server.until(lambda: server.reads.closed == 1)
    assert (await server.post(body_of("a"))).status == 200


async def test_a_client_that_reads_nothing_for_long_is_left() -> None:
    async with reading(limits=replace(LIMITS, max_stall_ms=200)) as server:
        server.reads.scripts["endless"] = endless
        with await asked(server, "endless") as connection:
            await server.until(lambda: server.reads.closed == 1)
            with pytest.raises(ConnectionResetError):
                await received(connection)


async def test_a_client_that_reads_slowly_is_not_left() -> None:
    async with reading(limits=replace(LIMITS, max_stall_ms=300)) as server:
        server.reads.scripts["long"] = lambda: itertools.islice(endless(), 100)
        with await asked(server, "long", "1.0") as connection:
            loop, size = asyncio.get_running_loop(), 0
            while part := await loop.sock_recv(connection, MEGABYTE):
                size += len(part)
                await asyncio.sleep(0.001)
        assert size > 100 * STEP_BYTES


@pytest.mark.parametrize("error", [UpstreamUnreachableError("gone"), RuntimeError("odd")])
async def test_an_answer_that_breaks_off_is_never_taken_for_a_short_one(
    server: Server, error: Exception
) -> None:
    server.reads.scripts["broken"] = lambda: [*itertools.islice(endless(), 5), error]
    with pytest.raises(aiohttp.ClientPayloadError):
        await server.post(body_of("broken"))


async def test_nor_by_a_client_of_http_1_0(server: Server) -> None:
    """There an orderly end of the connection is all that says that an answer is whole."""
    server.reads.scripts["broken"] = lambda: [
        *itertools.islice(endless(), 5),
        UpstreamUnreachableError("gone"),
    ]
    with await asked(server, "broken", "1.0") as connection, pytest.raises(ConnectionResetError):
        await received(connection)


async def test_a_limit_that_is_passed_late_breaks_the_answer_too() -> None:
    async with reading(limits=replace(LIMITS, max_series=4)) as server:
        server.reads.scripts["endless"] = endless
        with pytest.raises(aiohttp.ClientPayloadError):
            await server.post(body_of("endless"))
        assert server.reads.closed == 1


async def test_a_frame_may_be_larger_than_what_is_written_at_once(server: Server) -> None:
    server.reads.scripts["wide"] = lambda: [series("wide", size_bytes=3 * MEGABYTE)]
    answer = await server.post(body_of("wide"))
    (frame,) = read_frames(answer.body)
    assert len(frame.chunked_series[0].chunks[0].data) > 3 * MEGABYTE
