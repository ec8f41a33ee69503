"""The HTTP server of the demo upstream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from proxy.codec.go_json import error_body
from proxy.codec.params import parse_form
from proxy.demo.answers import success
from proxy.demo.api import ENDPOINTS, Answer, Question
from proxy.errors import BadDataError, QueryError

if TYPE_CHECKING:
    from proxy.model.query import Form

MAX_FORM_BYTES = 10 * 2**20
GZIP_FROM_BYTES = 1024

Endpoint = Callable[[Question], Answer]
Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class DemoServer:
    """A demo upstream that listens."""

    url: str
    _runner: web.AppRunner

    async def close(self) -> None:
        """Stop listening and close what is open."""
        await self._runner.cleanup()


async def start_demo(host: str = "127.0.0.1", port: int = 0) -> DemoServer:
    """Listen on `host` and `port`; 0 is any free port.

    Raises:
        OSError: the address is taken or not this machine's.
    """
    runner = web.AppRunner(build_app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    return DemoServer(f"http://{host}:{runner.addresses[0][1]}", runner)


def build_app() -> web.Application:
    """All routes."""
    app = web.Application(client_max_size=MAX_FORM_BYTES)
    for path in ("/-/healthy", "/-/ready"):
        app.router.add_get(path, ok)
    for path, endpoint in ENDPOINTS.items():
        app.router.add_get(f"/api/v1/{path}", handler(endpoint))
        app.router.add_post(f"/api/v1/{path}", handler(endpoint))
    return app


async def ok(_: web.Request) -> web.Response:
    return web.Response(text="OK")


def handler(endpoint: Endpoint) -> Handler:
    """An endpoint as aiohttp calls it: read the form, work in a thread, perhaps compress."""

    async def respond(request: web.Request) -> web.Response:
        form = parse_form(request.raw_path.partition("?")[2], await request.read())
        label, now_ms = request.match_info.get("label", ""), time.time_ns() // 1_000_000
        response = await asyncio.to_thread(answered, endpoint, form, label, now_ms)
        is_large = (response.content_length or 0) >= GZIP_FROM_BYTES
        if is_large and "gzip" in request.headers.get("Accept-Encoding", ""):
            response.enable_compression(web.ContentCoding.gzip)
        return response

    return respond


def answered(endpoint: Endpoint, form: Form | None, label: str, now_ms: int) -> web.Response:
    """The whole response; as in Thanos, errors and incomplete answers may not be kept."""
    try:
        if form is None:
            raise BadDataError("the form is not urlencoded UTF-8")
        answer = endpoint(Question(form, label, now_ms))
    except QueryError as error:
        return json_response(error.status, error_body(error.error_type, str(error)), keep=False)
    body = success(answer.data, answer.warnings).encode()
    return json_response(200, body, keep=not answer.warnings)


def json_response(status: int, body: bytes, *, keep: bool) -> web.Response:
    headers = {} if keep else {"Cache-Control": "no-store"}
    return web.Response(status=status, body=body, headers=headers, content_type="application/json")
