"""How a cost grows: a power law and a straight line through measurements, and where they are linear.

All fits are by least squares on relative errors, so that a thousand points weigh as much as ten
million: a power law on logarithms, a line on deviations divided by the value.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

LINEAR_WITHIN = 0.2
"""A stretch is called linear when its exponent is 1 give or take this."""


@dataclass(frozen=True)
class PowerLaw:
    """`y = factor * x ** exponent`; `r_squared` is that of the logarithms."""

    exponent: float
    factor: float
    r_squared: float


@dataclass(frozen=True)
class Line:
    """`y = fixed + slope * x`. `worst` is the largest relative deviation of a measurement."""

    fixed: float
    slope: float
    worst: float

    @property
    def knee(self) -> float:
        """Where the part that grows costs as much as the fixed part; 0 when nothing is fixed."""
        return max(0.0, self.fixed) / self.slope if self.slope > 0 else math.inf


def power_law(xs: Sequence[float], ys: Sequence[float]) -> PowerLaw:
    """Through two points or more, all above 0.

    Raises:
        ValueError: too few of them, or one that has no logarithm.
    """
    x, y = _columns(xs, ys)
    log_x, log_y = np.log(x), np.log(y)
    exponent, offset = np.polyfit(log_x, log_y, 1)
    rest = log_y - (exponent * log_x + offset)
    spread = float(((log_y - log_y.mean()) ** 2).sum())
    r_squared = 1 - float((rest**2).sum()) / spread if spread > 1e-12 else 1.0
    return PowerLaw(float(exponent), math.exp(float(offset)), r_squared)


def line(xs: Sequence[float], ys: Sequence[float]) -> Line:
    """Through two points or more, all above 0; raises `ValueError` as `power_law` does."""
    x, y = _columns(xs, ys)
    rows = np.stack([1 / y, x / y], axis=1)
    (fixed, slope), *_ = np.linalg.lstsq(rows, np.ones_like(y), rcond=None)
    worst = float(np.abs((fixed + slope * x) / y - 1).max())
    return Line(float(fixed), float(slope), worst)


def _columns(xs: Sequence[float], ys: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(xs, dtype=np.float64), np.asarray(ys, dtype=np.float64)
    if len(x) != len(y) or len(set(x.tolist())) < 2:
        raise ValueError("a fit needs two different points or more")
    if not ((x > 0).all() and (y > 0).all()):
        raise ValueError("a fit needs values above 0")
    return x, y


def exponents(xs: Sequence[float], ys: Sequence[float]) -> list[float]:
    """Between neighbours: 1 is linear, 0 constant, 2 square."""
    x, y = _columns(xs, ys)
    return [float(e) for e in np.diff(np.log(y)) / np.diff(np.log(x))]


def linear_stretch(
    xs: Sequence[float], ys: Sequence[float], within: float = LINEAR_WITHIN
) -> tuple[float, float] | None:
    """The longest run of neighbours (by the ratio of its ends) whose exponents are all about 1."""
    is_linear = [abs(exponent - 1) <= within for exponent in exponents(xs, ys)]
    best: tuple[float, float] | None = None
    for fits, run in itertools.groupby(range(len(is_linear)), key=is_linear.__getitem__):
        places = list(run)
        ends = (float(xs[places[0]]), float(xs[places[-1] + 1]))
        if fits and (best is None or ends[1] / ends[0] > best[1] / best[0]):
            best = ends
    return best
