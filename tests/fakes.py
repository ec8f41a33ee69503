"""A scriptable upstream for tests: over HTTP, and in memory for the engine.

A script is a function from the request to a `Behaviour`; `in_turn` gives one to each request. The
default answers range queries from `SAMPLES`, so that splits can be joined and compared.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web

from proxy.codec.durations import parse_duration_ms, parse_time_ms
from proxy.engine.ports import UpstreamAnswer
from proxy.model.grid import Grid
from tests.bodies import SeriesPoints, body_of

if TYPE_CHECKING:
    import ssl

    from proxy.engine.ports import Read
    from proxy.model.query import Caller
    from proxy.plan.store_views import Look

T = TypeVar("T")
A = TypeVar("A")

JSON = "application/json"
ERROR_JSON = b'{"status":"error","errorType":"execution","error":"expanding series: <a & b>"}'

Samples = Callable[[int], dict[str, str]]
"""A time in milliseconds to the value of each series: metric text → value text."""


def samples(time_ms: int) -> dict[str, str]:
    """Three series; the second has gaps, the third lives only in some hours."""
    values = {'{"__name__":"a","x":"1"}': str(time_ms % 977)}
    if time_ms // 1000 % 7:
        values['{"__name__":"a","x":"2\\"]]},"}'] = f"{time_ms % 7}.5"
    if time_ms // 3_600_000 % 3 == 1:
        values['{"__name__":"b"}'] = "NaN"
    return values


def matrix_body(grid: Grid, source: Samples = samples, warnings: tuple[str, ...] = ()) -> bytes:
    """What Thanos Query answers when `source` is all there is."""
    series: SeriesPoints = {}
    for step in range(grid.steps):
        for metric, value in source(grid.start_ms + step * grid.step_ms).items():
            series.setdefault(metric, {})[step] = (value, False)
    return body_of(dict(sorted(series.items())), grid, warnings)


@dataclass(eq=False, slots=True)
class Asked:
    """A request as it arrived. `left` says that the asker went away before the answer."""

    method: str
    raw_path: str
    headers: list[tuple[str, str]]
    body: bytes
    left: bool = False

    @property
    def path(self) -> str:
        return self.raw_path.partition("?")[0]

    @property
    def form(self) -> list[tuple[str, str]]:
        """The body's parameters, then the URL's."""
        texts = (self.body.decode("utf-8", "replace"), self.raw_path.partition("?")[2])
        return [pair for text in texts for pair in parse_qsl(text, keep_blank_values=True)]

    @property
    def grid(self) -> Grid:
        form = dict(reversed(self.form))
        start, end = parse_time_ms(form["start"]), parse_time_ms(form["end"])
        step = parse_duration_ms(form["step"])
        assert start is not None
        assert end is not None
        assert step is not None
        return Grid.between(start, end, step)

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


Behaviour = Callable[[Asked, web.BaseRequest], Awaitable[web.StreamResponse]]
Script = Callable[[Asked], Behaviour]


def reply(
    status: int, body: bytes, content_type: str = JSON, headers: dict[str, str] | None = None
) -> Behaviour:
    """A plain answer with a Content-Length."""

    async def behave(_asked: Asked, _request: web.BaseRequest) -> web.StreamResponse:
        own = {"Content-Type": content_type, **(headers or {})}
        return web.Response(status=status, body=body, headers=own)

    return behave


def matrix(source: Samples = samples, warnings: tuple[str, ...] = ()) -> Behaviour:
    """The right answer to a range query."""

    async def behave(asked: Asked, request: web.BaseRequest) -> web.StreamResponse:
        return await reply(200, matrix_body(asked.grid, source, warnings))(asked, request)

    return behave


def after(delay: float | asyncio.Event, then: Behaviour) -> Behaviour:
    """The same, some seconds later or when an event has come."""

    async def behave(asked: Asked, request: web.BaseRequest) -> web.StreamResponse:
        await (delay.wait() if isinstance(delay, asyncio.Event) else asyncio.sleep(delay))
        return await then(asked, request)

    return behave


async def never(_asked: Asked, _request: web.BaseRequest) -> web.StreamResponse:
    """No answer, as long as somebody waits for one."""
    await asyncio.Event().wait()
    raise AssertionError("nobody ends this")


def gzipped(body: bytes, status: int = 200) -> Behaviour:
    """The answer in gzip, asked for or not."""
    return reply(status, gzip.compress(body), headers={"Content-Encoding": "gzip"})


def broken_off(
    body: bytes, declared: int, content_type: str = JSON, status: str = "200 OK"
) -> Behaviour:
    """Content-Length says `declared`; `body` is sent, then the connection ends."""
    headers = f"Content-Type: {content_type}\r\nContent-Length: {declared}\r\n\r\n"
    return raw_bytes(f"HTTP/1.1 {status}\r\n{headers}".encode() + body)


def raw_bytes(text: bytes) -> Behaviour:
    """Whatever the bytes are, then the end of the connection."""

    async def behave(_asked: Asked, request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        if text:
            request.transport.write(text)
            await asyncio.sleep(0.01)
        request.transport.abort()
        return web.Response()

    return behave


reset = raw_bytes(b"")
"""The connection breaks before anything was answered."""


def drip(pieces: list[bytes], pause_s: float, content_type: str = JSON) -> Behaviour:
    """A chunked answer, piece after piece."""

    async def behave(_asked: Asked, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": content_type})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(pause_s)
        await response.write_eof()
        return response

    return behave


def always(behaviour: Behaviour) -> Script:
    return lambda _asked: behaviour


def in_turn(*behaviours: Behaviour) -> Script:
    """One for each request, in order; the last for all that follow."""
    waiting = list(behaviours)
    return lambda _asked: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def for_split(at_ms: int, behaviour: Behaviour, others: Behaviour | None = None) -> Script:
    """A behaviour for the split that starts at a time, and one for the other splits."""
    return lambda asked: behaviour if asked.grid.start_ms == at_ms else others or matrix()


def _default(asked: Asked) -> Behaviour:
    if asked.path == "/api/v1/query_range":
        return matrix()
    return reply(200, b'{"status":"success","data":[]}')


@dataclass(eq=False, slots=True)
class FakeUpstream:
    """A server that does what its script says, and remembers what it was asked."""

    url: str = ""
    script: Script = _default
    asked: list[Asked] = field(default_factory=list)
    running: int = 0
    open_connections: Callable[[], int] = lambda: 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = Asked(request.method, request.raw_path, list(request.headers.items()), b"")
        self.asked.append(asked)
        self.running += 1
        try:
            asked.body = await request.content.read()
            return await self.script(asked)(asked, request)
        except asyncio.CancelledError:
            asked.left = True
            raise
        finally:
            self.running -= 1

    async def until(self, condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Wait until something holds of what was asked."""
        async with asyncio.timeout(timeout_s):
            while not condition():  # noqa: ASYNC110  a test asks about many things
                await asyncio.sleep(0.005)

    @property
    def grids(self) -> list[Grid]:
        return sorted(asked.grid for asked in self.asked)


@asynccontextmanager
async def fake_upstream(tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeUpstream]:
    """A running `FakeUpstream` on a free port of 127.0.0.1."""
    upstream = FakeUpstream()
    server = web.Server(
        upstream,
        handler_cancellation=True,
        access_log=None,
        auto_decompress=False,
        max_line_size=1 << 17,
        max_field_size=1 << 17,
    )
    runner = web.ServerRunner(server, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    upstream.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    upstream.open_connections = lambda: len(server.connections)
    try:
        yield upstream
    finally:
        await runner.cleanup()


@dataclass(slots=True)
class MemoryUpstream:
    """`engine.ports.Upstream` without a network."""

    answer: Callable[[Asked], Awaitable[UpstreamAnswer]]
    asked: list[Asked] = field(default_factory=list)
    running: int = 0
    most_running: int = 0

    async def ask(
        self, path: str, form: bytes, caller: Caller, read: Read[T], kind: Hashable = None
    ) -> T:
        return await self._answer(Asked("POST", path, list(caller.pairs), form), read)

    async def get(self, path_and_query: str, caller: Caller, read: Read[T], kind: Hashable = None) -> T:
        return await self._answer(Asked("GET", path_and_query, list(caller.pairs), b""), read)

    async def stores(self) -> Look | None:
        return None

    async def _answer(self, asked: Asked, read: Read[T]) -> T:
        self.asked.append(asked)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(0)
            answer = await self.answer(asked)
            try:
                return await read(answer)
            except BaseException:
                answer.memory.close()
                raise
        except asyncio.CancelledError:
            asked.left = True
            raise
        finally:
            self.running -= 1


async def right_answer(asked: Asked) -> UpstreamAnswer:
    return UpstreamAnswer(matrix_body(asked.grid), no_store=False)


@dataclass(frozen=True, slots=True)
class NoThreads:
    """`engine.ports.Threads` that does all work at once."""

    async def run(self, work: Callable[[A], T], argument: A, size_bytes: int) -> T:
        return work(argument)
