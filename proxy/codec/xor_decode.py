"""Float chunks to columns, many chunks in lock-step: sample 0 of all, sample 1 of all, and so on.

Sources: Prometheus, tsdb/chunkenc/xor.go (`xorIterator`) and bstream.go. A payload is the number of
samples (16 bits), then for each sample its time and its value:

- sample 0: the time as varint, the 64 bits of the value
- sample 1: the time's delta as uvarint, then the value as below
- later ones: how the delta changed, as one of
  `0`, or a prefix and a number: `10` 14 bits, `110` 17 bits, `1110` 20 bits, `1111` 64 bits
- the value: what changed in the bits of the one before. `0`: nothing; `10` and the changed bits, which
  lie where they did last time; `11`, how many zeros lead (5 bits), how many bits follow (6 bits, 0
  stands for 64), and these.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from proxy.codec.bits import Rows, to_words
from proxy.model.samples import Samples

Indices: TypeAlias = NDArray[np.intp]

_LANES = 4096
"""Chunks that go in lock-step: their columns stay in the processor's second cache."""
_FEW = 24
"""So many chunks are faster one by one, in plain Python."""
_SPARSE = 2
"""Payloads are copied together when they are less than one part in so many of the data around them."""

_COUNT_BYTES = 2
_CHANGED = np.uint64(1 << 63)
_WINDOW = np.uint64(0b11 << 62)
_WIDE = 15


def decode_xor(data: bytes, starts: Rows, ends: Rows) -> Samples:
    """All samples of some chunks.

    Args:
        data: holds the payloads.
        starts: int64[chunks], where each payload begins in `data`; in any order.
        ends: int64[chunks], where it ends.

    Raises:
        ChunkError: a payload is malformed, or ends before its samples do. What follows the samples
            in a payload is not looked at, as in Prometheus.
    """
    data, starts, ends = _selected(data, starts, ends)
    counts = _sample_counts(np.frombuffer(data, np.uint8), starts, ends)
    samples = _blank(counts)
    if len(counts) <= _FEW:
        _decode_one_by_one(data, starts, ends, samples)
        return samples
    words = to_words(data)
