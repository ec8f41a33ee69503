"""The client's side in tests: a running proxy, and ways to talk to it, polite and raw."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp
import orjson
from yarl import URL

from proxy.app import App, start
from proxy.config import Settings
from tests.fakes import FakeUpstream, fake_upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from multidict import CIMultiDictProxy

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

RANGE = "/api/v1/query_range"
QUERY = {"query": "a", "start": "0", "end": "10800", "step": "600"}
"""Three hours: three splits of an hour, and a fourth for the step that lies on the last cut."""

WITHOUT_CACHE: dict[str, Any] = {
    "cache_config": "{type: IN-MEMORY, config: {max_size: 0B}}",
    "stores_interval_ms": 0,
    "probe_interval_ms": 0,
}

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, its body as it was sent."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.text)

    @property
    def text(self) -> bytes:
        return gzip.decompress(self.body) if self.is_gzip else self.body

    @property
    def is_gzip(self) -> bool:
        return self.headers.get("Content-Encoding") == "gzip"

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, errorType and the sentence; the shape of the JSON is checked."""
        assert self.headers["Content-Type"] == "application/json"
        assert self.json.keys() == {"status", "errorType", "error"}
        assert self.json["status"] == "error"
        return self.status, self.json["errorType"], self.json["error"]


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy and a client of it that adds no header of its own."""

    app: App
    session: aiohttp.ClientSession

    async def ask(
        self,
        method: str,
        raw_path: str,
        body: Any = None,
        headers: Mapping[str, str] | list[tuple[str, str]] = (),  # type: ignore[assignment]
    ) -> Answer:
        url = URL(self.app.url + raw_path, encoded=True)
        async with self.session.request(
            method, url, data=body, headers=headers, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, raw_path: str, **headers: str) -> Answer:
        return await self.ask("GET", raw_path, headers=dashed(headers))

    async def range(self, changes: Mapping[str, str] | None = None, **headers: str) -> Answer:
        """The query `QUERY`, a few parameters changed."""
        return await self.get(range_path(changes), **headers)

    async def post(self, raw_path: str, body: bytes, **headers: str) -> Answer:
        return await self.ask("POST", raw_path, body, {**FORM, **dashed(headers)})


def dashed(headers: Mapping[str, str]) -> dict[str, str]:
    """`Accept_Encoding="gzip"` as a header."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def range_path(changes: Mapping[str, str] | None = None) -> str:
    return f"{RANGE}?{urlencode({**QUERY, **(changes or {})})}"


@asynccontextmanager
async def running(upstream_url: str, **settings: Any) -> AsyncIterator[Proxy]:
    """A proxy in front of an upstream, that cuts at full hours and retries at once.

    `pulse_s` among the settings: how often it looks at itself.
    """
    pulse_s = settings.pop("pulse_s", 1.0)
    defaults = {
        "http_address": "127.0.0.1:0",
        "downstream_urls": (upstream_url,),
        "split_interval_ms": HOUR_MS,
        "retry_backoff_ms": 1,
        "http_grace_period_ms": 1000,
        **WITHOUT_CACHE,
    }
    app = await start(Settings(**{**defaults, **settings}), pulse_s=pulse_s)
    skipped = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
    session = aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=skipped)
    try:
        yield Proxy(app, session)
    finally:
        await session.close()
        await app.close()


@asynccontextmanager
async def three() -> AsyncIterator[tuple[Proxy, list[FakeUpstream]]]:
    """A proxy with three upstreams."""
    async with AsyncExitStack() as stack:
        upstreams = [await stack.enter_async_context(fake_upstream()) for _ in range(3)]
        urls = tuple(one.url for one in upstreams)
        yield await stack.enter_async_context(running("", downstream_urls=urls)), upstreams


async def raw_exchange(url: str, request: bytes, timeout_s: float = 5.0) -> bytes:
    """Send bytes, and read what comes back until the other side ends the connection."""
    address = URL(url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(request)
        async with asyncio.timeout(timeout_s):
            return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
