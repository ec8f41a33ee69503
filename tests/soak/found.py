"""An answer to a range query, read, and compared with what the world says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tests.soak.views import ALL, View
from tests.soak.world import ABSENT, Rows, World

if TYPE_CHECKING:
    from tests.soak.promises import Asking
    from tests.soak.questions import RangeQuestion

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Found:
    """The rows and warnings of an answer."""

    question: RangeQuestion
    rows: Rows
    notes: tuple[str, ...]
    asking: Asking

    def equals(self, world: World, moment_ms: int, view: View) -> Mask:
        """The steps at which it is what was answered at a moment to a view."""
        there = self.question.rows(world, moment_ms, view.seen)
        equal = np.ones(self.question.times_ms.shape, np.bool_)
        for labels in self.rows.keys() | there.keys():
            one, other = self.rows.get(labels), there.get(labels)
            equal &= (ABSENT if one is None else one) == (ABSENT if other is None else other)
        return equal

    def is_empty(self, steps: Mask) -> bool:
        """Whether no series has a value at these steps."""
        return all((row[steps] == ABSENT).all() for row in self.rows.values())

    def column(self, at: int) -> Found:
        """One step of it."""
        time_ms = int(self.question.times_ms[at])
        rows = {labels: row[at : at + 1] for labels, row in self.rows.items() if row[at] != ABSENT}
        return replace(
            self, question=replace(self.question, start_ms=time_ms, end_ms=time_ms), rows=rows
        )

    def differences(self, world: World, at: int) -> list[str]:
        """What is answered at a step, and what is right by now, of each series where they differ."""
        right = self.question.rows(world, self.asking.until_ms, ALL)
        both = [
            (labels, _value(self.rows, labels, at), _value(right, labels, at))
            for labels in sorted(self.rows.keys() | right.keys())
        ]
        return [f"{labels}: {one}, now {other}" for labels, one, other in both if one != other]


def _value(rows: Rows, labels: str, at: int) -> int:
    row = rows.get(labels)
    return ABSENT if row is None else int(row[at])
