"""Asks one Thanos Query over HTTP. Foreign exceptions stop here.

Connections are kept and bounded; bodies are bounded. Nothing of a client's input ever chooses the
host: only path, query text, headers and body travel on.
"""

from __future__ import annotations

import asyncio
import io
import random
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp
from isal import isal_zlib
from yarl import URL

from proxy.codec.headers import response_headers
from proxy.codec.stores_json import parse_stores
from proxy.engine.ports import Body, UpstreamAnswer
from proxy.errors import (
    BadUpstreamAnswerError,
    LimitError,
    QueryTimeoutError,
    UpstreamAnswerError,
    UpstreamUnreachableError,
)
from proxy.model.query import Caller
from proxy.telemetry.metrics import UPSTREAM_ATTEMPTS, UPSTREAM_BYTES
from proxy.upstream.retry import ERROR_START_BYTES, is_error_json, is_worth_retrying

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from proxy.plan.holes import Store

_READ_BUFFER_BYTES = 1 << 20
_MOST_ERROR_BYTES = 1 << 20
_FORM = "application/x-www-form-urlencoded"
_GZIP_WINDOW_BITS = 31
_BROKEN_CONNECTION = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError)


@dataclass(frozen=True, slots=True)
class ClientPolicy:
    """Bounds of talking to the upstream."""

    max_connections: int
    connect_timeout_s: float
    request_timeout_s: float
    max_attempts: int
    retry_backoff_s: float
    max_response_bytes: int
    ask_for_gzip: bool


class _OpenAnswer:
    """Implements `engine.ports.OpenAnswer`."""

    def __init__(self, response: aiohttp.ClientResponse, timeout_s: float) -> None:
        self._response = response
        self._timeout_s = timeout_s
        self._start = b""
        self.status = response.status
        self.reason = response.reason or ""
        self.headers = tuple(response.headers.items())

    def header(self, name: str) -> str:
        return self._response.headers.get(name, "")

    def chunks(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        start, self._start = self._start, b""
        with _foreign_errors_mapped(self._timeout_s):
            chunk = start or await self._response.content.readany()
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def is_worth_retrying(self) -> bool:
        """Decide by the status, and by the start of a 503's body, which is kept."""
        content = self._response.content
        while self.status == HTTPStatus.SERVICE_UNAVAILABLE and not content.at_eof():
            self._start += await content.read(ERROR_START_BYTES)
            if len(self._start) >= ERROR_START_BYTES:
                break
        return is_worth_retrying(self.status, self._start)

    def leave(self) -> None:
        """Keep the connection when the body was read; else the upstream must notice."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


class ThanosClient:
    """Implements `engine.ports.Upstream`, and passes other requests on unread."""

    def __init__(self, base_url: str, policy: ClientPolicy) -> None:
        self._base = base_url.rstrip("/")
        self._policy = policy
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=policy.max_connections, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(
                total=policy.request_timeout_s, sock_connect=policy.connect_timeout_s
            ),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            read_bufsize=_READ_BUFFER_BYTES,
            max_line_size=1 << 16,
            max_field_size=1 << 16,
        )

    async def close(self) -> None:
        await self._session.close()

    async def ask(self, path: str, form: bytes, caller: Caller) -> UpstreamAnswer:
        """See `engine.ports.Upstream.ask`."""
        headers = [*caller.pairs, ("Content-Type", _FORM), self._accept_encoding]
        return await self._answer("POST", path, headers, form)

    async def get(self, path_and_query: str, caller: Caller) -> UpstreamAnswer:
        """See `engine.ports.Upstream.get`."""
        headers = [*caller.pairs, self._accept_encoding]
        return await self._answer("GET", path_and_query, headers, None)

    async def stores(self) -> list[Store] | None:
        """See `engine.ports.Upstream.stores`."""
        try:
            answer = await self.get("/api/v1/stores", Caller(()))
        except UpstreamAnswerError as error:
            if error.answer_status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return parse_stores(answer.body)

    @property
    def _accept_encoding(self) -> tuple[str, str]:
        return ("Accept-Encoding", "gzip" if self._policy.ask_for_gzip else "identity")

    async def _answer(
        self, method: str, path: str, headers: list[tuple[str, str]], body: Body
    ) -> UpstreamAnswer:
        async with self.forward(method, path, headers, body) as answer:
            text = await self._read(answer)
        if answer.status != HTTPStatus.OK:
            raise _answer_error(answer, text)
        no_store = "no-store" in answer.header("Cache-Control")
        return UpstreamAnswer(text, no_store, answer.header("Content-Type"))

    async def is_ready(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s), self._get("/-/ready") as response:
                return response.status == HTTPStatus.OK
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    def _get(self, path: str) -> aiohttp.client._RequestContextManager:
        return self._session.get(URL(self._base + path, encoded=True), allow_redirects=False)

    @asynccontextmanager
    async def forward(
        self, method: str, raw_path: str, headers: list[tuple[str, str]], body: Body
    ) -> AsyncIterator[_OpenAnswer]:
        """See `engine.ports.Forwarder.forward`; attempts are repeated where that may help."""
        with _foreign_errors_mapped(self._policy.request_timeout_s):
            answer = await self._attempts(method, raw_path, headers, body)
        try:
            yield answer
        finally:
            answer.leave()

    async def _attempts(
        self, method: str, raw_path: str, headers: list[tuple[str, str]], body: Body
    ) -> _OpenAnswer:
        url = URL(self._base + raw_path, encoded=True)
        can_repeat = body is None or isinstance(body, bytes)
        attempts = max(self._policy.max_attempts, 1) if can_repeat else 1
        for attempt in range(1, attempts + 1):
            is_last = attempt == attempts
            try:
                response = await self._session.request(
                    method, url, headers=headers, data=_payload(body), allow_redirects=False
                )
                UPSTREAM_ATTEMPTS.labels(f"{response.status // 100}xx").inc()
                answer = _OpenAnswer(response, self._policy.request_timeout_s)
                if await _is_accepted(answer, is_last):
                    return answer
            except _BROKEN_CONNECTION:
                UPSTREAM_ATTEMPTS.labels("connection").inc()
                if is_last:
                    raise
            await asyncio.sleep(self._policy.retry_backoff_s * 2**attempt * random.random())  # noqa: S311  jitter
        raise AssertionError("unreachable")

    async def _read(self, answer: _OpenAnswer) -> bytes:
        """The whole body, inflated, within the bound; grown in place instead of joined."""
        body = bytearray()
        is_gzip = answer.header("Content-Encoding") == "gzip"
        inflate = isal_zlib.decompressobj(_GZIP_WINDOW_BITS) if is_gzip else None
        most_bytes = self._policy.max_response_bytes
        async for chunk in answer.chunks():
            UPSTREAM_BYTES.inc(len(chunk))
            body += _inflated(inflate, chunk, most_bytes + 1 - len(body)) if inflate else chunk
            if len(body) > most_bytes:
                raise LimitError(
                    f"the upstream's answer is larger than {most_bytes} bytes "
                    "(--upstream.max-response-bytes): ask for fewer series, a shorter range "
                    "or a larger step"
                )
        if inflate and not inflate.eof:
            raise BadUpstreamAnswerError("the upstream's gzip answer is truncated")
        return bytes(body)


def _payload(body: Body) -> Body | io.BytesIO:
    """A large body goes out piece by piece; as one piece it would hold the event loop."""
    if isinstance(body, bytes) and len(body) > _READ_BUFFER_BYTES:
        return io.BytesIO(body)
    return body


def _inflated(inflate: isal_zlib.Decompress, chunk: bytes, most_bytes: int) -> bytes:
    try:
        return inflate.decompress(chunk, most_bytes)
    except isal_zlib.error as error:  # type: ignore[misc]  # its stub is wrong
        raise BadUpstreamAnswerError("the upstream's gzip answer is broken") from error


async def _is_accepted(answer: _OpenAnswer, is_last: bool) -> bool:
    """Whether no other attempt can give a better answer; one that is not accepted is left."""
    is_accepted = False
    try:
        is_accepted = is_last or not await answer.is_worth_retrying()
    finally:
        if not is_accepted:
            answer.leave()
    return is_accepted


@contextmanager
def _foreign_errors_mapped(timeout_s: float) -> Iterator[None]:
    """The one place where the library's errors become ours."""
    try:
        yield
    except (aiohttp.ConnectionTimeoutError, aiohttp.ClientOSError) as error:
        raise UpstreamUnreachableError(f"the upstream cannot be reached: {error}") from error
    except TimeoutError as error:
        raise QueryTimeoutError(
            f"the upstream did not answer within {timeout_s:g} s (--upstream.request-timeout)"
        ) from error
    except aiohttp.ClientResponseError as error:
        raise BadUpstreamAnswerError("the upstream's answer is not valid HTTP") from error
    except (aiohttp.ClientError, OSError) as error:
        raise UpstreamUnreachableError(f"the upstream's answer broke off: {error}") from error


def _answer_error(answer: _OpenAnswer, body: bytes) -> Exception:
    """The upstream's own error JSON travels on; a redirect or a gateway's HTML does not."""
    is_refusal = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    if is_error_json(body) or is_refusal:
        headers = tuple(response_headers(answer.headers, keep_length=False))
        kept = tuple(pair for pair in headers if pair[0].lower() != "content-encoding")
        return UpstreamAnswerError(answer.status, kept, body[:_MOST_ERROR_BYTES])
    return BadUpstreamAnswerError(
        f"the upstream answered {answer.status} with something that is not Prometheus's error JSON"
    )
