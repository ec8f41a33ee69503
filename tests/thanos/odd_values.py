"""Floats whose text is easily spoilt: not numbers, signs, exponents, all 17 digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.thanos.series import METRIC_NAME, ORDINARY_NAN, RawSeries, float_series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.thanos.timeline import Timeline, Values

CONSTANTS = {
    "nan": ORDINARY_NAN,
    "positive infinity": np.inf,
    "negative infinity": -np.inf,
    "negative zero": -0.0,
    "small": 1e-7,
    "large": 1e21,
    "denormal": 1e-320,
    "smallest": 5e-324,
    "largest": np.finfo(np.float64).max,
    "seventeen digits": 0.100_000_000_000_000_01 + 0.2,
    "beyond exact integers": 9_007_199_254_740_993.0,
}
"""`case` label to value."""


def odd_value_family(timeline: Timeline) -> Iterator[RawSeries]:
    """`odd_value` with each constant, with any 64 bits, and with the constants in turn."""
    times = timeline.scrapes(offset_ms=59_999)
    for case, value in CONSTANTS.items():
        yield float_series({METRIC_NAME: "odd_value", "case": case}, times, value)
    anything = any_float(timeline, len(times))
    yield float_series({METRIC_NAME: "odd_value", "case": "any bits"}, times, anything)
    in_turn = np.resize(np.array([*CONSTANTS.values(), 0.0, 1.0, 1.5]), len(times))
    yield float_series({METRIC_NAME: "odd_value", "case": "in turn"}, times, in_turn)


def any_float(timeline: Timeline, count: int) -> Values:
    """Finite floats of all sizes: random bits, those that are no number replaced."""
    bits = timeline.chance("any bits").integers(0, 2**64, count, dtype=np.uint64)
    floats = bits.view(np.float64)
    result: Values = np.where(np.isfinite(floats), floats, 1 / 3)
    return result
