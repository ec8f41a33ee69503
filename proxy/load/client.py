"""One request to one target, and what came back. Foreign exceptions stop here."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from proxy.load.workload import Question

SUCCESSES, REDIRECTS = range(200, 300), range(300, 400)
CACHE_HEADER = "X-Thanoxy-Cache"
FORM_TYPE = "application/x-www-form-urlencoded"
_PLAIN = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_DETAIL_BYTES = 300
_BEGINNING_BYTES = 1024
_NO_SERIES = b'"result":[]'


@dataclass(frozen=True, slots=True)
class Answer:
    """`failure` is empty for a complete JSON answer of status 2xx; bytes are those on the wire.

    `is_empty` says that there is no series in it.
    """

    failure: str
    detail: str
    size_bytes: int
    cache: str
    is_empty: bool = False


class Client:
    """Asks one target. Follows no redirect, uses no proxy of the environment, keeps no cookie."""

    def __init__(
        self, url: str, headers: Mapping[str, str], *, connections: int, method: str, uid: str = ""
    ) -> None:
        self.url = url.rstrip("/")
        self._method = method
        self._uid = uid if _PLAIN.fullmatch(uid) else ""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            headers=headers,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def ask(self, question: Question, now_ms: int) -> Answer:
        """The question as it is at `now_ms`. Waits as long as the target takes."""
        form = question.form(now_ms)
        headers = self._panel_headers(question)
        if self._method == "GET":
            url = URL(f"{self.url}{question.path}?{form}", encoded=True)
            call = self._session.get(url, headers=headers, allow_redirects=False)
        else:
            headers["Content-Type"] = FORM_TYPE
            url = URL(self.url + question.path)
            call = self._session.post(url, data=form, headers=headers, allow_redirects=False)
        try:
            async with call as response:
                return await _read(response)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(failure_of(error), str(error)[:_DETAIL_BYTES], 0, "")

    def _panel_headers(self, question: Question) -> dict[str, str]:
        """As Grafana sends them, so that a slow-query log names the panel."""
        headers = {"X-Dashboard-Uid": self._uid} if self._uid else {}
        if _PLAIN.fullmatch(question.panel_id):
            headers["X-Panel-Id"] = question.panel_id
        return headers

    async def text(self, path: str, most_bytes: int) -> tuple[int, str, bytes]:
        """Status, content type and the (uncompressed) beginning of what is at a path.

        Of a redirect, where it goes stands for its body.

        Raises:
            aiohttp.ClientError, OSError, ValueError: there is no answer; see `failure_of`.
        """
        headers = {"Accept-Encoding": "identity"}
        call = self._session.get(self.url + path, headers=headers, allow_redirects=False)
        async with call as response:
            location = response.headers.get("Location", "").encode()
            body = b"".join([part async for part in _beginning(response, most_bytes)])
            shown_body = location if response.status in REDIRECTS else body
            return response.status, response.content_type, shown_body


async def _read(response: aiohttp.ClientResponse) -> Answer:
    """All of the body, counted and not kept; its beginning is looked at."""
    size, beginning = 0, b""
    async for part in response.content.iter_any():
        size += len(part)
        if len(beginning) < _BEGINNING_BYTES:
            beginning += part[:_BEGINNING_BYTES]
    failure = ""
    if response.status not in SUCCESSES:
        failure = f"status {response.status}"
    elif response.content_type != "application/json":
        failure = "not JSON"
    text = _text(response, beginning)
    detail = text[:_DETAIL_BYTES].decode("utf-8", "replace") if failure else ""
    cache = response.headers.get(CACHE_HEADER, "").partition(";")[0].strip()
    is_empty = size <= _BEGINNING_BYTES and _NO_SERIES in text
    return Answer(failure, detail, size, cache if _PLAIN.fullmatch(cache) else "", is_empty)


def _text(response: aiohttp.ClientResponse, beginning: bytes) -> bytes:
    """What a beginning says: a few hundred bytes of a few hundred, also of gzip."""
    if response.headers.get("Content-Encoding") != "gzip":
        return beginning
    try:
        return zlib.decompressobj(wbits=31).decompress(beginning, _BEGINNING_BYTES)
    except zlib.error:
        return b""


async def _beginning(response: aiohttp.ClientResponse, most_bytes: int) -> AsyncIterator[bytes]:
    left = most_bytes
    async for part in response.content.iter_any():
        yield part[:left]
        left -= len(part)
        if left <= 0:
            return


def failure_of(error: Exception) -> str:
    """The kind of a failure without an answer: few words, the same for the same fault."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return "cannot connect"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "answer cut off"
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | OSError):
        return "connection broken"
    return "not HTTP"


def shown(url: str) -> str:
    """An address without the name and password that may stand in it."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return parts._replace(netloc="…@" + parts.netloc.rpartition("@")[2]).geturl()
