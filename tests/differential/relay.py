"""A relay in front of Thanos that takes its time, so that more happens while a fetch is under way."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.thanos.loopback import ADDRESS

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator

CHUNK_BYTES = 1 << 16
LONGEST_S = 0.03


@contextlib.asynccontextmanager
async def slow_relay(url: str, chance: random.Random) -> AsyncIterator[str]:
    """The address of the relay; it and its connections are gone afterwards."""
    target = urlsplit(url)
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        task.add_done_callback(connections.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await relay(reader, writer, (target.hostname or ADDRESS, target.port or 80), chance)

    server = await asyncio.start_server(serve, ADDRESS, 0)
    try:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}"
    finally:
        server.close()
        for task in connections:
            task.cancel()
        if connections:
            await asyncio.wait(connections)


async def relay(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    address: tuple[str, int],
    chance: random.Random,
) -> None:
    """Both directions of a connection until one of them ends."""
    there, back = await asyncio.open_connection(*address)
    try:
        pumps = {
            asyncio.create_task(pump(reader, back, chance, 0.0)),
            asyncio.create_task(pump(there, writer, chance, LONGEST_S)),
        }
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in pumps:
                task.cancel()
            await asyncio.wait(pumps)
    finally:
        back.close()
        writer.close()


async def pump(
    source: asyncio.StreamReader,
    sink: asyncio.StreamWriter,
    chance: random.Random,
    longest_s: float,
) -> None:
    """Pass on what comes, a third of it late."""
    with contextlib.suppress(OSError):
        while chunk := await source.read(CHUNK_BYTES):
            if longest_s and chance.random() < 1 / 3:
                await asyncio.sleep(chance.random() * longest_s)
            sink.write(chunk)
            await sink.drain()
