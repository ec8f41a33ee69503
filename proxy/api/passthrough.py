"""Everything that the proxy does not answer itself: streamed to the upstream and back.

Method, path, query text, headers and status are kept; only headers that belong to one connection
are not. The host is the configured upstream, whatever a client sends.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from proxy.api.arriving import arriving
from proxy.api.server_timing import SERVER_TIMING, server_timing
from proxy.api.whole_json import WholeJson, begin_unread
from proxy.codec.headers import response_headers
from proxy.errors import BadDataError, QueryError
from proxy.plan.blocked import Question, api_of
from proxy.plan.limits import check_question
from proxy.telemetry.record import FETCH, SEND, current

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from proxy.api.callers import Callers
    from proxy.api.whole_json import Passing
    from proxy.engine.ports import Body, Forwarder, LimitsSource, Threads


class Passthrough:
    """Passes requests on."""

    def __init__(
        self, forwarder: Forwarder, callers: Callers, limits: LimitsSource, threads: Threads
    ) -> None:
        self._forwarder = forwarder
        self._whole_json = WholeJson(threads)
        self._callers = callers
        self._limits = limits

    async def __call__(
        self,
        request: web.BaseRequest,
        read: bytes | None = None,
        must_be_json: bool = False,
        extra: Mapping[str, str] | None = None,
    ) -> web.StreamResponse:
        """Pass a request on.

        Args:
            request: the client's.
            read: its body as far as it was read already.
            must_be_json: a 200 that is not JSON, or half of it, is the upstream's fault.
            extra: headers to add to the answer.
        """
        path = request.raw_path
        if not path.startswith("/") or path.startswith("//"):  # `shapes` has refused it before
            raise BadDataError("the request's path must start with one slash")
        caller = self._callers.passing(request)
        table = self._limits.current
        is_unread = read is None and request.method != "OPTIONS"
        if is_unread and table.judges_questions and (api := api_of(path.partition("?")[0])):
            check_question(Question(api, caller.tenant, None, request.headers), table)
        begin = self._whole_json.begin if must_be_json else begin_unread
        async with (
            _body(request, read) as body,
            self._forwarder.forward(request.method, path, caller, body, begin) as passing,
        ):
            return await _send(request, passing, extra or {})


@asynccontextmanager
async def _body(request: web.BaseRequest, read: bytes | None) -> AsyncIterator[Body]:
    """What is passed on; a client that fails to send it ends the context, and is to blame for it.

    Were its error raised where the body is sent, it would look like the upstream's.
    """
    if read is not None and request.content.at_eof():
        yield read or None
        return
    if not request.body_exists:
        yield None
        return
    rest = _Rest(request, read or b"")
    try:
        async with rest.until_it_fails:
            yield rest.pieces()
    except TimeoutError:
        if rest.error is None:
            raise
        raise rest.error from None


class _Rest:
    """What is left of a body. `error`: what the client did wrong; it ends `until_it_fails`."""

    def __init__(self, request: web.BaseRequest, read: bytes) -> None:
        self._request = request
        self._read = read
        self.until_it_fails = asyncio.timeout(None)
        self.error: QueryError | ConnectionError | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        if self._read:
            yield self._read
        try:
            async for piece in arriving(self._request):
                yield piece
        except (QueryError, ConnectionError) as error:
            self.error = error
            self.until_it_fails.reschedule(asyncio.get_running_loop().time())
            await asyncio.Event().wait()  # the end of the context ends this too


async def _send(
    request: web.BaseRequest, passing: Passing, extra: Mapping[str, str]
) -> web.StreamResponse:
    answer, record = passing.answer, current()
    start = await anext(passing, b"")  # it may fail, so nothing is said before
    record.mark(FETCH)
    own = {"Server": "thanoxy", SERVER_TIMING: server_timing(record), **extra}
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=own)
    for name, value in response_headers(answer.headers, keep_length=True):
        response.headers.add(name, value)
    await response.prepare(request)
    if start:
        await response.write(start)
    async for piece in passing:
        await response.write(piece)
    await response.write_eof()
    record.sent_bytes = answer.read_bytes
    record.mark(SEND)
    return response
