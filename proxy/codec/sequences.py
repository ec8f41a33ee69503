"""Samples of sequences of chunks, read as Thanos reads them before it folds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from proxy.codec.counter_chunks import apply_resets
from proxy.model.chunks import XOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from proxy.codec.sample_columns import SampleColumns

    Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """Sequences of samples back to back, each in order of time.

    ends: int64, for each sequence the row of `samples` at which it ends (it begins where the one
    before ends). hidden, is_reset: as in `CounterSamples`, one row for each sample; 0 and False in
    a sequence that is not read as a counter.
    """

    samples: SampleColumns
    ends: Rows
    hidden: NDArray[np.float64]
    is_reset: NDArray[np.bool_]

    @property
    def starts(self) -> Rows:
        return np.concatenate([np.zeros(1, np.int64), self.ends])[:-1]

    def between(self, first_ms: int, last_ms: int) -> Sequences:
        """What lies between two times, both inclusive."""
        times_ms = self.samples.times_ms
        return self.only((times_ms >= first_ms) & (times_ms <= last_ms))

    def only(self, is_kept: NDArray[np.bool_]) -> Sequences:
        """The samples that a mask names."""
        counts = np.concatenate([np.zeros(1, np.int64), np.cumsum(is_kept)])
        samples, ends, is_reset = self.samples.take(is_kept), counts[self.ends], self.is_reset[is_kept]
        only = Sequences(samples, ends, self.hidden[is_kept], is_reset)
        is_reset[only.starts[only.starts < len(samples)]] = False  # there is none to compare with
        return only


def read_sequences(samples: SampleColumns, ends: Rows, is_counter: NDArray[np.bool_]) -> Sequences:
    """Leave out samples that go back in time (`chunkSeriesIterator`), and read counters as such.

    samples: of the chunks of each sequence, one after the other. ends: as in `Sequences`.
    is_counter: for each sequence whether it is read as a counter.
    """
    times_ms, is_float = samples.times_ms, samples.kinds == XOR
    is_kept = np.ones(len(samples), np.bool_)
    hidden, is_reset = np.zeros(len(samples)), np.zeros(len(samples), np.bool_)
    sequences = Sequences(samples, ends, hidden, is_reset)
    starts = sequences.starts
    is_read = _go_back(times_ms, starts, ends) | (is_counter & _are_no_plain_counters(samples, ends))
    for number in np.flatnonzero(is_read).tolist():
        span = slice(int(starts[number]), int(ends[number]))
        if is_counter[number]:
            counted = apply_resets(times_ms[span], samples.values[span], is_float[span])
            rows = counted.rows + span.start
            is_kept[span] = False
            is_kept[rows], hidden[rows], is_reset[rows] = True, counted.hidden, counted.is_reset
        else:
            latest_ms = np.maximum.accumulate(times_ms[span])
            is_kept[span.start + 1 : span.stop] = latest_ms[1:] > latest_ms[:-1]
    return sequences if is_kept.all() else sequences.only(is_kept)


def _go_back(times_ms: Rows, starts: Rows, ends: Rows) -> NDArray[np.bool_]:
    """For each sequence whether its times do not increase throughout."""
    rows = np.flatnonzero(times_ms[1:] <= times_ms[:-1]) + 1
    return _have(ends, np.setdiff1d(rows, starts))


def _are_no_plain_counters(samples: SampleColumns, ends: Rows) -> NDArray[np.bool_]:
    """For each sequence whether a value falls, or is none; the others hide nothing."""
    values = samples.values
    is_odd = np.isnan(values) | (samples.kinds != XOR)
    is_odd[1:] |= values[1:] < values[:-1]  # at a start for nothing, which does no harm
    return _have(ends, np.flatnonzero(is_odd))


def _have(ends: Rows, rows: Rows) -> NDArray[np.bool_]:
    """For each sequence whether it has any of these rows."""
    found = np.zeros(len(ends), np.bool_)
    found[ends.searchsorted(rows, side="right")] = True
    return found
