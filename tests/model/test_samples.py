"""Float samples of many chunks, in columns."""

from __future__ import annotations

import numpy as np

from proxy.model.samples import Samples


def samples_of(counts: list[int]) -> Samples:
    total = sum(counts)
    return Samples(np.arange(total), np.zeros(total), np.cumsum(np.array(counts, np.int64)))


def test_each_chunk_begins_where_the_one_before_ends() -> None:
    samples = samples_of([2, 0, 3])
    assert samples.starts.tolist() == [0, 2, 2]
    assert samples.ends.tolist() == [2, 2, 5]


def test_no_chunks_begin_nowhere() -> None:
    starts = samples_of([]).starts
    assert starts.tolist() == []
    assert starts.dtype == np.int64
