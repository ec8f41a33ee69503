"""An upstream's answer as it arrives: its errors become ours here, its body is bounded here."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp

from proxy.codec.headers import response_headers
from proxy.codec.inflate import Inflate
from proxy.engine.deadline import too_late
from proxy.errors import (
    BadUpstreamAnswerError,
    LimitError,
    UpstreamAnswerError,
    UpstreamRefusedError,
    UpstreamUnreachableError,
)
from proxy.telemetry.metrics import UPSTREAM_BYTES
from proxy.upstream.retry import ERROR_START_BYTES, is_error_json, is_worth_retrying

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from proxy.engine.ports import MemoryTicket
    from proxy.upstream.addresses import Endpoint

_MOST_ERROR_BYTES = 1 << 20
READ_BUFFER_BYTES = 1 << 18
PEAK = 2
"""A body is there twice for a moment, when it has arrived; later it, and what is made of it."""


class OpenAnswer:
    """Implements `engine.ports.OpenAnswer`. worth_another: a gateway's, with nobody behind it."""

    def __init__(self, response: aiohttp.ClientResponse, origin: Endpoint) -> None:
        self._response = response
        self.origin = origin
        self._start = b""
        self.status = response.status
        self.reason = response.reason or ""
        self.headers = tuple(response.headers.items())
        self.worth_another = False
        self.read_bytes = 0

    def header(self, name: str) -> str:
        return self._response.headers.get(name, "")

    def chunks(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        start, self._start = self._start, b""
        with foreign_errors_mapped():
            chunk = start or await self._response.content.readany()
        if not chunk:
            raise StopAsyncIteration
        self.read_bytes += len(chunk)
        return chunk

    async def judge(self) -> None:
        """Decide by the status, and by the start of a 503's body, which is kept."""
        content = self._response.content
        while self.status == HTTPStatus.SERVICE_UNAVAILABLE and not content.at_eof():
            with foreign_errors_mapped():
                self._start += await content.read(ERROR_START_BYTES)
            if len(self._start) >= ERROR_START_BYTES:
                break
        self.worth_another = is_worth_retrying(self.status, self._start)

    def leave(self) -> None:
        """Keep the connection when the body was read; else the upstream must notice."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


class _Taken:
    """What one attempt takes on a ticket: another attempt may run at the same time, on the same one."""

    __slots__ = ("_bytes", "_memory")

    def __init__(self, memory: MemoryTicket) -> None:
        self._memory = memory
        self._bytes = 0

    async def grow(self, size_bytes: int) -> None:
        await self._memory.grow(size_bytes)
        self._bytes += size_bytes

    def give_back(self) -> None:
        """All of it; once."""
        size_bytes, self._bytes = self._bytes, 0
        self._memory.shrink(size_bytes)


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """An answer with its whole body, inflated. taken: what the body holds of a ticket. url: whose."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    worth_another: bool
    no_store: bool
    content_type: str
    taken: _Taken
    url: str

    def leave(self) -> None:
        """It is not wanted: its memory is free again."""
        self.taken.give_back()


async def read_whole(answer: OpenAnswer, most_bytes: int, memory: MemoryTicket) -> ReadAnswer:
    """The whole body, inflated, within the bound; grown in place instead of joined.

    Raises:
        LimitError: it is larger than `most_bytes`, or than there is memory for.
        BadUpstreamAnswerError: its gzip is broken.
        UpstreamUnreachableError: it broke off.
        TooManyRequestsError: there is no memory for it.
    """
    body = bytearray()
    taken = _Taken(memory)
    try:
        await _read(answer, most_bytes, taken, body)
        whole = bytes(body)
    except BaseException:
        taken.give_back()
        raise
    finally:
        body.clear()  # the frames of an error would hold it
    return ReadAnswer(
        answer.status,
        answer.headers,
        whole,
        answer.worth_another,
        "no-store" in answer.header("Cache-Control"),
        answer.header("Content-Type"),
        taken,
        answer.origin.url,
    )


async def _read(answer: OpenAnswer, most_bytes: int, memory: _Taken, body: bytearray) -> None:
    is_gzip = answer.header("Content-Encoding") == "gzip"
    inflate = Inflate() if is_gzip else None
    async for chunk in answer.chunks():
        UPSTREAM_BYTES.inc(len(chunk))
        for more in inflate.feed(chunk) if inflate else (chunk,):
            await memory.grow(len(more) * PEAK)
            body += more
            if len(body) > most_bytes:
                raise _too_large(most_bytes)
    if inflate:
        inflate.end()


def _too_large(most_bytes: int) -> LimitError:
    return LimitError(
        f"the upstream's answer is larger than {most_bytes} bytes "
        "(--upstream.max-response-bytes): ask for fewer series, a shorter range "
        "or a larger step",
        "max_response_bytes",
    )


def _why(error: aiohttp.ClientConnectorError) -> str:
    """Without the TLS context, which the library shows as it lies in memory."""
    cause = error.os_error
    return f"{error.host}:{error.port}: {cause.strerror or str(cause)}"


@contextmanager
def foreign_errors_mapped() -> Iterator[None]:
    """The one place where the library's errors become ours."""
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        raise UpstreamRefusedError(f"the upstream cannot be reached: {_why(error)}") from error
    except (aiohttp.ConnectionTimeoutError, aiohttp.ClientOSError) as error:
        raise UpstreamUnreachableError(f"the upstream cannot be reached: {error}") from error
    except TimeoutError as error:
        raise too_late() from error
    except aiohttp.ClientResponseError as error:
        raise BadUpstreamAnswerError("the upstream's answer is not valid HTTP") from error
    except (aiohttp.ClientError, OSError) as error:
        raise UpstreamUnreachableError(f"the upstream's answer broke off: {error}") from error


def answer_error(answer: ReadAnswer) -> Exception:
    """The upstream's own error JSON travels on; a redirect or a gateway's HTML does not."""
    is_refusal = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    if is_error_json(answer.body) or is_refusal:
        headers = tuple(response_headers(answer.headers, keep_length=False))
        kept = tuple(pair for pair in headers if pair[0].lower() != "content-encoding")
        return UpstreamAnswerError(answer.status, kept, answer.body[:_MOST_ERROR_BYTES])
    return BadUpstreamAnswerError(
        f"the upstream answered {answer.status} with something that is not Prometheus's error JSON"
    )
