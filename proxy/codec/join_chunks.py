"""The same query's samples of consecutive windows of time as one batch; nothing is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from proxy.codec.chunk_batches import EMPTY
from proxy.codec.chunk_table import ChunkTable, series_of_rows
from proxy.codec.labels_pb import label_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.model.chunks import ChunkBatch


def concatenate(batches: Sequence[ChunkBatch]) -> ChunkBatch:
    """Unite batches in order of time: a series' chunks of the first, then of the second, and so on.

    batches: of one query in windows that follow each other; each in order of the labels.

    Returns:
        The union of the series, in the order of `labels.Compare` (Prometheus).
    """
    batches = [batch for batch in batches if len(batch)]
    if len(batches) <= 1:
        return batches[0] if batches else EMPTY
    labels = _united([batch.labels for batch in batches])
    table = ChunkTable.of([batch.chunks for batch in batches])
    number: dict[bytes, int] = {}
    series = []
    for batch in batches:
        own = series_of_rows(batch)
        if batch.labels != labels:
            number = number or {label: i for i, label in enumerate(labels)}
            own = np.array([number[label] for label in batch.labels], np.int64)[own]
        series.append(own)
    return table.batch(labels, np.concatenate(series), np.arange(len(table.ends)))


def _united(lists: Sequence[tuple[bytes, ...]]) -> tuple[bytes, ...]:
    """The sorted union of sorted lists of label sets."""
    longest = max(lists, key=len)
    known = set(longest)
    more = set().union(*(labels for labels in lists if labels is not longest)) - known
    return tuple(sorted(known | more, key=label_key)) if more else longest
