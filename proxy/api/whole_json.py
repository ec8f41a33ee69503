"""Answers that must be JSON, passed on as they come, and believed when their end has come.

An upstream that ends half an answer as if it were whole would else be believed. What is small is judged
before anything is sent, so that another address can be asked; of what is large the last piece is held
back, and never sent when it is not the last of a document: the client's connection breaks instead.
"""

from __future__ import annotations

from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING

from proxy.codec.inflate import Inflate
from proxy.codec.json_end import JsonEnd
from proxy.engine.ports import BEGIN_BYTES
from proxy.errors import BadUpstreamAnswerError

if TYPE_CHECKING:
    from proxy.engine.ports import OpenAnswer, Threads

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GZIP_GROWTH = 20
"""A gzip of samples becomes about so many times as large."""


class Passing:
    """The body of an answer, piece by piece. ending: judges its end; None where nobody does."""

    def __init__(self, answer: OpenAnswer, ending: _Ending | None = None) -> None:
        self.answer = answer
        self.held_bytes = 0
        self.is_over = False
        self._held: deque[bytes] = deque()
        self._ending = ending

    @property
    def start(self) -> bytes:
        """The first piece that is held."""
        return self._held[0] if self._held else b""

    async def fetch(self) -> None:
        """Hold one piece more.

        Raises:
            BadUpstreamAnswerError: there is none, and what came before is no whole document.
        """
        piece = await anext(self.answer.chunks(), b"")
        if piece:
            if self._ending is not None:
                await self._ending.feed(piece)
            self._held.append(piece)
            self.held_bytes += len(piece)
            return
        self.is_over = True
        if self._ending is not None:
            self._ending.end()

    def __aiter__(self) -> Passing:
        return self

    async def __anext__(self) -> bytes:
        least = 0 if self._ending is None else 1
        while not self.is_over and len(self._held) <= least:
            await self.fetch()
        if not self._held:
            raise StopAsyncIteration
        self.held_bytes -= len(self._held[0])
        return self._held.popleft()


async def begin_unread(answer: OpenAnswer) -> Passing:
    """Believe whatever it is."""
    return Passing(answer)


class WholeJson:
    """For questions whose answers must be JSON."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    async def begin(self, answer: OpenAnswer) -> Passing:
        """See `engine.ports.Begin`.

        Raises:
            BadUpstreamAnswerError: it is not JSON, or not all of it.
        """
        ending = self._ending(answer)
        passing = Passing(answer, ending)
        await passing.fetch()
        _check_is_json(answer, passing.start)
        while ending is not None and not passing.is_over and passing.held_bytes < BEGIN_BYTES:
            await passing.fetch()
        return passing

    def _ending(self, answer: OpenAnswer) -> _Ending | None:
        """None where it cannot be told: errors may be anything, and not each encoding is known."""
        encoding = answer.header("Content-Encoding").lower()
        if answer.status != HTTPStatus.OK or encoding not in {"", "identity", "gzip"}:
            return None
        return _Ending(self._threads, Inflate() if encoding == "gzip" else None)


class _Ending:
    """Judges whether a body ends where its document does."""

    def __init__(self, threads: Threads, inflate: Inflate | None) -> None:
        self._threads = threads
        self._inflate = inflate
        self._json = JsonEnd()

    async def feed(self, piece: bytes) -> None:
        growth = 1 if self._inflate is None else _GZIP_GROWTH
        await self._threads.run(self._feed, piece, len(piece) * growth)

    def _feed(self, piece: bytes) -> None:
        for text in (piece,) if self._inflate is None else self._inflate.feed(piece):
            self._json.feed(text)

    def end(self) -> None:
        if self._inflate is not None:
            self._inflate.end()
        if not self._json.is_whole:
            raise BadUpstreamAnswerError("the upstream's answer ends before its JSON does")


def _check_is_json(answer: OpenAnswer, start: bytes) -> None:
    """A login page or a gateway's greeting must not reach a Prometheus client as an answer."""
    content_type = answer.header("Content-Type")
    if answer.status in _REDIRECTS:
        raise BadUpstreamAnswerError(f"the upstream answered {answer.status}, a redirect")
    if answer.status == HTTPStatus.OK and not content_type.startswith("application/json"):
        raise BadUpstreamAnswerError(
            f"the upstream answered 200 with {content_type or 'no Content-Type'} instead of JSON"
        )
    is_readable = not answer.header("Content-Encoding")
    if answer.status == HTTPStatus.OK and is_readable and not start.lstrip().startswith(b"{"):
        raise BadUpstreamAnswerError("the upstream answered 200 with a body that is not JSON")
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR and content_type.startswith("text/html"):
        raise BadUpstreamAnswerError(f"the upstream answered {answer.status} with an HTML page")
