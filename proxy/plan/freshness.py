"""Which steps are settled, and how long their answers may be kept. Pure: `now_ms` is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.model.grid import Grid
    from proxy.promql.traits import Traits

_LOOKBACK_MS = 3_600_000
"""More than any lookback delta that Thanos uses by itself (1h for downsampled data)."""


@dataclass(frozen=True, slots=True)
class KeepPolicy:
    """How long answers are kept.

    freshness_ms: data younger than this may still change; it is answered, never kept.
    recent_ms: data younger than this may still get late samples: kept for `recent_life_ms`.
    long_life_ms: for everything older.
    empty_life_ms: for steps without any series.
    short_life_ms: while it is not known whether all stores took part.
    extent_steps: steps in an extent.
    """

    freshness_ms: int
    recent_ms: int
    recent_life_ms: int
    long_life_ms: int
    empty_life_ms: int
    short_life_ms: int
    extent_steps: int


def settled_steps(grid: Grid, traits: Traits, younger_than_ms: int) -> int:
    """How many of the first steps read nothing at or after a time."""
    if any(time_ms >= younger_than_ms for time_ms in traits.at_times_ms):
        return 0
    return grid.steps_before(younger_than_ms - traits.look_ahead_ms)


def life_ms(policy: KeepPolicy, is_recent: bool, is_empty: bool) -> int:
    """How long an answer of settled steps may be kept, all stores having taken part."""
    life = policy.recent_life_ms if is_recent else policy.long_life_ms
    return min(life, policy.empty_life_ms) if is_empty else life


def reads_span(grid: Grid, traits: Traits, lookback_ms: int = 0) -> tuple[int, int]:
    """The earliest and latest time (ms) of the data that the steps may read.

    lookback_ms: what the query itself asks for, where that is more than Thanos's own.
    """
    earliest = grid.start_ms - traits.look_behind_ms
    latest = grid.last_ms + traits.look_ahead_ms
    for first, last in traits.at_spans_ms:
        earliest, latest = min(earliest, first), max(latest, last)
    return earliest - max(_LOOKBACK_MS, lookback_ms), latest
