"""The index of the API: which path is answered by whom. All else is passed on to Thanos."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import HttpVersion11, web
from multidict import istr

from proxy.api.callers import TENANT, USER
from proxy.api.forms import raw_path
from proxy.api.respond import ResponsePolicy, error_response
from proxy.api.sending import reset_on_close
from proxy.api.server_timing import SERVER_TIMING, server_timing
from proxy.api.slow_log import log_slow_query
from proxy.api.tenants import TenantNames
from proxy.codec.trace_context import TRACEPARENT, sampled_trace_id
from proxy.errors import CanceledError, QueryError
from proxy.telemetry.book import OWN, Book
from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    from proxy.api.auth import Authenticator
    from proxy.telemetry.record import Record

Endpoint = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
CLIENT_CLOSED_REQUEST = 499
_TRACEPARENT = istr(TRACEPARENT)  # looked up in every request
_CANCELED = "the query was canceled by an operator, on the status page"
LABEL_VALUES = re.compile(r"/api/v1/label/[^/]+/values")
LABEL_VALUES_ROUTE = "/api/v1/label/*/values"
"""Where the endpoint for label values stands in the table of routes."""


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint, the methods it answers, and its name in metrics."""

    name: str
    methods: frozenset[str]
    endpoint: Endpoint


def route(name: str, methods: str, endpoint: Endpoint) -> Route:
    return Route(name, frozenset(methods.split()), endpoint)


class Router:
    """Dispatches requests; whatever goes wrong below becomes Prometheus's error JSON here."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        fallback: Route,
        policy: ResponsePolicy,
        slower_than_s: float,
        auth: Authenticator | None = None,
        book: Book | None = None,
    ) -> None:
        self._routes = routes
        self._fallback = fallback
        self._policy = policy
        self._slower_than_s = slower_than_s
        self._auth = auth
        self._book = book or Book()
        self._tenants = TenantNames()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        found = self._find(request)
        record = self._book.open(found.name, request)
        if (given := request.headers.get(_TRACEPARENT)) is not None:
            record.trace_id = record.trace_id or sampled_trace_id(given)
        code = CLIENT_CLOSED_REQUEST
        try:
            response = await self._answer(found.endpoint, request, record)
            code = response.status
            if not response.prepared:
                response.headers["Server"] = "thanoxy"
                response.headers[SERVER_TIMING] = server_timing(record)
            return response
        finally:
            tenant = self._tenants.of(request[TENANT]) if TENANT in request else None
            self._book.close(record, code, tenant)
            is_slow = self._slower_than_s and record.took_s > self._slower_than_s
            if is_slow and record.handler not in OWN:
                log_slow_query(request, record)

    def _find(self, request: web.BaseRequest) -> Route:
        """By the path as it was sent: one that is written otherwise is passed on as it is."""
        path = raw_path(request)
        if LABEL_VALUES.fullmatch(path):
            path = LABEL_VALUES_ROUTE
        found = self._routes.get(path)
        return found if found and request.method in found.methods else self._fallback

    async def _answer(
        self, endpoint: Endpoint, request: web.BaseRequest, record: Record
    ) -> web.StreamResponse:
        try:
            if self._auth is not None and not self._auth.is_open:
                request[USER] = await self._auth.admit(request.headers.get("Authorization"))
            await _invite_body(request)
            return await endpoint(request)
        except QueryError as error:
            return self._refusal(request, record, error)
        except asyncio.CancelledError:
            if not record.is_cancelled:
                raise
            _stay(request.task)
            return self._refusal(request, record, CanceledError(_CANCELED))
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001  the last resort: the log gets the trace, the client JSON
            LOG.exception("unexpected error", extra={"path": request.path})
            if _is_answering(request):
                _break_off(request)
            return error_response(QueryError("internal error; see thanoxy's log"), self._policy)

    def _refusal(
        self, request: web.BaseRequest, record: Record, error: QueryError
    ) -> web.StreamResponse:
        record.error = str(error)
        if _is_answering(request):
            # Status and length are out: only a broken connection tells the client the truth.
            LOG.warning("answer broken off", extra={"path": request.path, "err": str(error)})
            _break_off(request)
        return error_response(error, self._policy)


def _stay(task: asyncio.Task[None]) -> None:
    """Not the connection was to end, only its request."""
    while task.cancelling():
        task.uncancel()


def _is_answering(request: web.BaseRequest) -> bool:
    """Whether bytes of an answer are on their way already."""
    return request.writer.output_size > 0


def _break_off(request: web.BaseRequest) -> None:
    """End a connection; for HTTP/1.0, where an orderly end may be that of the answer, with a reset."""
    if request.transport is None:
        return
    if request.version < HttpVersion11:
        reset_on_close(request.transport)
    request.transport.abort()


async def _invite_body(request: web.BaseRequest) -> None:
    """Tell a client that waits for leave to send its body to go on (RFC 9110, 10.1.1)."""
    is_able = request.version >= HttpVersion11
    if is_able and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
