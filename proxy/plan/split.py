"""Where a range query is cut in time.

Cuts fall on multiples of the split interval since the epoch, so that the same time is always in
the same split. A step exactly on a cut belongs to the later split. A last split of a single step
is not folded into the one before (Thanos's `splitQuery` does that): where a cut falls depends on
nothing but the interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.model.grid import Grid


def split_grid(grid: Grid, interval_ms: int) -> tuple[Grid, ...]:
    """The grid in pieces that do not straddle a multiple of `interval_ms`; (grid,) when 0."""
    if interval_ms <= 0:
        return (grid,)
    splits: list[Grid] = []
    first = 0
    while first < grid.steps:
        start_ms = grid.start_ms + first * grid.step_ms
        cut_ms = (start_ms // interval_ms + 1) * interval_ms
        end = grid.steps_before(cut_ms)
        splits.append(grid.sliced(first, end))
        first = end
    return tuple(splits)
