"""One series' raw samples as numpy columns, before they are written to a server."""

from __future__ import annotations

import dataclasses
import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

METRIC_NAME = "__name__"

# Prometheus marks the end of a series by a NaN with a bit pattern of its own
# (`model/value/value.go`): PromQL then ends the series at once, not after the lookback delta.
STALE_MARKER = struct.unpack("<d", struct.pack("<Q", 0x7FF0_0000_0000_0002))[0]
ORDINARY_NAN = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_0000_0001))[0]


@dataclasses.dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets on one side of zero: spans as (offset, length), and absolute counts."""

    spans: tuple[tuple[int, int], ...] = ()
    counts: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class NativeHistogram:
    """A native histogram at one timestamp; `custom_bounds` only with schema -53."""

    timestamp_ms: int
    sum: float
    schema: int
    positive: Buckets = Buckets()
    negative: Buckets = Buckets()
    zero_count: float = 0.0
    zero_threshold: float = 1e-128
    is_float: bool = False
    is_gauge: bool = False
    custom_bounds: tuple[float, ...] = ()

    @property
    def count(self) -> float:
        return sum(self.positive.counts) + sum(self.negative.counts) + self.zero_count


@dataclasses.dataclass(frozen=True, slots=True)
class RawSeries:
    """Labels sorted by name; float samples; native histograms. Both in the order of time.

    `timestamps_ms` is int64 and `values` float64, of the same length. A series may have floats
    and histograms, not both at one timestamp.
    """

    labels: tuple[tuple[str, str], ...]
    timestamps_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    histograms: tuple[NativeHistogram, ...] = ()

    @property
    def sample_count(self) -> int:
        return len(self.values) + len(self.histograms)

    @property
    def first_ms(self) -> int:
        firsts = [int(t) for t in self.timestamps_ms[:1]]
        return min(firsts + [h.timestamp_ms for h in self.histograms[:1]])

    @property
    def last_ms(self) -> int:
        lasts = [int(t) for t in self.timestamps_ms[-1:]]
        return max(lasts + [h.timestamp_ms for h in self.histograms[-1:]])


def float_series(
    labels: Mapping[str, str],
    timestamps_ms: NDArray[np.int64],
    values: ArrayLike,
) -> RawSeries:
    """A series of floats; one value stands for all timestamps."""
    column = np.broadcast_to(np.asarray(values, dtype=np.float64), timestamps_ms.shape)
    return RawSeries(sorted_labels(labels), timestamps_ms, column)


def histogram_series(labels: Mapping[str, str], histograms: Sequence[NativeHistogram]) -> RawSeries:
    """A series of native histograms alone."""
    nothing = np.empty(0)
    return RawSeries(sorted_labels(labels), nothing.astype(np.int64), nothing, tuple(histograms))


def sorted_labels(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """By name, as servers want them: code points sort as their UTF-8 bytes do."""
    return tuple(sorted(labels.items()))
