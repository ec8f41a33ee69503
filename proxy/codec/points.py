"""Which step of the grid each point of a lane lies on, read from the text in columns.

A row whose first and last step are as far apart as it has points has no gaps: its steps need no
reading. The timestamps of the other rows are read as columns of digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from proxy.errors import NotSplittableError

if TYPE_CHECKING:
    from proxy.model.grid import Grid
    from proxy.model.matrix import Lane, Offsets

Bytes = NDArray[np.uint8]
Steps = NDArray[np.int64]

_MOST_DIGITS = 19
_BASE = 10
_FRACTION_DIGITS = 3
_FEW = 16
_TIMESTAMP = re.compile(rb"(-)?(\d+)(?:\.(\d{3}))?,")
_COMMA, _OPEN, _CLOSE, _DOT, _MINUS, _ZERO = (ord(c) for c in ",[].-0")


@dataclass(frozen=True, slots=True)
class PointIndex:
    """The points of one lane.

    starts: int64[points], the byte offset of each point's `[`, row after row.
    rows: int64[series + 1], row i owns `starts[rows[i]:rows[i + 1]]`.
    first, last: int64[series], its first and last step; 0 and -1 where it has no points.
    places: int64[points], the row and the step of each point as one number, which rises from point to
        point; the lower `step_bits` are the step's. None when no row has a gap.
    """

    starts: Offsets
    rows: Offsets
    first: Steps
    last: Steps
    places: Steps | None = None
    step_bits: int = 0

    @property
    def counts(self) -> Steps:
        return np.diff(self.rows)

    @property
    def steps(self) -> Steps | None:
        """int64[points], or None when no row has a gap."""
        return None if self.places is None else self.places & ((1 << self.step_bits) - 1)

    def points_before(self, step: int) -> Offsets:
        """int64[series]: for each row the number of the first of its points at `step` or later."""
        if self.places is None:
            return self.rows[:-1] + np.clip(step - self.first, 0, self.counts)
        within = min(max(step, 0), (1 << self.step_bits) - 1)
        return np.searchsorted(self.places, (np.arange(len(self.first)) << self.step_bits) + within)


def index_points(text: bytes, lane: Lane, grid: Grid, histograms: bool) -> PointIndex:
    """Index a lane whose points lie on a grid.

    Raises:
        NotSplittableError: a timestamp off the grid or out of order; nothing may be cut from it.
    """
    if not lane.lengths.any():
        return _no_points(len(lane.start))
    characters = np.frombuffer(text, np.uint8)
    starts, rows = _point_starts(characters, lane, histograms)
    counts = np.diff(rows)
    filled = np.flatnonzero(counts)
    first = np.zeros(len(counts), np.int64)
    last = np.full(len(counts), -1, np.int64)
    first[filled] = _steps_at(characters, starts[rows[filled]], grid)
    last[filled] = _steps_at(characters, starts[rows[filled + 1] - 1], grid)
    if not np.any(last - first + 1 != counts):
        return PointIndex(starts, rows, first, last)
    steps = _steps_at(characters, starts, grid)
    _insist(bool(np.all((np.diff(steps) > 0)[_within_rows(rows)])), "order")
    step_bits = (int(last.max()) + 1).bit_length()
    steps += np.repeat(np.arange(len(counts)) << step_bits, counts)
    return PointIndex(starts, rows, first, last, steps, step_bits)


def _no_points(series: int) -> PointIndex:
    """Of a lane that nobody has points in: mostly that of histograms."""
    nowhere = np.zeros(series, np.int64)
    return PointIndex(np.zeros(0, np.int64), np.zeros(series + 1, np.int64), nowhere, nowhere - 1)


def _point_starts(characters: Bytes, lane: Lane, histograms: bool) -> tuple[Offsets, Offsets]:
    """Offsets of all points' `[`, and how they share out over the rows."""
    brackets = np.flatnonzero(characters == _OPEN)
    if histograms:
        brackets = brackets[_opens_histogram(characters, brackets, lane)]
    low = np.searchsorted(brackets, lane.start)
    high = np.searchsorted(brackets, lane.end)
    counts = np.where(lane.end > lane.start, high - low, 0)
    rows = np.concatenate(([0], np.cumsum(counts)))
    if int(rows[-1]) == len(brackets):
        return brackets, rows
    chosen = np.repeat(low - rows[:-1], counts) + np.arange(int(rows[-1]))
    return brackets[chosen], rows


def _opens_histogram(characters: Bytes, brackets: Offsets, lane: Lane) -> NDArray[np.bool_]:
    """A histogram's own brackets hold others: a point opens a row or follows `}],`."""
    opens_row = np.isin(brackets, lane.start[lane.end > lane.start])
    back = np.maximum(brackets, 3)
    follows = (characters[back - 1] == _COMMA) & (characters[back - 2] == _CLOSE)
    opens: NDArray[np.bool_] = opens_row | (follows & (characters[back - 3] == ord("}")))
    return opens


def _within_rows(rows: Offsets) -> NDArray[np.bool_]:
    """bool[points - 1]: whether a point and its successor belong to the same row."""
    same = np.ones(max(int(rows[-1]) - 1, 0), dtype=bool)
    joints = rows[1:-1]
    same[joints[(joints > 0) & (joints <= len(same))] - 1] = False
    return same


def _steps_at(characters: Bytes, starts: Offsets, grid: Grid) -> Steps:
    """The step of each point, from its timestamp."""
    distance = read_times_ms(characters, starts + 1) - grid.start_ms
    steps, rest = np.divmod(distance, grid.step_ms)
    _insist(not np.any(rest), "grid")
    _insist(bool(np.all((steps >= 0) & (steps < grid.steps))), "range")
    return steps


def _insist(condition: bool, what: str) -> None:
    if not condition:
        raise _odd(what)


def _odd(what: str) -> NotSplittableError:
    return NotSplittableError(f"the upstream's timestamps are not in the {what} that was asked for")


def read_times_ms(characters: Bytes, at: Offsets) -> NDArray[np.int64]:
    """Milliseconds of the timestamps that begin at these offsets and end before a comma.

    Thanos writes seconds, a point and three digits where there are milliseconds (Prometheus
    `util/jsonutil/marshal.go`). Timestamps of equal length are read together, a digit at a time.
    """
    if len(at) <= _FEW:
        return np.array([_read_one(characters, offset) for offset in at.tolist()], np.int64)
    times = np.zeros(len(at), np.int64)
    left = np.arange(len(at))
    for length in range(1, _MOST_DIGITS + 1):
        if not left.size:
            break
        position = np.minimum(at[left] + length, len(characters) - 1)
        ends = characters[position] == _COMMA
        if np.any(ends):
            group = left[ends]
            times[group] = _read_group(characters, at[group], length)
            left = left[~ends]
    _insist(not left.size, "form")
    return times


def _read_one(characters: Bytes, at: int) -> int:
    """The same for one timestamp: for a few, columns cost more than they save."""
    found = _TIMESTAMP.match(characters[at : at + _MOST_DIGITS + 1].tobytes())
    if found is None:
        raise _odd("form")
    sign, seconds, fraction = found.groups()
    time_ms = int(seconds) * 1000 + int(fraction or 0)
    return -time_ms if sign else time_ms


def _read_group(characters: Bytes, at: Offsets, length: int) -> NDArray[np.int64]:
    value = np.zeros(len(at), np.int64)
    scale = np.full(len(at), 1000, np.int64)
    sign = np.ones(len(at), np.int64)
    for column in range(length):
        character = characters[at + column]
        digit = character - np.uint8(_ZERO)
        is_digit = digit < _BASE
        value = np.where(is_digit, value * _BASE + digit, value)
        is_dot = character == _DOT
        _insist(not np.any(is_dot) or column == length - 1 - _FRACTION_DIGITS, "form")
        scale[is_dot] = 1
        sign[character == _MINUS] = -1
        odd = ~is_digit & ~is_dot & (character != _MINUS)
        _insist(not np.any(odd), "form")
    return value * scale * sign
