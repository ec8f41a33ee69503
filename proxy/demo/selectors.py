"""Selectors: label matchers, instant vectors, and the samples inside range windows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import promql_parser as promql

from proxy.demo.series import CATALOGUE, SCRAPE_INTERVAL_S, Flags, Series, Times, Values, sample
from proxy.demo.vectors import ExecutionError, UnsupportedError, Vector

TICK_MS = SCRAPE_INTERVAL_S * 1000
MAX_SAMPLES = 50_000_000
"""Samples made for one selector: Prometheus's default for `--query.max-samples`."""
MAX_WINDOW_READS = 4_000_000_000
"""Samples that all windows of one selector read: some seconds of work."""
BLOCK_SAMPLES = 2_000_000
"""Samples held at a time, 16 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Samples, and where each step's window lies among them: step i sees `[first[i], stop[i])`.

    `values` [series, samples], NaN: none; `t_ms` [samples]; `first`, `stop`, `end_ms` [steps].
    """

    values: Values
    t_ms: Times
    first: Times
    stop: Times
    end_ms: Times
    range_ms: int


WindowFunction = Callable[[Windows], tuple[Values, Flags]]
"""Windows to values and where they exist, both of shape [series, steps]."""


def select(selector: promql.VectorSelector) -> list[Series]:
    """The series that satisfy every matcher, in the order of their labels."""
    if selector.matchers.or_matchers:
        raise UnsupportedError("matchers joined by 'or'")
    tests = [(matcher.name, matcher_test(matcher)) for matcher in selector.matchers.matchers]
    if selector.name:
        tests.append(("__name__", selector.name.__eq__))
    return [
        series
        for series in CATALOGUE
        for labels in [dict(series.labels)]
        if all(test(labels.get(name, "")) for name, test in tests)
    ]


def matcher_test(matcher: promql.Matcher) -> Callable[[str], bool]:
    """One matcher as a question to a label's value; a missing label has the value ""."""
    value = matcher.value
    if matcher.op == promql.MatchOp.Equal:
        return lambda text: text == value
    if matcher.op == promql.MatchOp.NotEqual:
        return lambda text: text != value
    try:
        pattern = re.compile(value, re.DOTALL)
    except re.error as error:
        raise UnsupportedError(f"the regular expression {value!r} ({error})") from error
    wanted = matcher.op == promql.MatchOp.Re
    return lambda text: (pattern.fullmatch(text) is not None) == wanted


def instant_vector(rows: Sequence[Series], times_ms: Times) -> Vector:
    """The last scrape at or before each time."""
    values = sample(rows, times_ms // TICK_MS)
    return Vector(tuple(series.labels for series in rows), values, ~np.isnan(values))


def raw_samples(rows: Sequence[Series], end_ms: int, range_ms: int) -> tuple[Times, Vector]:
    """All samples of one window, and their times."""
    (first,), (stop,) = window_ticks(np.array([end_ms]), range_ms)
    check_work(len(rows), int(stop - first), reads=0)
    ticks = np.arange(first, stop)
    return ticks * TICK_MS, instant_vector(rows, ticks * TICK_MS)


def over_windows(
    rows: Sequence[Series], times_ms: Times, range_ms: int, function: WindowFunction
) -> tuple[Values, Flags]:
    """Apply a function to the windows that end at the given times; [series, steps]."""
    first, stop = window_ticks(times_ms, range_ms)
    reads = int((stop - first).sum())
    made = min(reads, int(stop[-1] - first[0]))
    check_work(len(rows), made, reads)
    values = np.zeros((len(rows), len(times_ms)))
    present = np.zeros(values.shape, dtype=np.bool_)
    per_step = made * len(rows) // len(times_ms)
    for steps in slices(len(times_ms), BLOCK_SAMPLES // max(1, per_step)):
        ticks, low, high = gather(first[steps], stop[steps])
        for some in slices(len(rows), BLOCK_SAMPLES // len(ticks)):
            held = sample(rows[some], ticks)
            windows = Windows(held, ticks * TICK_MS, low, high, times_ms[steps], range_ms)
            values[some, steps], present[some, steps] = function(windows)
    return values, present


def window_ticks(times_ms: Times, range_ms: int) -> tuple[Times, Times]:
    """First tick in and first tick after each window `(t - range, t]`, as in Prometheus 3."""
    return (times_ms - range_ms) // TICK_MS + 1, times_ms // TICK_MS + 1


def gather(first: Times, stop: Times) -> tuple[Times, Times, Times]:
    """The ticks that ascending windows need, and where among them each begins and stops.

    Windows that overlap share one run of ticks; with gaps between them they are laid end to
    end. There is always a tick, so that an empty window has something to index.
    """
    counts = stop - first
    span = max(1, int(stop[-1] - first[0]))
    if not 0 < counts.sum() < span:
        return first[0] + np.arange(span), first - first[0], stop - first[0]
    high = np.cumsum(counts)
    low = high - counts
    return np.repeat(first - low, counts) + np.arange(high[-1]), low, high


def slices(length: int, size: int) -> Iterator[slice]:
    """Cut `range(length)` into slices of `size`, at least 1."""
    size = max(1, size)
    return (slice(i, i + size) for i in range(0, length, size))


def check_work(rows: int, made: int, reads: int) -> None:
    """Refuse what would take minutes or gigabytes, in Prometheus's words."""
    if rows * made > MAX_SAMPLES or rows * reads > MAX_WINDOW_READS:
        raise ExecutionError(
            "query processing would load too many samples into memory in query execution"
        )
