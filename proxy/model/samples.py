"""Float samples of many chunks or series, in columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Samples of chunks, back to back.

    times_ms: int64, one row for each sample. values: float64, likewise; every NaN keeps the bits
    that it was stored with (a stale marker is one of them). ends: int64, for each chunk the row at
    which its samples end (they begin where those of the one before end).
    """

    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    ends: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        """For each chunk the row of its first sample."""
        return np.concatenate([np.zeros(1, np.int64), self.ends])[:-1]
