"""A collector of traces for tests: it records what it is sent, and answers as it is told."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass
class ToldSpan:
    """A span as it arrived."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    status: dict[str, Any]
    state: str


@dataclass
class FakeCollector:
    """hangs: no answer at all. status, answer: what it answers. aiohttp inflates what it is sent.

    raw: everything, also what is not JSON.
    """

    url: str = ""
    hangs: bool = False
    status: int = 200
    answer: bytes = b"{}"
    raw: list[bytes] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        self.asked.set()
        if self.hangs:
            await asyncio.Event().wait()
        self.raw.append(body)
        if self.status == 200 and request.content_type == "application/json":
            self.bodies.append(orjson.loads(body))
            self.headers.append(dict(request.headers))
            self.paths.append(request.path)
        return web.Response(status=self.status, body=self.answer, content_type="application/json")

    @property
    def spans(self) -> list[ToldSpan]:
        return [
            _read(span)
            for body in self.bodies
            for resource in body["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]

    def of_kind(self, kind: int) -> list[ToldSpan]:
        return [span for span in self.spans if span.kind == kind]

    async def until(self, count: int, kind: int = 2) -> list[ToldSpan]:
        """So many spans of a kind; by default those of requests."""
        async with asyncio.timeout(10):
            while len(found := self.of_kind(kind)) < count:  # noqa: ASYNC110  spans come from afar
                await asyncio.sleep(0.01)
        return found


def _read(span: dict[str, Any]) -> ToldSpan:
    return ToldSpan(
        span["traceId"],
        span["spanId"],
        span.get("parentSpanId", ""),
        span["name"],
        span["kind"],
        int(span["startTimeUnixNano"]),
        int(span["endTimeUnixNano"]),
        {one["key"]: _value(one["value"]) for one in span["attributes"]},
        span.get("status", {}),
        span.get("traceState", ""),
    )


def _value(value: dict[str, Any]) -> Any:
    ((kind, plain),) = value.items()
    return int(plain) if kind == "intValue" else plain


@asynccontextmanager
async def fake_collector() -> AsyncIterator[FakeCollector]:
    collector = FakeCollector()
    server = web.Server(collector, handler_cancellation=True, access_log=None)
    runner = web.ServerRunner(server, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
    try:
        yield collector
    finally:
        await runner.cleanup()
