"""A matrix as the upstream wrote it: one text, and numpy columns that say what lies where.

No sample becomes a Python object. A series has two lanes of points, floats (`values`) and native
histograms; most have only the first. A lane is a run of `[t,…],[t,…]` without the outer brackets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

Offsets = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lane:
    """Where each series' points of one kind lie in the text; start == end where there are none.

    start, end: int64[series], byte offsets; `end` is exclusive.
    """

    start: Offsets
    end: Offsets

    @property
    def lengths(self) -> Offsets:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Tail:
    """What follows the series in an answer.

    extras: members of `data` after `result` (`stats`, `analysis`), name to JSON text, in order.
    notes: top-level lists after `data` (`warnings`, `infos`), name to texts, in order.
    """

    extras: Mapping[str, bytes] = field(default_factory=dict)
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EncodedMatrix:
    """One upstream answer: `metrics[i]` is the JSON text of series i's label set."""

    text: bytes
    metrics: tuple[bytes, ...]
    floats: Lane
    histograms: Lane
    tail: Tail
