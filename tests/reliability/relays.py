"""Relays on loopback: one that mistreats HTTP requests, one that makes a store late.

They run on an event loop in a thread of their own, so that whoever uses them may block.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import re
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any, Self

from tests.thanos.loopback import ADDRESS

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine
    from types import TracebackType

CHUNK_BYTES = 1 << 18
HEAD_END = b"\r\n\r\n"
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nContent-Length: 29\r\n\r\n"
    b"<h1>503 upstream connect</h1>"
)
BODIES_OF_NOTHING = {
    "PAGE": (b"text/html", b"<!doctype html><title>Sign in</title>"),
    "GARBAGE": (b"application/json", b"\x00\xff" * 500),
    "HALF": (
        b"application/json",
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"a"}',
    ),
}
GONE = (OSError, asyncio.IncompleteReadError)


class Ill(enum.Enum):
    """What is done to a request."""

    PASSED = "it is passed on"
    SILENT = "it is read and never answered"
    RESET = "its connection is reset"
    CUT = "its answer ends half way"
    REFUSED = "a gateway answers 503 with HTML"
    PAGE = "a page is the answer, with 200"
    GARBAGE = "bytes that mean nothing are the answer, with 200"
    HALF = "half an answer is the answer, with its length and 200"


@dataclasses.dataclass(frozen=True, slots=True)
class Treatment:
    """late_s: how long each request is held first. every: only each of so many is treated."""

    ill: Ill = Ill.PASSED
    late_s: float = 0.0
    every: int = 1


WELL = Treatment()


class Relay:
    """Listens on a free port, passes connections on to `target` (host:port); a context manager."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._connections: set[asyncio.Task[Any]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._accept, ADDRESS, 0, limit=CHUNK_BYTES))
        self.address = f"{ADDRESS}:{self._server.sockets[0].getsockname()[1]}"
        self.url = f"http://{self.address}"
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _end(self) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            with contextlib.suppress(*GONE, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError


class LateRelay(Relay):
    """Whatever comes back comes `late_s` later, in order: a store that is far away."""

    def __init__(self, target: str, late_s: float) -> None:
        super().__init__(target)
        self._late_s = late_s

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, there = await asyncio.open_connection(*self._target, limit=CHUNK_BYTES)
        pumps = {
            asyncio.ensure_future(pump(reader, there, 0.0)),
            asyncio.ensure_future(pump(back, writer, self._late_s)),
        }
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            there.close()  # first: the rest may be cancelled
            await end(pumps)


class HttpRelay(Relay):
    """Treats each HTTP request as `treatment` says when it arrives, on old connections too."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.treatment = WELL
        self._requests = 0

    def _next(self) -> Treatment:
        self._requests += 1
        treatment = self.treatment
        return treatment if self._requests % treatment.every == 0 else WELL

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passage = Passage(self._target, writer)
        try:
            while request := await read_request(reader):
                treatment = self._next()
                await asyncio.sleep(treatment.late_s)
                if treatment.ill is Ill.RESET:
                    reset(writer)
                    return
                if treatment.ill is Ill.SILENT:
                    await reader.read()
                    return
                if treatment.ill is Ill.REFUSED:
                    writer.write(REFUSAL)
                elif treatment.ill.name in BODIES_OF_NOTHING:
                    writer.write(no_answer(treatment.ill))
                else:
                    await passage.send(request, is_cut=treatment.ill is Ill.CUT)
        finally:
            await passage.end()


class Passage:
    """The way of one client's connection to the target and back; opened when first needed."""

    def __init__(self, target: tuple[str, int], client: asyncio.StreamWriter) -> None:
        self._target = target
        self._client = client
        self._there: asyncio.StreamWriter | None = None
        self._pump: asyncio.Future[None] | None = None
        self._is_cut = False

    async def send(self, request: bytes, *, is_cut: bool) -> None:
        self._is_cut = is_cut
        if self._there is None:
            try:
                back, self._there = await asyncio.open_connection(*self._target, limit=CHUNK_BYTES)
            except OSError:
                reset(self._client)
                raise
            self._pump = asyncio.ensure_future(self._bring(back))
        self._there.write(request)
        await self._there.drain()

    async def _bring(self, back: asyncio.StreamReader) -> None:
        with contextlib.suppress(*GONE):
            while chunk := await back.read(CHUNK_BYTES):
                if self._is_cut:
                    if chunk.endswith(HEAD_END):
                        chunk += await back.read(CHUNK_BYTES)
                    self._client.write(first_half(chunk))
                    break
                self._client.write(chunk)
                await self._client.drain()
        self._client.close()

    async def end(self) -> None:
        if self._there is not None:
            self._there.close()  # first: the rest may be cancelled
        if self._pump is not None:
            await end([self._pump])


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Head and body (of a known length); nothing when the client has closed."""
    try:
        head = await reader.readuntil(HEAD_END)
    except asyncio.IncompleteReadError:
        return b""
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return head + await reader.readexactly(int(found.group(1)) if found else 0)


def no_answer(ill: Ill) -> bytes:
    """A complete HTTP response of 200 with a body that is none."""
    content_type, body = BODIES_OF_NOTHING[ill.name]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (content_type, len(body)) + body


def first_half(answer: bytes) -> bytes:
    """The head and half of what follows."""
    head_bytes = answer.find(HEAD_END) + len(HEAD_END)
    return answer[: head_bytes + (len(answer) - head_bytes) // 2]


def reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side gets an RST."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, late_s: float) -> None:
    """Pass on what comes, each chunk `late_s` after it came."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def write() -> None:
        while True:
            due_s, chunk = await waiting.get()
            await asyncio.sleep(max(due_s - loop.time(), 0))
            if not chunk:
                return
            sink.write(chunk)
            await sink.drain()

    writing = asyncio.ensure_future(write())
    try:
        with contextlib.suppress(*GONE):
            while chunk := await source.read(CHUNK_BYTES):
                waiting.put_nowait((loop.time() + late_s, chunk))
            waiting.put_nowait((loop.time() + late_s, b""))
            await writing
    finally:
        await end([writing])


async def end(tasks: Collection[asyncio.Future[None]]) -> None:
    """Cancel what still runs; what it raised is of no interest any more."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()
