"""`/-/healthy`, `/-/ready` and `/metrics`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS_TYPE
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from proxy.telemetry.registry import shown_registry

if TYPE_CHECKING:
    from proxy.engine.ports import Forwarder


async def healthy(_request: web.BaseRequest) -> web.StreamResponse:
    """The process runs and its event loop turns."""
    return web.Response(text="thanoxy is healthy.\n")


async def metrics(request: web.BaseRequest) -> web.StreamResponse:
    """All metrics, as OpenMetrics where that is asked for."""
    if "application/openmetrics-text" in request.headers.get("Accept", ""):
        body = generate_openmetrics(shown_registry())  # type: ignore[no-untyped-call]
        content_type = OPENMETRICS_TYPE
    else:
        body, content_type = generate_latest(shown_registry()), CONTENT_TYPE_LATEST
    return web.Response(body=body, headers={"Content-Type": content_type})


@dataclass(slots=True)
class Ready:
    """Ready means: not on the way out, and the upstream says that it is ready."""

    forwarder: Forwarder
    timeout_s: float
    leaving: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, _request: web.BaseRequest) -> web.StreamResponse:
        if self.leaving.is_set():
            return web.Response(status=503, text="thanoxy is shutting down.\n")
        if await self.forwarder.is_ready(self.timeout_s):
            return web.Response(text="thanoxy is ready.\n")
        return web.Response(status=503, text="thanoxy waits for its upstream to be ready.\n")
