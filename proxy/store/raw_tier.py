"""What a place for kept extents outside of this process must be able to do; `guarded` does the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.codec.sections import Buffer


class Entry(NamedTuple):
    """What is to be kept, and for how long from now."""

    name: str
    value: bytes
    life_s: int


class TierError(Exception):
    """A tier that cannot be reached, or cannot do what it was asked."""


class RawTier(Protocol):
    """Names are at most 200 plain characters. Each method but `start` may raise TierError.

    Whatever is asked ends by itself within some seconds, so that nobody has to cancel it.

    name: for metrics and logs. max_value_bytes: the largest value that it takes.
    """

    name: str
    max_value_bytes: int

    async def start(self) -> None:
        """Get ready, as far as that can be done now; never raises."""
        ...

    async def get_many(self, names: Sequence[str], within_s: float, /) -> Mapping[str, Buffer]:
        """What is there under some names; of several servers, what is had in so much time."""
        ...

    async def put_many(self, entries: Sequence[Entry]) -> int:
        """Keep values in place of what was there; how many of them are kept."""
        ...

    async def add(self, entry: Entry) -> bool:
        """Keep a value unless there is one; False then."""
        ...

    async def remove(self, name: str) -> None:
        """Keep it no longer."""
        ...

    async def close(self) -> None:
        """End all connections."""
        ...
