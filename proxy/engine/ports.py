"""What the engine needs from outside, as Protocols."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from proxy.engine.memory import UNCOUNTED

if TYPE_CHECKING:
    from collections.abc import Hashable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from proxy.codec.sections import Buffer
    from proxy.model.chunks import ChunkBatch
    from proxy.model.extent import AnyPiece, Extent, ExtentId
    from proxy.model.piece import SeriesList
    from proxy.model.query import Caller
    from proxy.model.read_query import SampleAsk
    from proxy.plan.cache_key import CacheKey
    from proxy.plan.limits import LimitsTable
    from proxy.plan.store_views import Look

T = TypeVar("T")
A = TypeVar("A")

Body = bytes | AsyncIterator[bytes] | None


class MemoryTicket(Protocol):
    """What an answer, or a part of it, takes of the memory that all answers under way share."""

    held_bytes: int

    def parts(self) -> AbstractContextManager[None]:
        """What is opened in this context, and in tasks that are started in it, is the same answer's."""
        ...

    async def grow(self, size_bytes: int) -> None:
        """Hold more; waits for it. Who is not given it holds what it held before.

        Raises:
            TooManyRequestsError, LimitError: there is not as much, in time or ever.
        """
        ...

    def take(self, size_bytes: int) -> bool:
        """Hold more, if there is as much at once and nobody goes first."""
        ...

    def add(self, size_bytes: int) -> None:
        """Hold more although there may be no room: it is there already."""
        ...

    def shrink(self, size_bytes: int) -> None:
        """Hold less, if only by nothing: it is known now how large the answer is."""
        ...

    def close(self) -> None:
        """Hold nothing; may be called more than once."""
        ...


class Admission(Protocol):
    """Who may ask the upstream when, and with how much memory."""

    def enter(self, tenant: str) -> AbstractAsyncContextManager[None]:
        """A turn; raises TooManyRequestsError."""
        ...

    def open(self) -> MemoryTicket:
        """A ticket for an answer; it holds nothing yet."""
        ...


@dataclass(frozen=True, slots=True)
class UpstreamAnswer:
    """A 200 answer of the upstream, inflated.

    no_store: it carried `Cache-Control: no-store`. memory: what is set aside for the body, and for
    what is made of it; to be closed when it is not needed any more. url: the address that gave it; ""
    where that is not known.
    """

    body: bytes
    no_store: bool
    content_type: str = "application/json"
    memory: MemoryTicket = UNCOUNTED
    url: str = ""


Read = Callable[[UpstreamAnswer], Awaitable[T]]
"""Reads an answer; only who does can tell whether it is one."""


class LimitsSource(Protocol):
    """The limits in force; whoever asks twice may get two answers."""

    @property
    def current(self) -> LimitsTable: ...


class Upstream(Protocol):
    """A Thanos Query. All methods raise `QueryError`s.

    UpstreamAnswerError: the upstream's own error, to be passed on.
    BadUpstreamAnswerError: an answer that is none.
    UpstreamUnreachableError, QueryTimeoutError: no answer after all permitted attempts.
    """

    async def ask(
        self, path: str, form: bytes, caller: Caller, read: Read[T], kind: Hashable = None
    ) -> T:
        """POST a urlencoded form to a path; what `read` makes of the whole answer.

        Where it raises BadUpstreamAnswerError, another address is asked if there is one, and the first
        one is blamed if that helps. `read` may run more than once, and closes no answer's memory.
        Questions of one `kind` take about as long: one that takes longer may be asked elsewhere too.
        """
        ...

    async def get(self, path_and_query: str, caller: Caller, read: Read[T], kind: Hashable = None) -> T:
        """GET a path; `read` and `kind` as for `ask`."""
        ...

    async def stores(self) -> Look | None:
        """What `/api/v1/stores` lists; None when the upstream has no such endpoint."""
        ...


class OpenAnswer(Protocol):
    """An upstream's answer whose headers have arrived and whose body has not."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    read_bytes: int

    def header(self, name: str) -> str:
        """A header's first value, "" when it is missing; the name in any case."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, with its content encoding as it is."""
        ...


Begin = Callable[[OpenAnswer], Awaitable[T]]
"""Reads at most BEGIN_BYTES of a body, or a little more, and tells whether it is an answer."""
BEGIN_BYTES = 1 << 18


class Forwarder(Protocol):
    """Passes requests on to the upstream."""

    def forward(
        self, method: str, raw_path: str, caller: Caller, body: Body, begin: Begin[T]
    ) -> AbstractAsyncContextManager[T]:
        """Send a request with the caller's headers; leaving the context ends it.

        What `begin` makes of the answer; BadUpstreamAnswerError does there what it does in `ask`.

        Raises:
            QueryTimeoutError, UpstreamUnreachableError: here or while the body is read.
        """
        ...

    async def is_ready(self, timeout_s: float) -> bool:
        """Whether the upstream says that it is ready."""
        ...


class Threads(Protocol):
    """Where work that holds a core for long is done, away from the event loop."""

    async def run(self, work: Callable[[A], T], argument: A, size_bytes: int) -> T:
        """`work(argument)`; in a thread when `size_bytes` says that it takes long."""
        ...


class ExtentStore(Protocol):
    """Where extents are kept."""

    def get(self, extent_id: ExtentId) -> Extent[AnyPiece] | None:
        """The extent as it was put last, unless it had to go."""
        ...

    def peek(self, extent_id: ExtentId) -> Extent[AnyPiece] | None:
        """The same, without counting that as a use."""
        ...

    def extents(self) -> list[Extent[AnyPiece]]:
        """All that are in memory at present, without counting that as a use."""
        ...

    def put(self, extent_id: ExtentId, extent: Extent[AnyPiece]) -> bool:
        """Keep an extent in place of what was there; False when it is not kept."""
        ...

    def adopt(self, extent_id: ExtentId, extent: Extent[AnyPiece]) -> bool:
        """As `put`, for what a tier behind this store has given: it is not told to it again."""
        ...

    async def load(self, key: CacheKey, numbers: list[int]) -> list[Extent[AnyPiece]]:
        """What a tier behind this store has of some extents of a key."""
        ...

    def remove_where(self, matches: Callable[[ExtentId, Extent[AnyPiece]], bool]) -> int:
        """Remove what matches; how many extents that were."""
        ...

    def intern(self, series: SeriesList) -> SeriesList:
        """The one object for equal lists of series."""
        ...


class Tier(Protocol):
    """A place for bytes that outlives this process, or is shared by several. Nothing here raises.

    Names are plain and shorter than 200 characters.
    """

    async def get_many(self, names: Sequence[str]) -> dict[str, Buffer]:
        """What is there; what cannot be had in a few milliseconds is left out."""
        ...

    def put(self, name: str, value: bytes, life_s: int) -> bool:
        """Keep a value, soon; False when it is dropped."""
        ...

    async def add(self, name: str, value: bytes, life_s: int) -> bool:
        """Keep a value unless there is one; False then. True also when nobody can say."""
        ...


class Clock(Protocol):
    """Two clocks: what time it is, and how much time passes."""

    def wall_ms(self) -> int:
        """Unix milliseconds: to tell how old data is."""
        ...

    def monotonic_ms(self) -> int:
        """Milliseconds since some moment: to tell how long something is kept."""
        ...


class SampleSource(Protocol):
    """Where raw samples come from."""

    def series(self, ask: SampleAsk, caller: Caller) -> AsyncGenerator[SampleBatch]:
        """All series that match, in order of their labels, some at a time.

        Chunks of one series may overlap (replicas) and reach beyond the times that were asked.
        Closing the generator ends the fetch. Raises `QueryError`s.
        """
        ...


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """Some series. `is_complete`: False when a part of the data may be missing, as a warning says."""

    series: ChunkBatch
    is_complete: bool = True
