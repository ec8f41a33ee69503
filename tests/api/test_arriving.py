"""Bodies are read as they arrive; who sends none, or too slowly, does not hold anything for long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from yarl import URL

from proxy.api.arriving import SlowBodyError, read_up_to
from proxy.api.client_limits import LEAST_PROGRESS_BYTES, ClientLimits
from proxy.api.server import JsonServer
from proxy.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TIMEOUT_S = 0.2
MAX_BYTES = 4 * LEAST_PROGRESS_BYTES


class Reader:
    """A server that reads one body, and keeps what came of it."""

    def __init__(self) -> None:
        self.url = ""
        self.came: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            self.came.set_result(await read_up_to(request, MAX_BYTES))
        except (SlowBodyError, BadDataError) as error:
            self.came.set_exception(error)
        return web.Response()

    async def connect(self, *headers: bytes) -> asyncio.StreamWriter:
        address = URL(self.url)
        _, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"\r\n".join((b"POST / HTTP/1.1", b"Host: a", *headers, b"", b"")))
        return writer


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    made = Reader()
    server = JsonServer(made, handler_cancellation=True, limits=ClientLimits(body_timeout_s=TIMEOUT_S))
    runner = web.ServerRunner(server, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    made.url = f"http://{host}:{port}"
    yield made
    await runner.cleanup()


async def test_a_body_in_pieces_comes_whole(reader: Reader) -> None:
    writer = await reader.connect(b"Content-Length: 6")
    for piece in (b"ab", b"cd", b"ef"):
        writer.write(piece)
        await asyncio.sleep(0.02)
    assert await reader.came == b"abcdef"
    writer.close()


async def test_a_body_that_does_not_come_is_given_up(reader: Reader) -> None:
    writer = await reader.connect(b"Content-Length: 6")
    writer.write(b"abc")
    with pytest.raises(SlowBodyError, match=r"--http\.body-timeout"):
        await asyncio.wait_for(reader.came, TIMEOUT_S + 2)
    writer.close()


async def test_a_byte_now_and_then_does_not_count_as_progress(reader: Reader) -> None:
    writer = await reader.connect(b"Content-Length: 1000")

    async def drip() -> None:
        while True:
            writer.write(b"a")
            await asyncio.sleep(TIMEOUT_S / 10)

    dripping = asyncio.create_task(drip())
    with pytest.raises(SlowBodyError):
        await asyncio.wait_for(reader.came, TIMEOUT_S + 2)
    dripping.cancel()
    writer.close()


async def test_who_moves_on_may_take_longer_than_the_timeout(reader: Reader) -> None:
    size = 3 * LEAST_PROGRESS_BYTES
    writer = await reader.connect(b"Content-Length: %d" % size)
    for _ in range(3):
        writer.write(bytes(LEAST_PROGRESS_BYTES))
        await asyncio.sleep(TIMEOUT_S * 0.6)
    assert len(await asyncio.wait_for(reader.came, 2)) == size
    writer.close()


async def test_of_a_body_that_is_too_long_only_a_little_more_is_read(reader: Reader) -> None:
    writer = await reader.connect(b"Content-Length: %d" % (100 * MAX_BYTES))
    writer.write(bytes(10 * MAX_BYTES))
    assert MAX_BYTES < len(await asyncio.wait_for(reader.came, 2)) < 3 * MAX_BYTES
    writer.close()


async def test_a_body_that_is_no_chunks_is_the_requests_fault(reader: Reader) -> None:
    writer = await reader.connect(b"Transfer-Encoding: chunked")
    writer.write(b"5\r\nabcde\r\n")
    await asyncio.sleep(0.05)
    writer.write(b"no chunk\r\n")
    with pytest.raises(BadDataError, match="not what its headers say"):
        await asyncio.wait_for(reader.came, 2)
    writer.close()
