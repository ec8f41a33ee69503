"""A result or an error as an HTTP response."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from proxy.codec.deflate import gzip_text
from proxy.codec.go_json import error_body
from proxy.codec.gzip_body import gzip_body
from proxy.codec.matrix_text import body_chunks, body_length, opened, text_bytes
from proxy.engine.answer_memo import Assembled
from proxy.errors import QueryError, UpstreamAnswerError
from proxy.model.piece import Piece, SeriesList

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.merge.matrices import JoinedMatrix

CHUNK_BYTES = 1 << 18
LEAST_GZIP_BYTES = 1024
"""Below this Thanos does not compress either (gzhttp's default minimum)."""

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
    headers = {**policy.headers(), "Cache-Control": "no-store"}
    if isinstance(error, UpstreamAnswerError):
        headers["Content-Type"] = error.content_type
        return web.Response(status=error.answer_status, body=error.body, headers=headers)
    body = error_body(error.error_type, str(error))
    return web.Response(status=error.status, body=body, headers=headers)


def accepts_gzip(request: web.BaseRequest) -> bool:
    """Whether `Accept-Encoding` lists gzip (or *) and does not weigh it 0 (RFC 9110, 12.5.3)."""
    for item in request.headers.get("Accept-Encoding", "").lower().split(","):
        name, _, parameters = item.strip().partition(";")
        if name.strip() in {"gzip", "*"}:
            return parameters.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def assemble(joined: JoinedMatrix, wants_gzip: bool) -> Assembled:
    """The body in chunks of some hundred kilobytes; CPU work, for a thread when it is long."""
    if wants_gzip and text_bytes(joined) >= LEAST_GZIP_BYTES:
        return _in_chunks(gzip_body(joined, _series_list(joined)), is_gzip=True)
    text = opened(joined)
    return Assembled(tuple(body_chunks(text, CHUNK_BYTES)), body_length(text), is_gzip=False)


def _series_list(joined: JoinedMatrix) -> SeriesList:
    """The joined list as one of the parts has it, with what is derived from it; else a new one."""
    for part in joined.parts:
        if isinstance(part, Piece) and part.metrics is joined.metrics:
            return part.series
    return SeriesList(joined.metrics)


def plain(body: bytes) -> Assembled:
    """A body as it is."""
    return Assembled((body,), len(body), is_gzip=False)


def compressed(body: bytes) -> Assembled:
    """A body as gzip, unless it is too short for that to help."""
    if len(body) < LEAST_GZIP_BYTES:
        return plain(body)
    deflated = gzip_text(body)
    return Assembled((deflated,), len(deflated), is_gzip=True)


def _in_chunks(buffers: Iterable[bytes | memoryview], is_gzip: bool) -> Assembled:
    chunks: list[bytes] = []
    waiting: list[bytes | memoryview] = []
    size = 0
    for buffer in buffers:
        waiting.append(buffer)
        size += len(buffer)
        if size >= CHUNK_BYTES:
            chunks.append(b"".join(waiting))
            waiting, size = [], 0
    chunks.append(b"".join(waiting))
    return Assembled(tuple(chunks), sum(map(len, chunks)), is_gzip)


async def send(
    request: web.BaseRequest, answer: Assembled, headers: dict[str, str]
) -> web.StreamResponse:
    """Send a body with its exact Content-Length, waiting for the client where it is slow."""
    if answer.is_gzip:
        headers["Content-Encoding"] = "gzip"
    if len(answer.chunks) == 1:
        return web.Response(body=answer.chunks[0], headers=headers)
    response = web.StreamResponse(headers=headers)
    response.content_length = answer.length
    await response.prepare(request)
    for chunk in answer.chunks:
        await response.write(chunk)
    await response.write_eof()
    return response
