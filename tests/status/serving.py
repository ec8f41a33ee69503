"""The status page behind the real router and server, with a snapshot that tests change."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from proxy.api.respond import ResponsePolicy
from proxy.api.routes import Router, route
from proxy.api.server import JsonServer
from proxy.status.events import EventsEndpoint
from proxy.status.status_routes import StatusSource, status_routes
from tests.status.days import NOW_MS, bad_day

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from proxy.status.snapshot import Snapshot

PLAN = "plan of <up>\n  split 1: held\n"
MINUTE_MS = 60_000
SEND_BUFFER_BYTES = 32_768
"""The kernel keeps little, so that who does not read is noticed soon."""


def coverage_answer() -> dict[str, Any]:
    """Two steps, one of them with all states there are."""
    start_ms, end_ms = NOW_MS - 24 * 60 * MINUTE_MS, NOW_MS
    hour_ms = 60 * MINUTE_MS

    def run(begin: float, end: float, state: str, expires_in_ms: int | None) -> dict[str, Any]:
        return {
            "from_ms": int(start_ms + begin * hour_ms),
            "to_ms": int(start_ms + end * hour_ms),
            "state": state,
            "expires_in_ms": expires_in_ms,
        }

    first = [run(0, 9.2, "serves", 80_000_000), run(9.5, 9.7, "serves", 900_000)]
    second = [
        run(2, 6, "expired", -5_000),
        run(6, 7.5, "in_doubt", 60_000),
        run(8, 23, "serves", 600_000),
        run(23, 23.8, "pending", None),
    ]
    rows = [
        {"step_ms": MINUTE_MS, "caller": "", "runs": first},
        {"step_ms": 5 * MINUTE_MS, "caller": "<b>team-blue</b>", "runs": second},
    ]
    return {"start_ms": start_ms, "end_ms": end_ms, "rows": rows}


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
            return web.Response(text=PLAN + request.query.get("query", ""))
        if request.path.endswith("/coverage"):
            return web.json_response({"status": "success", "data": coverage_answer()})
        return web.Response(status=404, text="Thanos")


@asynccontextmanager
async def status_server(
    is_admin: bool = True, most_listeners: int = 4, interval_s: float = 0.05
) -> AsyncIterator[StatusServer]:
    server = StatusServer()
    policy = ResponsePolicy(gzip=True, cors=True)
    source = StatusSource(server.take, server.cancel, server.leaving)
    routes = status_routes(source, policy, is_admin, most_listeners)
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
