"""Targets to load: small servers on loopback that answer, stall, break and lie."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

GOOD = (
    b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"]]}]}}'
)
EMPTY = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'
COUNTERS = """# TYPE thanoxy_cache_steps_total counter
thanoxy_cache_steps_total{{event="requested"}} {requested}
thanoxy_cache_steps_total{{event="hit"}} {hit}
thanoxy_cache_steps_total{{event="fetched"}} {fetched}
thanoxy_split_queries_total 3.0
thanoxy_upstream_received_bytes_total 1.5e+03
"""


def answer(body: bytes = GOOD, headers: Mapping[str, str] | None = None) -> web.Response:
    """A Prometheus API's answer."""
    return web.Response(body=body, content_type="application/json", headers=headers)


@asynccontextmanager
async def serving(
    handle: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    """An HTTP server that hands everything to one function; its address."""
    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)  # type: ignore[arg-type]
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Stalling:
    """Answers at once, but for one stretch of time in which every request waits for its end."""

    def __init__(self, from_s: float, to_s: float) -> None:
        self._from_s, self._to_s = from_s, to_s
        self._first_s: float | None = None

    async def __call__(self, _request: web.Request) -> web.StreamResponse:
        now_s = time.monotonic()
        self._first_s = self._first_s or now_s
        since_s = now_s - self._first_s
        if self._from_s <= since_s < self._to_s:
            await asyncio.sleep(self._to_s - since_s)
        return answer()


@asynccontextmanager
async def resetting() -> AsyncIterator[str]:
    """A server that resets every connection as soon as something arrives."""

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def speaking(sent: bytes) -> AsyncIterator[str]:
    """A server that answers everything with these bytes, and then says no more."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(sent)
        writer.write_eof()
        while await reader.read(65_536):  # closing with something unread would reset the connection
            pass
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
