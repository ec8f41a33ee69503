"""A relay in front of Thanos that counts what a proxy asks of it: connections are piped through.

It runs in a process of its own, so that counting costs the compared servers the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import re
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

_REQUEST = re.compile(rb"^(?:GET|POST) /api/v1/(?!stores)\S* HTTP/1\.1\r$", re.MULTILINE)
_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class _Shared:
    """What the relay's process and its owner both see."""

    port: Synchronized[int]
    requests: Synchronized[int]
    received: Synchronized[int]
    ready: Event


class Relay:
    """Listens on a free port of 127.0.0.1. `requests` and `received_bytes` grow while it runs."""

    def __init__(self, upstream: str) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._shared = _Shared(
            spawn.Value("i", 0), spawn.Value("q", 0), spawn.Value("q", 0), spawn.Event()
        )
        self._process = spawn.Process(target=_main, args=(upstream, self._shared), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        if not self._shared.ready.wait(20):
            raise SystemExit("the relay does not start")
        self.url = f"http://127.0.0.1:{self._shared.port.value}"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join(10)

    @property
    def requests(self) -> int:
        """Requests to the API so far, the looks at the stores left out."""
        return self._shared.requests.value

    @property
    def received_bytes(self) -> int:
        """Bytes that Thanos has answered so far."""
        return self._shared.received.value


def _main(upstream: str, shared: _Shared) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(upstream, shared))


async def _serve(upstream: str, shared: _Shared) -> None:
    address = urllib.parse.urlsplit(upstream)

    def to_thanos(data: bytes) -> None:
        shared.requests.value += len(_REQUEST.findall(data))

    def from_thanos(data: bytes) -> None:
        shared.received.value += len(data)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection(
            address.hostname, address.port, limit=_CHUNK_BYTES
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(_pipe(reader, other_writer, to_thanos))
            group.create_task(_pipe(other_reader, writer, from_thanos))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=_CHUNK_BYTES)
    shared.port.value = server.sockets[0].getsockname()[1]
    shared.ready.set()
    await server.serve_forever()


async def _pipe(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: Callable[[bytes], None]
) -> None:
    try:
        while data := await reader.read(_CHUNK_BYTES):
            count(data)
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
