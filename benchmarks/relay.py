"""A relay in front of Thanos that counts what a proxy asks of it: connections are piped through.

It runs in a process of its own, so that counting costs the compared servers the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import urllib.parse
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Self

from benchmarks.asked import RequestReader, is_counted, samples_asked

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class _Shared:
    """What the relay's process and its owner both see."""

    port: Synchronized[int]
    requests: Synchronized[int]
    received: Synchronized[int]
    samples: Synchronized[int]
    ready: Event


class Asked(NamedTuple):
    """What went through a relay so far: requests to the API (looks at the stores left out), bytes of
    answers, samples asked for."""

    requests: int
    received_bytes: int
    samples: int


class Relay:
    """Listens on a free port of 127.0.0.1, and counts."""

    def __init__(self, upstream: str) -> None:
        spawn = multiprocessing.get_context("spawn")
        counters = [spawn.Value("q", 0) for _ in range(4)]
        self._shared = _Shared(counters[0], counters[1], counters[2], counters[3], spawn.Event())
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
    def asked(self) -> Asked:
        shared = self._shared
        return Asked(shared.requests.value, shared.received.value, shared.samples.value)


def _main(upstream: str, shared: _Shared) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(upstream, shared))


async def _serve(upstream: str, shared: _Shared) -> None:
    address = urllib.parse.urlsplit(upstream)

    def to_thanos(reader: RequestReader, data: bytes) -> None:
        for request in reader.feed(data):
            shared.requests.value += is_counted(request.target)
            shared.samples.value += samples_asked(*request)

    def from_thanos(data: bytes) -> None:
        shared.received.value += len(data)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection(
            address.hostname, address.port, limit=_CHUNK_BYTES
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(_pipe(reader, other_writer, partial(to_thanos, RequestReader())))
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
