"""Warnings and errors that may not be the client's own: then the whole must be asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from proxy.errors import NotSplittableError
from proxy.plan.notes import hold_for_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.merge.matrices import JoinedMatrix
    from proxy.model.grid import Grid
    from proxy.model.matrix import Tail
    from proxy.plan.range_plan import RangePlan

_POSITION = re.compile(r"\(\d+:\d+\)")


class Source(NamedTuple):
    """What a fetch was for, and what followed its series."""

    grid: Grid
    tail: Tail


def refuse_foreign_notes(plan: RangePlan, joined: JoinedMatrix, brought: Sequence[Source]) -> None:
    """Notes that may be those of another part of somebody else's window; see `plan.notes`.

    brought: where the parts come from that were fetched.

    Raises:
        NotSplittableError: only the whole query has notes that are certain.
    """
    if not joined.tail.notes:
        return
    foreign = [one.tail for one in brought if not _lies_in(one.grid, plan.grid)]
    has_others = not all(hold_for_parts(tail, plan.known.traits) for tail in foreign)
    is_all_own = not foreign and len(brought) == len(joined.parts)
    if has_others or not (joined.metrics or is_all_own):
        raise NotSplittableError("a warning may be that of another part of the range")


def _lies_in(part: Grid, whole: Grid) -> bool:
    return whole.start_ms <= part.start_ms and part.last_ms <= whole.last_ms


def name_positions(notes: Mapping[str, tuple[str, ...]]) -> bool:
    """Prometheus ends annotations with line and column, `(1:6)`; Thanos does not."""
    return any(_POSITION.search(text) for texts in notes.values() for text in texts)


def refuse_shifted_text(plan: RangePlan, speaks_of_positions: bool) -> None:
    """Warnings and parse errors name positions in the text; a text made constant has moved them."""
    if plan.known.changed and speaks_of_positions:
        raise NotSplittableError("a message speaks of positions in a text that was made constant")
