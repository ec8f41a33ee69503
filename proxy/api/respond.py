"""A result or an error as an HTTP response."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web
from isal import isal_zlib

from proxy.codec.go_json import error_body
from proxy.codec.matrix_text import body_chunks, body_length
from proxy.engine.threads import WorkerThreads
from proxy.errors import QueryError, UpstreamAnswerError
from proxy.merge.matrices import JoinedMatrix

CHUNK_BYTES = 1 << 18
_LEAST_GZIP_BYTES = 1024
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
        own = {"Content-Type": "application/json", "Server": "thanoxy"}
        return {**CORS, **own} if self.cors else own


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


async def send_matrix(
    request: web.BaseRequest,
    matrix: JoinedMatrix,
    no_store: bool,
    policy: ResponsePolicy,
    threads: WorkerThreads,
) -> web.StreamResponse:
    """Send a joined matrix: exact Content-Length when plain, compressed while sent when gzip."""
    length = body_length(matrix)
    headers = {**policy.headers(), "Vary": "Accept-Encoding"}
    if no_store:
        headers["Cache-Control"] = "no-store"
    response = web.StreamResponse(headers=headers)
    chunks = body_chunks(matrix, CHUNK_BYTES)
    if policy.gzip and length >= _LEAST_GZIP_BYTES and accepts_gzip(request):
        response.headers["Content-Encoding"] = "gzip"
        await response.prepare(request)
        await _send_gzip(response, chunks, threads)
    else:
        response.content_length = length
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
    await response.write_eof()
    return response


async def _send_gzip(
    response: web.StreamResponse, chunks: Iterator[bytes], threads: WorkerThreads
) -> None:
    stream = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
    for chunk in chunks:
        if deflated := await threads.run(stream.compress, chunk, len(chunk) * 4):
            await response.write(deflated)
    await response.write(stream.flush())
