"""When samples are taken, and how their values move: shared by all sample families."""

from __future__ import annotations

import dataclasses
import zlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tests.thanos.series import STALE_MARKER, RawSeries

if TYPE_CHECKING:
    from collections.abc import Sequence

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

Times = NDArray[np.int64]
Values = NDArray[np.float64]
Window = tuple[int, int]
"""First ms and the ms after the last."""


@dataclasses.dataclass(frozen=True, slots=True)
class Timeline:
    """The time that samples cover, and chance that is the same for the same seed."""

    start_ms: int
    end_ms: int
    seed: int

    def scrapes(self, interval_ms: int = MINUTE_MS, offset_ms: int = 0) -> Times:
        """Scrape times `offset_ms` after the start and then every interval, up to the end."""
        return np.arange(self.start_ms + offset_ms, self.end_ms + 1, interval_ms)

    def moment(self, fraction: float) -> int:
        """The ms at a fraction of the way from start to end."""
        return self.start_ms + int((self.end_ms - self.start_ms) * fraction)

    def window(self, fraction: float, length_ms: int) -> Window:
        """A window that begins at a fraction of the way."""
        return self.moment(fraction), self.moment(fraction) + length_ms

    def chance(self, name: str) -> np.random.Generator:
        """Random numbers of a family's own, so that a new family does not change the others."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])


def inside(times: Times, windows: Sequence[Window]) -> NDArray[np.bool_]:
    """Which times lie in any of the windows."""
    hit = np.zeros(len(times), dtype=np.bool_)
    for first_ms, after_ms in windows:
        hit |= (times >= first_ms) & (times < after_ms)
    return hit


def without(times: Times, gaps: Sequence[Window]) -> Times:
    """The times outside the gaps."""
    return times[~inside(times, gaps)]


def ended_by_stale_markers(series: RawSeries, lives: Sequence[Window]) -> RawSeries:
    """Keep a float series' samples of these lives, and turn the last of each into a marker."""
    kept = inside(series.timestamps_ms, lives)
    times = series.timestamps_ms[kept]
    values = series.values[kept].copy()
    for _, after_ms in lives:
        last = int(np.searchsorted(times, after_ms)) - 1
        values[last] = STALE_MARKER
    return dataclasses.replace(series, timestamps_ms=times, values=values)


def counter(
    chance: np.random.Generator,
    times: Times,
    per_sample: float,
    restarts_ms: Sequence[int] = (),
) -> Values:
    """A count that only grows, and begins again at zero at each restart."""
    total = np.cumsum(chance.poisson(per_sample, len(times))).astype(np.float64)
    lost = np.zeros(len(times))
    for restart_ms in restarts_ms:
        at = int(np.searchsorted(times, restart_ms))
        if 0 < at < len(times):
            lost[at] = total[at - 1]
    result: Values = total - np.maximum.accumulate(lost)
    return result


def gauge(chance: np.random.Generator, times: Times, mean: float, swing: float) -> Values:
    """A daily wave with noise, rounded to three decimals as exporters often do."""
    wave = np.sin(2 * np.pi * times / DAY_MS) * swing
    noise = chance.normal(0, swing / 10, len(times))
    result: Values = np.round(mean + wave + noise, 3)
    return result
