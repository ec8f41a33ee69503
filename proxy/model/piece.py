"""A kept answer for a run of steps: deflated text by series, and numpy columns.

See `docs/design.md`. A fragment is the deflated text of one series' points (`[t,"v"],[t,"v"]`), made
by itself, so that fragments concatenate to a gzip body without being inflated. Before each stands
a block with a comma, for when it is not the first of its series.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from proxy.model.grid import Grid
    from proxy.model.matrix import Tail


@dataclass(frozen=True, slots=True)
class Openings:
    """What stands before each series' points in a gzip body: `]},{"metric":…,"values":[`.

    blocks: deflate blocks; crc, raw_bytes: of the text that they inflate to.
    """

    blocks: list[bytes]
    crc: list[int]
    raw_bytes: list[int]


@dataclass(slots=True, eq=False, weakref_slot=True)
class SeriesList:
    """The label sets of an answer's series, in Thanos's order: as JSON text, or as protobuf.

    The same series come back in every extent, so equal lists are kept as one object, and what is
    derived from a list for writing answers is kept with it.
    """

    metrics: tuple[bytes, ...]
    openings: Openings | None = field(default=None, repr=False)

    @property
    def size_bytes(self) -> int:
        """Labels' text, the openings derived from it, and the objects that hold them."""
        return sum(len(metric) for metric in self.metrics) * 2 + len(self.metrics) * 190 + 300


@dataclass(frozen=True, slots=True, eq=False)
class Fragments:
    """One lane of a piece. All columns have one entry for each series of the piece's list.

    blob: for each series the block with a comma and its fragment, back to back. A view where the piece
        was read from another tier.
    ends: int64, where each fragment ends in the blob (what is before begins where the one before
        ends); equal to the one before where the series has no points.
    raw_bytes: int32, the length of the points' text, without the comma; 0 where there are none.
    crc: uint32, the CRC32 of the points' text.
    comma_crc: uint32, the CRC32 of a comma and the points' text.
    """

    blob: bytes | memoryview
    ends: NDArray[np.int64]
    raw_bytes: NDArray[np.int32]
    crc: NDArray[np.uint32]
    comma_crc: NDArray[np.uint32]

    @property
    def size_bytes(self) -> int:
        """What it holds in memory."""
        columns = (self.ends, self.raw_bytes, self.crc, self.comma_crc)
        return len(self.blob) + 33 + sum(column.nbytes + 112 for column in columns)

    @property
    def is_empty(self) -> bool:
        return not self.blob

    @property
    def text_bytes(self) -> int:
        """The length of what all of it inflates to, commas included."""
        return int(self.raw_bytes.sum(dtype=np.int64)) + int(np.count_nonzero(self.raw_bytes))


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """An immutable answer for the steps of `grid`; `histograms` is None when there are none."""

    grid: Grid
    series: SeriesList
    floats: Fragments
    histograms: Fragments | None
    tail: Tail

    @property
    def metrics(self) -> tuple[bytes, ...]:
        return self.series.metrics

    @property
    def size_bytes(self) -> int:
        """Without the series list, which is shared."""
        histograms = self.histograms.size_bytes if self.histograms else 0
        notes = sum(len(text) * 2 + 60 for texts in self.tail.notes.values() for text in texts)
        return self.floats.size_bytes + histograms + notes + 600

    @property
    def is_empty(self) -> bool:
        return not self.series.metrics
