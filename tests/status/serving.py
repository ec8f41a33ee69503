"""The status page behind the real router and server, with a snapshot that tests change."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from proxy.api.respond import ResponsePolicy
from proxy.api.routes import Router, route
from proxy.api.server import JsonServer
from proxy.codec.explain_json import coverage_json
from proxy.plan.coverage import Coverage, CoverageRow, CoveredRun
from proxy.status.events import EventsEndpoint
from proxy.status.forms import TenantHeader
from proxy.status.page import PageOptions
from proxy.status.status_routes import StatusSource, status_routes
from tests.status.days import HOUR_MS, NOW_MS, bad_day

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from proxy.status.snapshot import Snapshot

PLAN = "plan of <up>\n  split 1: held\n"
SEND_BUFFER_BYTES = 32_768
"""The kernel keeps little, so that who does not read is noticed soon."""


def coverage_answer() -> Coverage:
    """Two steps, one of them with all states there are."""
    start_ms, end_ms = NOW_MS - 24 * HOUR_MS, NOW_MS

    def run(begin: float, end: float, state: str, expires_in_ms: int) -> CoveredRun:
        return CoveredRun(
            int(start_ms + begin * HOUR_MS), int(start_ms + end * HOUR_MS), expires_in_ms, state
        )

    first = (run(0, 9.2, "serves", 80_000_000), run(9.5, 9.7, "serves", 900_000))
    second = (
        run(2, 6, "expired", 0),
        run(6, 7.5, "in_doubt", 60_000),
        run(8, 23, "serves", 600_000),
        run(23, 23.8, "pending", 600_000),
    )
    rows = (
        CoverageRow(60_000, 0, "", True, (), first),
        CoverageRow(300_000, 20_000, "<b>team-blue</b>", False, (("dedup", "<i>"),), second),
    )
    return Coverage(start_ms, end_ms, "up", "", rows, 0, 7)


@dataclass(slots=True)
class StatusServer:
    """url: where the page is. snapshot: what it shows from now on."""

    url: str = ""
    snapshot: Snapshot = field(default_factory=bad_day)
    cancelled: list[str] = field(default_factory=list)
    passed_on: list[str] = field(default_factory=list)
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    events: EventsEndpoint | None = None
    connections: JsonServer | None = None

    def take(self) -> Snapshot:
        return self.snapshot

    def cancel(self, key: str) -> bool:
        self.cancelled.append(key)
        return any(run.id == key for run in self.snapshot.running)

    async def pass_on(self, request: web.BaseRequest) -> web.StreamResponse:
        """Stands for Thanos, and for the two endpoints that the page asks."""
        self.passed_on.append(request.path)
        if request.path.endswith("/explain"):
            whose = request.headers.get("THANOS-TENANT", "nobody in particular")
            return web.Response(text=f"{PLAN}{request.query.get('query', '')} for {whose}")
        if request.path.endswith("/coverage"):
            return web.Response(body=coverage_json(coverage_answer()), content_type="application/json")
        return web.Response(status=404, text="Thanos")


@asynccontextmanager
async def status_server(
    is_admin: bool = True, most_listeners: int = 4, interval_s: float = 0.05
) -> AsyncIterator[StatusServer]:
    server = StatusServer()
    policy = ResponsePolicy(gzip=True, cors=True)
    source = StatusSource(server.take, server.cancel, server.leaving, life_s=0.0)
    options = PageOptions(is_admin, TenantHeader("THANOS-TENANT", "default-tenant"))
    routes = status_routes(source, policy, options, most_listeners)
    events = EventsEndpoint(server.take, is_admin, server.leaving, most_listeners, interval_s)
    routes["/status/events"] = route("status", "GET", events)
    server.events = events
    router = Router(routes, route("passthrough", "", server.pass_on), policy, 0)
    server.connections = JsonServer(router, handler_cancellation=True, access_log=None)
    runner = web.ServerRunner(server.connections, shutdown_timeout=1)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)  # of all that connect
    await web.SockSite(runner, listening).start()
    host, port = listening.getsockname()[:2]
    server.url = f"http://{host}:{port}/"
    try:
        yield server
    finally:
        server.leaving.set()
        await runner.cleanup()
