"""aiohttp's low-level server, with errors of the HTTP layer as Prometheus's error JSON too."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from proxy.codec.go_json import error_body
from proxy.telemetry.log import LOG


class JsonRequestHandler(RequestHandler):
    """One connection. What is not HTTP is answered with JSON, and the connection ends."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """See aiohttp's `RequestHandler.handle_error`."""
        LOG.debug("request refused", extra={"status": status, "err": str(exc)})
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is on its way already")
        kind, text = (
            ("bad_data", _sentence(message))
            if status < HTTPStatus.INTERNAL_SERVER_ERROR
            else ("internal", "internal error")
        )
        response = web.Response(
            status=status,
            body=error_body(kind, text),
            headers={
                "Content-Type": "application/json",
                "Cache-Control": "no-store",
                "Server": "thanoxy",
            },
        )
        response.force_close()
        return response


def _sentence(message: str | None) -> str:
    """Aiohttp's own words up to where it quotes what it got."""
    first = (message or "").strip().partition("\n")[0].partition("bytearray(")[0]
    return (
        f"this is not a valid HTTP request: {first.strip(' :')}"
        if first
        else "not a valid HTTP request"
    )


class JsonServer(web.Server):
    """Makes a `JsonRequestHandler` for every connection."""

    def __init__(self, handler: Any, *, handler_cancellation: bool, **options: Any) -> None:
        super().__init__(handler, handler_cancellation=handler_cancellation)
        self._options = options

    def __call__(self) -> RequestHandler:
        return JsonRequestHandler(self, loop=asyncio.get_running_loop(), **self._options)
