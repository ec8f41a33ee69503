"""Asks one Thanos Query over HTTP. Foreign exceptions stop here.

Connections are kept and bounded; bodies are bounded. Nothing of a client's input ever chooses the
host: only path, query text, headers and body travel on.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
from isal import isal_zlib
from yarl import URL

from proxy.codec.stores_json import parse_stores
from proxy.engine.ports import Body, OpenAnswer, UpstreamAnswer
from proxy.errors import (
    BadUpstreamAnswerError,
    LimitError,
    QueryTimeoutError,
    UpstreamAnswerError,
    UpstreamUnreachableError,
)
from proxy.model.query import CallerHeaders
from proxy.plan.holes import Store
from proxy.telemetry.metrics import UPSTREAM_ATTEMPTS, UPSTREAM_BYTES
from proxy.upstream.retry import RETRYABLE_STATUSES, is_error_json, is_worth_retrying

_READ_BUFFER_BYTES = 1 << 20
_MOST_ERROR_BYTES = 1 << 20
_FORM = "application/x-www-form-urlencoded"


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

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.reason = response.reason or ""
        self.headers = tuple(response.headers.items())

    def header(self, name: str) -> str:
        return self._response.headers.get(name, "")

    def chunks(self) -> AsyncIterator[bytes]:
        return self._response.content.iter_any()


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

    async def ask(self, path: str, form: bytes, caller: CallerHeaders) -> UpstreamAnswer:
        """See `engine.ports.Upstream.ask`."""
        headers = [*caller.pairs, ("Content-Type", _FORM), self._accept_encoding]
        return await self._answer("POST", path, headers, form)

    async def get(self, path_and_query: str, caller: CallerHeaders) -> UpstreamAnswer:
        """See `engine.ports.Upstream.get`."""
        headers = [*caller.pairs, self._accept_encoding]
        return await self._answer("GET", path_and_query, headers, None)

    async def stores(self) -> list[Store] | None:
        """See `engine.ports.Upstream.stores`."""
        try:
            answer = await self.get("/api/v1/stores", CallerHeaders(()))
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
        async with self._open(method, path, headers, body) as response:
            text = await self._read(response)
        if response.status != HTTPStatus.OK:
            raise _answer_error(response, text)
        no_store = "no-store" in response.headers.get("Cache-Control", "")
        return UpstreamAnswer(text, no_store, response.headers.get("Content-Type", ""))

    @asynccontextmanager
    async def forward(
        self, method: str, raw_path: str, headers: list[tuple[str, str]], body: Body
    ) -> AsyncIterator[OpenAnswer]:
        """See `engine.ports.Forwarder.forward`."""
        async with self._open(method, raw_path, headers, body) as response:
            yield _OpenAnswer(response)

    async def is_ready(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s), self._get("/-/ready") as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    def _get(self, path: str) -> aiohttp.client._RequestContextManager:
        return self._session.get(URL(self._base + path, encoded=True), allow_redirects=False)

    @asynccontextmanager
    async def _open(
        self, method: str, raw_path: str, headers: list[tuple[str, str]], body: Body
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A response whose headers have arrived; attempts are repeated where that may help.

        Raises:
            UpstreamUnreachableError, QueryTimeoutError: also while the body is being read.
        """
        try:
            response = await self._attempts(method, raw_path, headers, body)
            try:
                yield response
            finally:
                _leave(response)
        except TimeoutError as error:
            raise QueryTimeoutError(
                f"the upstream did not answer within {self._policy.request_timeout_s:g} s"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamUnreachableError(f"the upstream cannot be asked: {error}") from error

    async def _attempts(
        self, method: str, raw_path: str, headers: list[tuple[str, str]], body: Body
    ) -> aiohttp.ClientResponse:
        url = URL(self._base + raw_path, encoded=True)
        can_repeat = body is None or isinstance(body, bytes)
        attempts = max(self._policy.max_attempts, 1) if can_repeat else 1
        for attempt in range(1, attempts + 1):
            try:
                response = await self._session.request(
                    method, url, headers=headers, data=body, allow_redirects=False
                )
            except (aiohttp.ClientConnectionError, ConnectionError):
                UPSTREAM_ATTEMPTS.labels("connection").inc()
                if attempt == attempts:
                    raise
            else:
                UPSTREAM_ATTEMPTS.labels(f"{response.status // 100}xx").inc()
                if attempt == attempts or not await _is_worth_retrying(response):
                    return response
                response.release()
            await asyncio.sleep(self._policy.retry_backoff_s * 2**attempt * random.random())
        raise AssertionError("unreachable")

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """The whole body, inflated, within the bound; grown in place instead of joined."""
        body = bytearray()
        gzip = response.headers.get("Content-Encoding", "") == "gzip"
        inflate = isal_zlib.decompressobj(31) if gzip else None
        async for chunk in response.content.iter_any():
            UPSTREAM_BYTES.inc(len(chunk))
            if inflate is None:
                body += chunk
            else:
                room = self._policy.max_response_bytes + 1 - len(body)
                body += inflate.decompress(chunk, room)
            if len(body) > self._policy.max_response_bytes:
                raise LimitError(
                    f"the upstream's answer is larger than {self._policy.max_response_bytes} bytes "
                    "(--upstream.max-response-bytes): ask for fewer series, a shorter range or a larger step"
                )
        if inflate is not None and not inflate.eof:
            raise BadUpstreamAnswerError("the upstream's gzip answer is truncated")
        return bytes(body)


def _leave(response: aiohttp.ClientResponse) -> None:
    """Keep the connection when the answer was read to its end; else the upstream must notice."""
    if response.content.at_eof():
        response.release()
    else:
        response.close()


async def _is_worth_retrying(response: aiohttp.ClientResponse) -> bool:
    if response.status not in RETRYABLE_STATUSES:
        return False
    if response.status != 503:
        return True
    start = await response.content.read(64)
    response.content.unread_data(start)
    return is_worth_retrying(503, start)


def _answer_error(response: aiohttp.ClientResponse, body: bytes) -> Exception:
    """The upstream's own error JSON travels on; a gateway's HTML does not."""
    content_type = response.headers.get("Content-Type", "application/json")
    if is_error_json(body) or response.status < 500:
        return UpstreamAnswerError(response.status, content_type, body[:_MOST_ERROR_BYTES])
    return BadUpstreamAnswerError(
        f"the upstream answered {response.status} with something that is not Prometheus's error JSON"
    )
