"""Counters as Thanos's engine sees them under `rate` and its like: without their resets.

`ApplyCounterResetsSeriesIterator` (Thanos `pkg/compact/downsample/downsample.go`) reads a sequence
of chunks, raw or downsampled, as one total that never falls. A downsampled counter's chunk begins with
the first raw value that it stands for, then has totals from there on, and repeats its last time with
the last raw value: so a reset between chunks can be told, and one inside a chunk is in its totals.

What leaves here is not that total but what rises by the same amounts for a reader that knows resets,
as PromQL does, and comes down to the counter's own value at each reset that can be seen. So samples
meet others, that were read from elsewhere or not looked into, at the counter's own level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class CounterSamples:
    """The samples of one replica that count; all columns have one row for each.

    rows: int64, which of the samples that were given. hidden: float64, how far Thanos's total is
    above the sample's own value. is_reset: whether the counter began anew between the sample
    before and this one; False for histograms, whose resets are not looked at.
    """

    rows: NDArray[np.int64]
    hidden: NDArray[np.float64]
    is_reset: NDArray[np.bool_]


def apply_resets(
    times_ms: NDArray[np.int64], values: NDArray[np.float64], is_float: NDArray[np.bool_]
) -> CounterSamples:
    """Read the samples of one replica's chunks, in their order, as a counter.

    NaNs, stale markers too, and samples that go back in time are left out.

    times_ms, values: int64 and float64; of histograms the value has no meaning. is_float: False where
    a histogram stands.
    """
    rows = np.flatnonzero(~(is_float & np.isnan(values)))
    times_ms, values, is_float = times_ms[rows], values[rows], is_float[rows]
    latest_ms = np.maximum.accumulate(times_ms)
    is_new = np.ones(len(rows), np.bool_)
    is_new[1:] = times_ms[1:] > latest_ms[:-1]
    is_repeat = np.zeros(len(rows), np.bool_)
    is_repeat[1:] = times_ms[1:] == latest_ms[:-1]
    floats = np.flatnonzero(is_float & (is_new | is_repeat))
    hidden, is_reset = np.zeros(len(rows)), np.zeros(len(rows), np.bool_)
    hidden[floats], is_reset[floats] = _hidden(values[floats], is_new[floats])
    return CounterSamples(rows[is_new], hidden[is_new], is_reset[is_new])


def _hidden(
    values: NDArray[np.float64], is_new: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What is hidden at each value, and whether it is a reset.

    Where a value is not new it is the true last one of its chunk: the next is compared with it.
    """
    raised = np.zeros(len(values))
    is_reset = np.zeros(len(values), np.bool_)
    last = values[:-1]
    news = np.where(is_new, np.arange(len(values)), 0)
    last_new = values[np.maximum.accumulate(news)[:-1]]
    is_reset[1:] = values[1:] < last
    with np.errstate(invalid="ignore", over="ignore"):  # a counter may stand at infinity
        kept = np.where(last_new == last, 0.0, last_new - last)
        raised[1:] = np.where(is_reset[1:], last_new, kept)
        raised[~is_new] = 0.0
        return np.cumsum(raised), is_reset


def visible_offsets(
    values: NDArray[np.float64], hidden: NDArray[np.float64], is_reset: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """What to add to values so that they rise as `values + hidden` does, resets left visible.

    values, hidden: float64, in order of time. is_reset: whether a value is the whole rise since the
    one before it.
    """
    if not len(values):
        return hidden
    cuts, bases = [0], [float(hidden[0])]
    with np.errstate(invalid="ignore", over="ignore"):
        for row in (np.flatnonzero(is_reset[1:]) + 1).tolist():
            if values[row] < values[row - 1] + (hidden[row - 1] - bases[-1]):
                cuts.append(row)
                bases.append(float(hidden[row]))
        offsets: NDArray[np.float64] = hidden - np.repeat(bases, np.diff([*cuts, len(values)]))
    return offsets
