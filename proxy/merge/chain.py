"""Samples of replicas that are copies of each other united; only times decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def unite(replicas_ms: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """All times that there are, each once (`ChainedSeriesMerge`, Prometheus `storage/merge.go`).

    replicas_ms: int64, each strictly increasing; at least one. Of replicas that have the same time the
    first is taken; Prometheus takes "a random one".

    Returns:
        int64: rows of all replicas laid back to back, in order of time.
    """
    times_ms = np.concatenate(replicas_ms)
    order = np.argsort(times_ms, kind="stable")
    ordered_ms = times_ms[order]
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = ordered_ms[1:] != ordered_ms[:-1]
    return order[is_first]
