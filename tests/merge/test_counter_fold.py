"""Replicas of a counter: each raised as Thanos's own iterators raise them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from proxy.merge.counter_fold import CounterReplica, fold_counters
from tests.merge.thanos_iterators import (
    Adjustable,
    Chunk,
    ChunkSeriesIterator,
    CounterErrAdjust,
    DedupSeriesIterator,
    Sample,
    read,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def some_replica(draw: random.Random) -> Chunk:
    """Increasing times with gaps; totals that mostly rise, and a few histograms among them."""
    gap, gaps = draw.choice([10_000, 15_000]), draw.random() / 2
    time, samples = draw.randrange(30_000), []
    for _ in range(draw.randrange(40)):
        value = float(time // 1000 + draw.randrange(-20, 20))
        samples.append((time, value if draw.random() < 0.95 else f"h{time}"))
        time += gap * (draw.choice([3, 4, 7, 12]) if draw.random() < gaps else 1) + draw.randrange(3)
    return samples


def column(replica: Chunk) -> CounterReplica:
    return CounterReplica(
        np.array([time for time, _ in replica], np.int64),
        np.array([0.0 if isinstance(value, str) else value for _, value in replica]),
        np.array([not isinstance(value, str) for _, value in replica], np.bool_),
    )


def folded(chunks: Sequence[Chunk]) -> list[Sample]:
    rows, raised = fold_counters([column(chunk) for chunk in chunks])
    samples = [sample for chunk in chunks for sample in chunk]
    found = []
    for row, more in zip(rows.tolist(), raised.tolist(), strict=True):
        time, value = samples[row]
        found.append((time, value if isinstance(value, str) else value + more))
    return found


def folded_by_thanos(chunks: Sequence[Chunk]) -> list[Sample]:
    its: list[Adjustable] = [CounterErrAdjust(ChunkSeriesIterator([chunk])) for chunk in chunks]
    it = its[0]
    for other in its[1:]:
        it = DedupSeriesIterator(it, other)
    return read(it)


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_counters_are_raised_as_by_thanos(count: int) -> None:
    for seed in range(200):
        draw = random.Random(seed)
        chunks = [some_replica(draw) for _ in range(count)]
        assert folded(chunks) == folded_by_thanos(chunks), seed


def test_a_replica_that_fell_behind_is_raised_for_good() -> None:
    first: Chunk = [(0, 20.0), (10_000, 30.0), (20_000, 40.0)]
    second: Chunk = [(3_000, 1.0), (13_000, 2.0), (53_000, 5.0), (63_000, 9.0)]
    assert folded([first, second]) == [*first, (53_000, 40.0), (63_000, 44.0)]


def test_one_that_is_ahead_is_left_as_it_is() -> None:
    first: Chunk = [(0, 20.0), (10_000, 30.0)]
    second: Chunk = [(3_000, 21.0), (53_000, 50.0)]
    assert folded([first, second]) == [*first, (53_000, 50.0)]


def test_a_single_replica_is_not_raised() -> None:
    samples: Chunk = [(0, 20.0), (10_000, 3.0)]
    assert folded([samples]) == samples


def test_replicas_without_samples_give_none() -> None:
    assert folded([[], []]) == []
