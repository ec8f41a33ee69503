"""aiohttp's low-level server, with errors of the HTTP layer as Prometheus's error JSON too.

It bounds what a connection may take before there is a request: how many there are, how long a head
may take to arrive, how large it may be; and how long a client may leave an answer unread.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import Any, cast

from aiohttp import HttpVersion11, StreamReader, web
from aiohttp.http_exceptions import InvalidURLError
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from proxy.api.client_limits import ClientLimits
from proxy.api.extra_headers import request_factory
from proxy.api.sending import StallWatch
from proxy.api.shapes import refusal
from proxy.codec.go_json import error_body
from proxy.errors import BadDataError
from proxy.telemetry.log import LOG

_HEADERS = {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "Server": "thanoxy",
}
_TOO_SLOW = "the request's header was not complete in time (--http.header-timeout): send it at once"
_TOO_LONG = "the request's header is larger than --http.max-head-bytes: send fewer or shorter headers"
_LINGERING_S = 10.0
"""How long the rest of a body is read and dropped, so that its sender reads why it was refused."""
_QUOTED = re.compile(r"\n|bytearray\(|b'|b\"")
_FULL = "as many clients are connected as may be (--http.max-connections): come again later"


class JsonRequestHandler(RequestHandler):
    """One connection. What is not HTTP is answered with JSON, and the connection ends."""

    stall_watch: StallWatch | None = None
    _head_handle: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _is_admitted = False

    def __init__(self, server: JsonServer, **options: Any) -> None:
        super().__init__(server, **options)
        self.limits = server.limits
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        made = cast("asyncio.Transport", transport)
        if not self._server.has_room():
            self._force_close = True  # nothing is read
            _say(made, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", _FULL)
            made.close()
            return
        self._is_admitted = True
        self._server.admitted += 1
        super().connection_made(transport)
        self.stall_watch = StallWatch(made, self.limits.max_stall_s)
        self._await_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """See `asyncio.Protocol`."""
        self._server.admitted -= self._is_admitted
        self._is_admitted = False
        self._end_of_head()
        super().connection_lost(exc)
        if self.stall_watch is not None:
            self.stall_watch.stop()
            self.stall_watch = None

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`. Bytes that begin a request and do not end its head start a clock."""
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._end_of_head()
            self._end_broken_body()
        elif data and self._awaits_head():
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.max_head_bytes:
                self._refuse_head(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "bad_data", _TOO_LONG)
            elif self._head_handle is None:
                self._await_head()

    def _end_broken_body(self) -> None:
        """What is no HTTP within a body is its request's fault: who reads it is told.

        By itself aiohttp answers it as a request that follows, and leaves the reader waiting.
        """
        if not isinstance(self._messages[-1][0], _ErrInfo):
            return
        payload: StreamReader | None = None
        if len(self._messages) > 1:
            payload = self._messages[-2][1]
        elif self._current_request is not None:
            payload = self._current_request.content
        if payload is None or payload.is_eof():
            return
        self._messages.pop()
        self.close()
        payload.set_exception(BadDataError("the request's body is not what its headers say"))
        payload.feed_eof()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().pause_writing()
        if self.stall_watch is not None:
            self.stall_watch.start()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().resume_writing()
        if self.stall_watch is not None:
            self.stall_watch.stop()

    def force_close(self) -> None:
        """See aiohttp's `RequestHandler.force_close`; what is unread then is given a time, too."""
        super().force_close()
        if self.stall_watch is not None:
            self.stall_watch.start()

    async def start(self) -> None:
        """See aiohttp's `RequestHandler.start`: all requests of the connection."""
        await super().start()
        if self.stall_watch is not None:
            self.stall_watch.start()

    def _awaits_head(self) -> bool:
        """The first bytes may come before aiohttp has begun to wait for them."""
        if self._request_count == 0:
            return True
        return self._waiter is not None and not self._waiter.done()

    def _await_head(self) -> None:
        loop = asyncio.get_running_loop()
        self._head_handle = loop.call_later(self.limits.header_timeout_s, self._head_is_late)

    def _end_of_head(self) -> None:
        self._head_bytes = 0
        if self._head_handle is not None:
            self._head_handle.cancel()
            self._head_handle = None

    def _head_is_late(self) -> None:
        self._refuse_head(HTTPStatus.REQUEST_TIMEOUT, "timeout", _TOO_SLOW)

    def _refuse_head(self, status: HTTPStatus, kind: str, text: str) -> None:
        """Say why, to those who have said something; and end it."""
        if self._head_bytes and self.transport is not None:
            _say(self.transport, status, kind, text)
        self._end_of_head()
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """See aiohttp's `RequestHandler.handle_error`."""
        LOG.debug("request refused", extra={"status": status, "err": type(exc).__name__})
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is on its way already")
        is_quoted = isinstance(exc, InvalidURLError)  # its message is the URL
        kind, text = (
            ("bad_data", _sentence("Invalid URL" if is_quoted else message))
            if status < HTTPStatus.INTERNAL_SERVER_ERROR
            else ("internal", "internal error")
        )
        return _last_answer(status, kind, text)


def _last_answer(status: int, kind: str, text: str) -> web.Response:
    response = web.Response(status=status, body=error_body(kind, text), headers=_HEADERS)
    response.force_close()
    return response


def _say(transport: asyncio.Transport, status: HTTPStatus, kind: str, text: str) -> None:
    """An answer where there is no request to answer."""
    body = error_body(kind, text)
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        *(f"{name}: {value}" for name, value in _HEADERS.items()),
        f"Content-Length: {len(body)}",
        "Connection: close",
        "\r\n",
    ]
    transport.write("\r\n".join(lines).encode("ascii") + body)


def _sentence(message: str | None) -> str:
    """Aiohttp's own words up to where it quotes what it got: there may be a secret in it."""
    first = _QUOTED.split((message or "").strip(), maxsplit=1)[0]
    return (
        f"this is not a valid HTTP request: {first.strip(' :')}"
        if first
        else "not a valid HTTP request"
    )


class JsonServer(web.Server):
    """Makes a `JsonRequestHandler` for every connection. `admitted`: how many there are.

    headers: added to every answer.
    """

    def __init__(
        self,
        handler: Any,
        *,
        handler_cancellation: bool,
        limits: ClientLimits | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        **options: Any,
    ) -> None:
        super().__init__(
            self._answer,
            request_factory=request_factory(headers),
            handler_cancellation=handler_cancellation,
        )
        self._handler = handler
        self.limits = limits or ClientLimits()
        self.admitted = 0
        lingering_s = min(_LINGERING_S, self.limits.body_timeout_s)
        self._options = {"lingering_time": lingering_s, **options}
        self._was_full = False

    def __call__(self) -> RequestHandler:
        return JsonRequestHandler(self, loop=asyncio.get_running_loop(), **self._options)

    def has_room(self) -> bool:
        """Whether one more client may be connected; the log is told once when none may."""
        is_full = self.admitted >= self.limits.max_connections
        if is_full and not self._was_full:
            LOG.warning("no more clients are taken", extra={"connected": self.admitted})
        self._was_full = is_full
        return not is_full

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """A request that means one thing only is handed on."""
        if refused := refusal(request):
            request._cache["version"] = HttpVersion11  # noqa: SLF001  the answer is of this one
            return _last_answer(refused.status, "bad_data", refused.text)
        answer: web.StreamResponse = await self._handler(request)
        return answer
