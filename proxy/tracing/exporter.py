"""Sends spans to a collector, beside everything else: OTLP over HTTP.

A collector that is slow, away or out of its mind costs spans, and nothing but spans.
"""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp

from proxy import __version__
from proxy.codec.otlp import encode_spans, rejected_spans
from proxy.telemetry.log import LOG
from proxy.telemetry.metrics import TRACES_DROPPED, TRACES_SENT

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from proxy.codec.otlp import Span, Value
    from proxy.tracing.tracer import Tracer

_MOST_SPANS = 200
"""In one request: more would hold the event loop for long."""
_PAUSE_S = 1.0
_MOST_ANSWER_BYTES = 1 << 16
_FLUSH_S = 5.0
_REFUSED = 300


@dataclass(frozen=True, slots=True)
class Collector:
    """Where spans go. resource: what all of them are of.

    tls: for each connection; None trusts the system's CAs. server_name: to verify, if not the host's.
    """

    url: str
    timeout_s: float = 10.0
    headers: Mapping[str, str] = field(default_factory=dict)
    resource: Mapping[str, Value] = field(default_factory=lambda: {"service.name": "thanoxy"})
    gzip: bool = False
    tls: Callable[[], ssl.SSLContext] | None = None
    server_name: str = ""


class Exporter:
    """Empties a tracer's queue. Made where the event loop runs."""

    def __init__(self, tracer: Tracer, collector: Collector) -> None:
        self._tracer = tracer
        self._collector = collector
        self._sending = asyncio.Lock()
        self._is_well = True
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=collector.timeout_s),
        )

    async def run(self) -> None:
        """Send what there is, once a second."""
        while True:
            await self.send_all()
            await asyncio.sleep(_PAUSE_S)

    async def send_all(self) -> None:
        """Send what there is, batch by batch; after a failure the rest waits for the next time."""
        async with self._sending:
            while spans := self._tracer.take(_MOST_SPANS):
                if not await self._send(spans):
                    return

    async def close(self, within_s: float) -> None:
        """Send what is left, if that does not take long."""
        try:
            async with asyncio.timeout(min(within_s, _FLUSH_S)):
                await self.send_all()
        except TimeoutError:
            pass
        finally:
            left = sum(len(spans) for spans in iter(lambda: self._tracer.take(_MOST_SPANS), []))
            TRACES_DROPPED.labels("closed").inc(left)
            await self._session.close()

    async def _send(self, spans: list[Span]) -> bool:
        try:
            rejected = await self._post(spans)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            TRACES_DROPPED.labels("failed").inc(len(spans))
            self._say(str(error) or type(error).__name__)
            return False
        except asyncio.CancelledError:
            TRACES_DROPPED.labels("closed").inc(len(spans))
            raise
        TRACES_DROPPED.labels("rejected").inc(rejected)
        TRACES_SENT.inc(max(0, len(spans) - rejected))
        self._say("")
        return True

    async def _post(self, spans: list[Span]) -> int:
        """How many of them were rejected."""
        body = encode_spans(self._collector.resource, __version__, spans)
        headers = {**self._collector.headers, "Content-Type": "application/json"}
        if self._collector.gzip:
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        async with self._session.post(
            self._collector.url,
            data=body,
            headers=headers,
            allow_redirects=False,
            ssl=self._collector.tls() if self._collector.tls else True,
            server_hostname=self._collector.server_name or None,
        ) as response:
            answer = await response.content.read(_MOST_ANSWER_BYTES)
            if response.status >= _REFUSED:
                raise ValueError(f"it answered {response.status}")
            return rejected_spans(answer)

    def _say(self, problem: str) -> None:
        """Once when it fails, once when it is well again."""
        is_well = not problem
        if is_well is self._is_well:
            return
        self._is_well = is_well
        told = {"url": self._collector.url}
        if problem:
            LOG.warning("the collector of traces takes no spans", extra={**told, "err": problem})
        else:
            LOG.info("the collector of traces takes spans again", extra=told)
