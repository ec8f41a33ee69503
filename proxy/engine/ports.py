"""What the engine needs from outside, as Protocols."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from proxy.model.query import CallerHeaders

T = TypeVar("T")
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class UpstreamAnswer:
    """A 200 answer of the upstream, inflated. `no_store`: it carried `Cache-Control: no-store`."""

    body: bytes
    no_store: bool


class OpenAnswer(Protocol):
    """An upstream's answer whose headers have arrived and whose body has not."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str:
        """A header's first value, "" when it is missing; the name in any case."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, with its content encoding as it is."""
        ...


Body = bytes | AsyncIterator[bytes] | None


class Forwarder(Protocol):
    """Passes requests on to the upstream, unread."""

    def forward(
        self, method: str, raw_path: str, headers: list[tuple[str, str]], body: Body
    ) -> AbstractAsyncContextManager[OpenAnswer]:
        """Send a request; leaving the context ends it, whatever has not been read.

        Raises:
            QueryTimeoutError, UpstreamUnreachableError: here or while the body is read.
        """
        ...

    async def is_ready(self, timeout_s: float) -> bool:
        """Whether the upstream says that it is ready."""
        ...


class Upstream(Protocol):
    """A Thanos Query."""

    async def query_range(self, form: bytes, caller: CallerHeaders) -> UpstreamAnswer:
        """Ask for one split; `form` is urlencoded.

        Raises:
            UpstreamAnswerError: the upstream's own error, to be passed on.
            BadUpstreamAnswerError: an answer that is none.
            UpstreamUnreachableError: no answer after all permitted attempts.
        """
        ...


class Threads(Protocol):
    """Where work that holds a core for long is done, away from the event loop."""

    async def run(self, work: Callable[[A], T], argument: A, size_bytes: int) -> T:
        """`work(argument)`; in a thread when `size_bytes` says that it takes long."""
        ...
