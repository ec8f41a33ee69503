"""A result or an error as an HTTP response."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web
from multidict import CIMultiDict

from proxy.api.server_timing import SERVER_TIMING, server_timing
from proxy.codec.go_json import error_body
from proxy.engine.answer_memo import Assembled
from proxy.engine.bodies import CHUNK_BYTES
from proxy.errors import QueryError, UnauthorizedError, UpstreamAnswerError
from proxy.telemetry.record import SEND, current
from proxy.telemetry.signals import REFUSED_QUERIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.engine.group_texts import GroupTexts

_WEIGHS_NOTHING = frozenset(("q=0", "q=0.", "q=0.0", "q=0.00", "q=0.000"))

CORS = {
    "Access-Control-Allow-Headers": "Accept, Accept-Encoding, Authorization, Content-Type, Origin",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Date",
}


@dataclass(frozen=True, slots=True)
class ResponsePolicy:
    """What every response of this process has in common."""

    gzip: bool
    cors: bool

    def headers(self) -> dict[str, str]:
        """Headers of the proxy's own JSON answers, as Thanos sends them (`pkg/api/api.go`)."""
        own = {
            "Content-Type": "application/json",
            "Vary": "Accept-Encoding",
            "Server": "thanoxy",
        }
        return {**CORS, **own} if self.cors else own

    def may_gzip(self, request: web.BaseRequest) -> bool:
        """Whether the client takes gzip and the setting allows it."""
        return self.gzip and accepts_gzip(request)


def error_response(error: QueryError, policy: ResponsePolicy) -> web.Response:
    """Errors are never kept by anyone on the way, as in Thanos."""
    if error.reason:
        REFUSED_QUERIES.labels(error.reason).inc()
    if isinstance(error, UpstreamAnswerError):
        return web.Response(
            status=error.answer_status, body=error.body, headers=CIMultiDict(error.headers)
        )
    headers = {**policy.headers(), "Cache-Control": "no-store", **retry_after(error)}
    body = error_body(error.error_type, str(error))
    response = web.Response(status=error.status, body=body, headers=headers)
    if isinstance(error, UnauthorizedError):
        for challenge in error.challenges:
            response.headers.add("WWW-Authenticate", challenge)
    return response


def retry_after(error: QueryError) -> dict[str, str]:
    """The header that says when to come again, for errors that know."""
    return {"Retry-After": str(error.retry_after_s)} if error.retry_after_s else {}


def accepts_gzip(request: web.BaseRequest) -> bool:
    """Whether `Accept-Encoding` allows gzip, by its name or else by `*` (RFC 9110, 12.5.3)."""
    allowed: dict[str, bool] = {}
    for item in ",".join(request.headers.getall("Accept-Encoding", ())).lower().split(","):
        name, _, parameters = item.partition(";")
        allowed[name.strip()] = parameters.replace(" ", "") not in _WEIGHS_NOTHING
    return allowed.get("gzip", allowed.get("*", False))


async def send(
    request: web.BaseRequest, answer: Assembled, headers: dict[str, str]
) -> web.StreamResponse:
    """Send a body with its exact Content-Length, waiting for the client where it is slow."""
    record = current()
    record.sent_bytes = answer.length
    if answer.is_gzip:
        headers["Content-Encoding"] = "gzip"
    if answer.length <= CHUNK_BYTES:
        return web.Response(body=b"".join(answer.chunks), headers=headers)
    headers[SERVER_TIMING] = server_timing(record)
    response = web.StreamResponse(headers=headers)
    response.content_length = answer.length
    await response.prepare(request)
    for chunk in answer.chunks:
        for piece in _in_pieces(chunk):
            await response.write(piece)
    await response.write_eof()
    record.mark(SEND)
    return response


def _in_pieces(chunk: bytes) -> Iterable[bytes | memoryview]:
    """What is written at once is copied for each client that is slow."""
    if len(chunk) <= 2 * CHUNK_BYTES:
        return (chunk,)
    view = memoryview(chunk)
    return (view[at : at + CHUNK_BYTES] for at in range(0, len(view), CHUNK_BYTES))


@dataclass(slots=True)
class LargeText:
    """A body that is too large to be put together before it is sent.

    keep: hold on to the texts that are sent; `sent` has them when all of them are.
    """

    texts: GroupTexts
    keep: bool
    sent: Assembled | None = None

    async def send(self, request: web.BaseRequest, headers: dict[str, str]) -> web.StreamResponse:
        """Groups of series are made in threads, ahead of the sending."""
        record = current()
        headers[SERVER_TIMING] = server_timing(record)
        response = web.StreamResponse(headers=headers)
        length = response.content_length = self.texts.length
        await response.prepare(request)
        kept: list[bytes] = []
        async with aclosing(self.texts.read()) as texts:
            async for text in texts:
                for piece in _in_pieces(text):
                    await response.write(piece)
                if self.keep:
                    kept.append(text)
        await response.write_eof()
        record.sent_bytes = length
        record.mark(SEND)
        if self.keep:
            self.sent = Assembled(tuple(kept), length, is_gzip=False)
        return response
