"""Generated answers of a given size, and what each stage makes of them.

Values have full precision (mostly 16 or 17 significant digits, the worst case for text) and differ
within a window of deflate; labels are as long as those of a small cluster. The same size and kind
give the same bytes in every run, so that runs of different commits measure the same work.
"""

from __future__ import annotations

import random
from enum import Enum
from functools import cache, cached_property
from itertools import compress
from operator import add
from typing import TYPE_CHECKING, NamedTuple

from proxy.codec.matrix_json import scan_matrix
from proxy.codec.pieces import IndexedMatrix, index_matrix, make_piece
from proxy.codec.small_matrix import HEAD
from proxy.model.grid import Grid

if TYPE_CHECKING:
    from proxy.model.matrix import EncodedMatrix
    from proxy.model.piece import Piece

START_MS = 1_699_200_000_000
STEP_MS = 60_000
_TAIL = b'],"analysis":{}}}'
_MISSING = 50
"""Where there are gaps, each series lacks one step in this many."""


class Size(NamedTuple):
    """A window: so many series, in pieces (extents) of so many steps each."""

    series: int
    pieces: int
    piece_steps: int

    @property
    def steps(self) -> int:
        return self.pieces * self.piece_steps

    @property
    def grid(self) -> Grid:
        return Grid(START_MS, STEP_MS, self.steps)

    @property
    def runs(self) -> list[tuple[int, int]]:
        """The first step and the end of each piece."""
        return [(first, first + self.piece_steps) for first in range(0, self.steps, self.piece_steps)]

    def __str__(self) -> str:
        return f"{self.series}x{self.steps}"


SIZES = (
    Size(1, 8, 250),
    Size(10, 8, 250),
    Size(100, 8, 250),
    Size(1_000, 8, 250),
    Size(10_000, 2, 125),
)
SHORT_SIZES = (
    Size(1, 8, 25),
    Size(10, 8, 25),
    Size(100, 8, 25),
    Size(1_000, 8, 25),
    Size(10_000, 2, 12),
)
"""For what takes microseconds a point: the slow path, and histograms, whose text is long."""


class Kind(Enum):
    """What the series of an answer are like."""

    FULL = "a float at every step"
    GAPS = "floats; single steps are missing, and each series is away for the time of one piece"
    HISTOGRAMS = "a native histogram at every step"


class Answer:
    """One upstream answer, and what it becomes on the way in; each made when first asked for."""

    def __init__(self, size: Size, kind: Kind) -> None:
        self.size = size
        self.kind = kind

    @cached_property
    def body(self) -> bytes:
        """The text that Thanos Query would write."""
        return _body(self.size, self.kind)

    @cached_property
    def matrix(self) -> EncodedMatrix:
        return scan_matrix(self.body)

    @cached_property
    def indexed(self) -> IndexedMatrix:
        return index_matrix(self.matrix, self.size.grid)

    @cached_property
    def pieces(self) -> list[Piece]:
        return [make_piece(self.indexed, *run) for run in self.size.runs]

    @cached_property
    def points(self) -> int:
        return int(self.indexed.floats.counts.sum() + self.indexed.histograms.counts.sum())


def _body(size: Size, kind: Kind) -> bytes:
    lane = "histograms" if kind is Kind.HISTOGRAMS else "values"
    texts = (
        f'{{"metric":{metric_text(row)},"{lane}":[{",".join(_points(size, kind, row))}]}}'
        for row in range(size.series)
    )
    return HEAD + ",".join(texts).encode() + _TAIL


def metric_text(row: int) -> str:
    """Sorted by row, as Thanos sorts by labels."""
    return (
        '{"__name__":"http_requests_total","cluster":"eu-west-1","code":"200","handler":"/api/v1/items",'
        f'"instance":"shop-{row:05d}:9100","job":"shop","namespace":"production"}}'
    )


def _points(size: Size, kind: Kind, row: int) -> list[str]:
    pool = _histogram_texts() if kind is Kind.HISTOGRAMS else _float_texts()
    offset = row * 7919 % (len(pool) - size.steps)
    points = list(map(add, _openings(size.grid), pool[offset : offset + size.steps]))
    return list(compress(points, _present(size, row))) if kind is Kind.GAPS else points


def _present(size: Size, row: int) -> list[bool]:
    """For each step whether a series has a point there."""
    present = [(step + row) % _MISSING != 0 for step in range(size.steps)]
    first, end = size.runs[row % size.pieces]
    present[first:end] = [False] * size.piece_steps
    return present


@cache
def _openings(grid: Grid) -> list[str]:
    seconds = range(grid.start_ms // 1000, grid.last_ms // 1000 + 1, grid.step_ms // 1000)
    return [f"[{second}," for second in seconds]


@cache
def _float_texts() -> list[str]:
    """More values than any series has, so that two series rarely share a run of them."""
    source = random.Random(1)
    return [f'"{source.uniform(1, 100)!r}"]' for _ in range(1 << 16)]


@cache
def _histogram_texts() -> list[str]:
    source = random.Random(2)
    return [_histogram_text(source) for _ in range(1 << 12)]


def _histogram_text(source: random.Random) -> str:
    """Eight buckets with counts of full precision, as `rate` gives them."""
    counts = [source.uniform(1, 10) for _ in range(8)]
    buckets = ",".join(
        f'[0,"{2**number}","{2 ** (number + 1)}","{count!r}"]' for number, count in enumerate(counts)
    )
    total = source.uniform(100, 1000)
    return f'{{"count":"{sum(counts)!r}","sum":"{total!r}","buckets":[{buckets}]}}]'
