"""Percentiles of a handful of measurements, and numbers as the tables write them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """The least of the values that `percent` of them do not exceed; of few values the largest.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(1, math.ceil(len(ordered) * percent / 100)) - 1]


def median(values: Sequence[float]) -> float:
    """Raises `ValueError` when there are no values."""
    return percentile(values, 50)


def three_digits(value: float) -> str:
    """`0.512`, `5.12`, `51.2`, `512`, `5,120`; an empty text for what is not known."""
    if math.isnan(value):
        return ""
    size = abs(value)
    places = 0 if size >= 99.95 else 1 if size >= 9.995 else 2 if size >= 0.9995 else 3
    return f"{value:,.{places}f}"
