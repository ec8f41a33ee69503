"""Functions of range windows: `rate` and its kin, and `*_over_time`.

Counts, sums and counter resets come from cumulative sums, exact by the rule in `series`. What
needs the samples themselves goes window by window, all series at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from proxy.demo.operators import quantile_of, stddev_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.demo.selectors import WindowFunction, Windows
    from proxy.demo.series import Flags, Times, Values


def at(values: Values, index: Times) -> Values:
    """Each series' values at its own indices."""
    return np.take_along_axis(values, index, axis=1)


def running(x: Values | Flags) -> Values:
    """Cumulative sums along time that begin with 0: `[:, b] - [:, a]` sums `x[:, a:b]`."""
    total = np.zeros((x.shape[0], x.shape[1] + 1))
    total[:, 1:] = np.cumsum(x, axis=1)
    return total


def sums(x: Values | Flags, windows: Windows) -> Values:
    """The sum of `x` over each window."""
    total = running(x)
    return total[:, windows.stop] - total[:, windows.first]


def counts(windows: Windows) -> Values:
    """Number of samples in each window."""
    return sums(~np.isnan(windows.values), windows)


def last_index(values: Values) -> Times:
    """For each position the last sample up to it; 0 where there is none."""
    return np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(values.shape[1])), axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """First, last and last but one sample of each window, as indices of shape [series, steps].

    Where a window has too few samples an index is valid but means nothing.
    """

    first: Times
    last: Times
    before_last: Times

    @classmethod
    def of(cls, windows: Windows) -> Ends:
        values, top = windows.values, windows.values.shape[1] - 1
        nearest = last_index(values)
        following = top - last_index(values[:, ::-1])[:, ::-1]
        last = nearest[:, np.maximum(windows.stop - 1, 0)]
        first = following[:, np.minimum(windows.first, top)]
        return cls(first, last, np.take_along_axis(nearest, np.maximum(last - 1, 0), axis=1))


def increase_of(windows: Windows, ends: Ends, *, is_counter: bool) -> Values:
    """Last minus first sample; for a counter, plus what each reset took away."""
    values = windows.values
    grown = at(values, ends.last) - at(values, ends.first)
    if not is_counter:
        return grown
    before = np.full(values.shape, np.nan)
    before[:, 1:] = at(values, last_index(values)[:, :-1])
    lost = running(np.where(values < before, before, 0.0))
    return grown + at(lost, ends.last + 1) - at(lost, ends.first + 1)


def extrapolated(windows: Windows, *, is_counter: bool, per_second: bool) -> tuple[Values, Flags]:
    """The change between samples, extended to the window's ends: `rate`, `increase`, `delta`.

    As in Prometheus (promql/functions.go, extrapolatedRate): to an end that is nearer than 1.1
    sample intervals, else by half an interval; and not beyond the time when a counter was zero.
    """
    ends, count = Ends.of(windows), counts(windows)
    grown = increase_of(windows, ends, is_counter=is_counter)
    first_ms, last_ms = windows.t_ms[ends.first], windows.t_ms[ends.last]
    sampled = (last_ms - first_ms) / 1000
    between = sampled / (count - 1)
    to_start = (first_ms - (windows.end_ms - windows.range_ms)) / 1000
    to_start = np.where(to_start >= between * 1.1, between / 2, to_start)
    to_end = (windows.end_ms - last_ms) / 1000
    to_end = np.where(to_end >= between * 1.1, between / 2, to_end)
    if is_counter:
        begin = at(windows.values, ends.first)
        to_zero = np.where((grown > 0) & (begin >= 0), sampled * (begin / grown), to_start)
        to_start = np.minimum(to_zero, to_start)
    factor = (sampled + to_start + to_end) / sampled
    return grown * (factor / (windows.range_ms / 1000) if per_second else factor), count > 1


def irate(windows: Windows) -> tuple[Values, Flags]:
    """The rate between the last two samples; after a reset the counter began at zero."""
    ends = Ends.of(windows)
    last, before = at(windows.values, ends.last), at(windows.values, ends.before_last)
    seconds = (windows.t_ms[ends.last] - windows.t_ms[ends.before_last]) / 1000
    return np.where(last < before, last, last - before) / seconds, counts(windows) > 1


def count_over_time(windows: Windows) -> tuple[Values, Flags]:
    return counts(windows), counts(windows) > 0


def sum_over_time(windows: Windows) -> tuple[Values, Flags]:
    return sums(np.nan_to_num(windows.values), windows), counts(windows) > 0


def avg_over_time(windows: Windows) -> tuple[Values, Flags]:
    total, present = sum_over_time(windows)
    return total / counts(windows), present


def last_over_time(windows: Windows) -> tuple[Values, Flags]:
    return at(windows.values, Ends.of(windows).last), counts(windows) > 0


def each_window(windows: Windows, reduce: Callable[[Values], Values]) -> tuple[Values, Flags]:
    """One window after the other: `reduce` takes its [series, samples] to [series]."""
    values = np.zeros((len(windows.values), len(windows.first)))
    for step, (first, stop) in enumerate(zip(windows.first, windows.stop, strict=True)):
        if stop > first:
            values[:, step] = reduce(windows.values[:, first:stop])
    return values, counts(windows) > 0


def quantile_over_time(q: float) -> WindowFunction:
    """The function for one quantile, the same at every step."""
    return partial(each_window, reduce=lambda x: quantile_of(np.array(q), x, ~np.isnan(x), 1))


WINDOW_FUNCTIONS: dict[str, WindowFunction] = {
    "rate": partial(extrapolated, is_counter=True, per_second=True),
    "increase": partial(extrapolated, is_counter=True, per_second=False),
    "delta": partial(extrapolated, is_counter=False, per_second=False),
    "irate": irate,
    "avg_over_time": avg_over_time,
    "count_over_time": count_over_time,
    "last_over_time": last_over_time,
    "sum_over_time": sum_over_time,
    "max_over_time": partial(each_window, reduce=partial(np.fmax.reduce, axis=1)),
    "min_over_time": partial(each_window, reduce=partial(np.fmin.reduce, axis=1)),
    "stddev_over_time": partial(each_window, reduce=lambda x: stddev_of(x, ~np.isnan(x), 1)),
}
