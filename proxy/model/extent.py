"""An extent: an aligned, fixed run of grid steps under one key, and what is kept of it.

Extents are counted from the epoch: extent e of a phase holds the steps with index `e * size` to
`(e + 1) * size`, where a step's index is its time divided by the step. So every client's window over
the same phase meets the same extents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from proxy.model.grid import Grid
    from proxy.model.piece import SeriesList


class AnyPiece(Protocol):
    """A kept answer for the steps of a grid: of a range query, or raw samples (a step is 1 ms)."""

    @property
    def grid(self) -> Grid: ...

    @property
    def series(self) -> SeriesList: ...

    @property
    def size_bytes(self) -> int:
        """Without the series list, which is shared."""
        ...

    @property
    def is_empty(self) -> bool:
        """Whether there is no series in it."""
        ...


P_co = TypeVar("P_co", bound=AnyPiece, covariant=True)


@dataclass(frozen=True, slots=True)
class ExtentId:
    """Where an extent is kept: the key's name and its number."""

    key_name: bytes
    number: int


@dataclass(frozen=True, slots=True, eq=False)
class Kept(Generic[P_co]):
    """A piece, what is known of its fetch, and until when it may serve.

    first_index: the grid index of its first step.
    began_ms, ended_ms: its fetch; expires_ms: its end of life. On the monotonic clock.
    reads: the earliest and latest time (ms, wall clock) of the data it may have read.
    fetched: the grid indices (first, end) of the whole answer that it was cut from.
    pending_until_ms: until when it may serve although not all stores are known to have taken part.
    """

    piece: P_co
    first_index: int
    began_ms: int
    ended_ms: int
    expires_ms: int
    pending_until_ms: int
    reads: tuple[int, int]
    fetched: tuple[int, int]

    @property
    def end_index(self) -> int:
        return self.first_index + self.piece.grid.steps


@dataclass(frozen=True, slots=True, eq=False)
class Extent(Generic[P_co]):
    """Kept pieces in time order, without overlap, and the key they belong to.

    metric_names: for a purge by metric; None when it may be any.
    """

    full_key: bytes
    metric_names: frozenset[str] | None
    kept: tuple[Kept[P_co], ...]

    @property
    def size_bytes(self) -> int:
        """Without the series lists, which are shared and counted by the store."""
        return len(self.full_key) + 400 + sum(k.piece.size_bytes + 300 for k in self.kept)
