"""Clients that stop reading are cut off; those that read slowly, but go on, get all of it."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from proxy.api.client_limits import ClientLimits
from proxy.api.sending import stall_bounded
from proxy.api.server import JsonServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STALL_S = 0.3
SIZE = 40 << 20
REQUEST = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n"


class Sender:
    """A server that answers with 40 MB, in one piece or, under another limit, in many."""

    def __init__(self) -> None:
        self.address = ("", 0)
        self.ended: asyncio.Future[type[BaseException] | None] = (
            asyncio.get_running_loop().create_future()
        )

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/whole":
            return web.Response(body=bytes(SIZE))
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            with stall_bounded(request, 10 * STALL_S if request.path == "/patient" else STALL_S):
                for _ in range(SIZE >> 20):
                    await response.write(bytes(1 << 20))
        except BaseException as error:
            self.ended.set_result(type(error))
            raise
        self.ended.set_result(None)
        return response

    async def ask(self, path: bytes) -> socket.socket:
        """A connection that has asked, with little room for what comes."""
        loop = asyncio.get_running_loop()
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        client.setblocking(False)
        await loop.sock_connect(client, self.address)
        await loop.sock_sendall(client, REQUEST % path)
        return client


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    made = Sender()
    server = JsonServer(made, handler_cancellation=True, limits=ClientLimits(max_stall_s=STALL_S))
    runner = web.ServerRunner(server, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.address = runner.addresses[0]
    yield made
    await runner.cleanup()


async def read_to_the_end(client: socket.socket, pause_s: float = 0.0) -> int:
    loop, total = asyncio.get_running_loop(), 0
    async with asyncio.timeout(20):
        while total < SIZE and (piece := await loop.sock_recv(client, 1 << 20)):
            total += len(piece)
            await asyncio.sleep(pause_s)
    return total


@pytest.mark.parametrize("path", [b"/whole", b"/pieces"])
async def test_who_stops_reading_is_cut_off(sender: Sender, path: bytes) -> None:
    client = await sender.ask(path)
    await asyncio.sleep(4 * STALL_S)
    with pytest.raises(ConnectionResetError):
        await read_to_the_end(client)
    if path == b"/pieces":
        assert await asyncio.wait_for(sender.ended, 2) is not None
    client.close()


@pytest.mark.parametrize("path", [b"/whole", b"/pieces"])
async def test_who_reads_on_gets_all_of_it_however_long_that_takes(sender: Sender, path: bytes) -> None:
    client = await sender.ask(path)
    began_s = asyncio.get_running_loop().time()
    assert await read_to_the_end(client, pause_s=0.002) >= SIZE
    assert asyncio.get_running_loop().time() - began_s > STALL_S
    client.close()


async def test_an_answer_may_have_a_limit_of_its_own(sender: Sender) -> None:
    client = await sender.ask(b"/patient")
    await asyncio.sleep(4 * STALL_S)
    assert not sender.ended.done()
    assert await read_to_the_end(client) >= SIZE
    assert await asyncio.wait_for(sender.ended, 2) is None
    client.close()


async def test_a_connection_that_keeps_up_is_not_looked_at(sender: Sender) -> None:
    client = await sender.ask(b"/whole")
    assert await read_to_the_end(client) >= SIZE
    await asyncio.sleep(2 * STALL_S)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(client, REQUEST % b"/whole")
    assert await read_to_the_end(client) >= SIZE
    client.close()
