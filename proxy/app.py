"""The composition root: builds every part once, starts and stops them in order."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from proxy.api.client_limits import ClientLimits
from proxy.api.health import Ready
from proxy.api.listener import Listener
from proxy.api.server import JsonServer
from proxy.demo.app import start_demo
from proxy.engine.clock import SystemClock
from proxy.setting_values import SettingError, host_and_port
from proxy.telemetry.book import Book
from proxy.telemetry.log import LOG
from proxy.wiring import build_engine, build_router
from proxy.wiring_access import Access, open_access
from proxy.wiring_ground import open_ground
from proxy.wiring_status import build_pulse, build_status
from proxy.wiring_watchers import watch_requests
from proxy.worker import inherited_socket, is_first, is_worker, part_of, say_ready, watch_supervisor

if TYPE_CHECKING:
    import socket

    from proxy.api.routes import Router
    from proxy.engine.ports import Clock
    from proxy.settings import Settings
    from proxy.status.pulse import Pulse
    from proxy.wiring import Engine

_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104  told apart, not bound to


@dataclass(slots=True)
class App:
    """A running proxy. `url` is where it listens; `close` waits for what still runs."""

    url: str
    upstream_url: str
    engine: Engine
    ready: Ready
    access: Access
    pulse: Pulse
    parts: AsyncExitStack

    async def close(self) -> None:
        self.ready.leaving.set()
        await self.parts.aclose()


async def start(
    settings: Settings,
    clock: Clock | None = None,
    listening: socket.socket | None = None,
    pulse_s: float = 1.0,
) -> App:
    """Build and start all parts.

    clock: another than the system's, for tests that move time. listening: where to accept
    connections; None: at the address of the settings. pulse_s: how often the process looks at itself.

    Raises:
        SettingError: an address that cannot be used.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as parts:
        urls = settings.downstream_urls
        if settings.demo:
            demo = await start_demo()
            parts.push_async_callback(demo.close)
            urls = (demo.url,)
        access = open_access(settings, parts)
        ground = await open_ground(settings, urls, clock, access, parts)
        ground.background.spawn(access.watch.run())
        ready = Ready(ground.client, settings.ready_timeout_ms / 1000)
        engine = build_engine(settings, ground)
        engine.share()
        book = Book()
        pulse = build_pulse(engine, access.watch, book, pulse_s)
        pulse.is_leaving = ready.leaving.is_set
        ground.background.spawn(pulse.run())
        pulse.mourn(watch_requests(settings, book, ground, access.watch, parts))
        more = build_status(settings, pulse, ready.leaving)
        router = build_router(settings, engine, ready, access, book, more)
        runner = _runner(settings, router, access)
        await runner.setup()
        parts.push_async_callback(runner.cleanup)
        listener = Listener(_server(runner), access.server_tls)
        parts.push_async_callback(listener.close)
        url = await _listen(listener, settings.http_address, listening)
        if access.certificates:
            url = url.replace("http://", "https://", 1)
        return App(url, ", ".join(urls), engine, ready, access, pulse, parts.pop_all())
    raise AssertionError("unreachable")


def _runner(settings: Settings, router: Router, access: Access) -> web.ServerRunner:
    server = JsonServer(
        router,
        handler_cancellation=True,
        auto_decompress=False,
        access_log=None,
        max_line_size=settings.max_header_bytes,
        max_field_size=settings.max_header_bytes,
        keepalive_timeout=75,
        headers=access.headers,
        limits=ClientLimits(
            header_timeout_s=settings.header_timeout_ms / 1000,
            body_timeout_s=settings.body_timeout_ms / 1000,
            max_stall_s=settings.max_stall_ms / 1000,
            max_head_bytes=settings.max_head_bytes,
            max_parameters=settings.max_parameters,
            max_connections=part_of(settings.max_clients),
        ),
    )
    grace_s = settings.http_grace_period_ms / 1000
    return web.ServerRunner(server, access_log=None, shutdown_timeout=grace_s)


def _server(runner: web.ServerRunner) -> web.Server:
    assert runner.server is not None  # noqa: S101  `setup` has made it
    return runner.server


async def _listen(listener: Listener, address: str, listening: socket.socket | None) -> str:
    try:
        if listening is not None:
            bound_host, bound_port = listener.adopt(listening)
        else:
            bound_host, bound_port = await listener.open(*host_and_port(address))
    except OSError as error:
        raise SettingError(f"--http-address={address}: {error.strerror or error}") from error
    shown = "127.0.0.1" if bound_host in _EVERYWHERE else bound_host
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{bound_port}"


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; then finish what runs and leave."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = await start(settings, listening=inherited_socket())
    loop.add_signal_handler(signal.SIGHUP, app.access.watch.reload_now)
    LOG.info("listening", extra={"url": app.url, "upstream": app.upstream_url})
    if is_first() or not is_worker():
        _greet(app, settings)
    watch_supervisor(stop.set)
    say_ready()
    await stop.wait()
    LOG.info("stopping", extra={"grace_period_ms": settings.http_grace_period_ms})
    await app.close()


def _greet(app: App, settings: Settings) -> None:
    """What to copy: the URL, a query for curl, Grafana's datasource URL, and the status page's."""
    expr = "sum by (service) (rate(demo_http_requests_total[5m]))" if settings.demo else "up"
    note = " (an embedded demo with synthetic series)" if settings.demo else ""
    lines = (
        "",
        f"thanoxy answers at {app.url}, in front of {app.upstream_url}{note}",
        "",
        "  a query:   curl -s --compressed "
        f"\"{app.url}/api/v1/query_range?start=$(date -d '-2 days' +%s)&end=$(date +%s)&step=300\" "
        f"--data-urlencode 'query={expr}' -G | head -c 600",
        f"  Grafana:   datasource of type Prometheus with the URL {app.url}",
        *([f"  its state: {app.url}/ in a browser"] if settings.status_page else []),
        "",
    )
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
