"""Functions of instant vectors: rounding and clamping, `scalar`, `histogram_quantile`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from proxy.demo.operators import outside
from proxy.demo.vectors import Scalar, Vector, grouped, without

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.demo.series import Flags, Labels, Values


def round_to(x: Values, nearest: Values | float = 1.0) -> Values:
    """Halves go up (promql/functions.go, funcRound)."""
    inverse = 1.0 / nearest
    return np.floor(x * inverse + 0.5) / inverse


MATH: dict[str, Callable[..., Values]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "floor": np.floor,
    "round": round_to,
    "clamp": lambda x, low, high: np.maximum(low, np.minimum(high, x)),
    "clamp_min": np.maximum,
    "clamp_max": np.minimum,
}
"""Functions of the values [series, steps] and of further scalars [steps]."""


def to_vector(values: Values) -> Vector:
    """`vector`: a scalar as the only series, without labels."""
    return Vector(((),), values[np.newaxis], np.ones((1, len(values)), dtype=np.bool_))


def to_scalar(vector: Vector) -> Scalar:
    """`scalar`: the value of the only series, NaN where there is none or more than one."""
    value = np.where(vector.present, vector.values, 0.0).sum(axis=0)
    return Scalar(np.where(vector.present.sum(axis=0) == 1, value, np.nan))


def histogram_quantile(q: Values, vector: Vector) -> Vector:
    """The q-quantile of classic histograms: series that differ only in `le` make one."""
    bounds = [upper_bound(labels) for labels in vector.labels]
    buckets = vector.taken([i for i, bound in enumerate(bounds) if bound is not None])
    groups = grouped(buckets.labels, without(("le",)))
    values = np.zeros((len(groups), len(q)))
    present = np.zeros(values.shape, dtype=np.bool_)
    for i, rows in enumerate(groups.values()):
        ordered = sorted((upper_bound(buckets.labels[row]) or 0.0, row) for row in rows)
        histogram = buckets.taken([row for _, row in ordered])
        upper = np.array([bound for bound, _ in ordered])
        present[i] = histogram.present.any(axis=0)
        values[i] = outside(q, bucket_quantile(q, upper, histogram.values, histogram.present))
    return Vector(tuple(groups), values, present)


def upper_bound(labels: Labels) -> float | None:
    """The `le` label as a number, None where it is missing or none."""
    try:
        return float(dict(labels)["le"])
    except (KeyError, ValueError):
        return None


def bucket_quantile(q: Values, upper: Values, counts: Values, present: Flags) -> Values:
    """Linear inside the bucket of the rank (promql/quantile.go, BucketQuantile), `q` in 0 to 1.

    `upper` ascends, shape [buckets]; `counts` and `present` [buckets, steps]; `q` [steps].
    """
    top = len(upper) - 1
    if top < 1 or upper[top] != np.inf:
        return np.full(len(q), np.nan)
    counts = np.maximum.accumulate(np.where(present, counts, 0.0), axis=0)
    rank = q * counts[top]
    bucket = (counts[:top] < rank).sum(axis=0)
    steps, below_first = np.arange(len(q)), bucket == 0
    below = np.where(below_first, 0.0, counts[bucket - 1, steps])
    start = np.where(below_first, 0.0, upper[bucket - 1])
    share = (rank - below) / (counts[bucket, steps] - below)
    inside = start + (upper[bucket] - start) * share
    inside = np.where(below_first & (upper[0] <= 0), upper[0], inside)
    inside = np.where(bucket == top, upper[top - 1], inside)
    return np.where(present[top] & (counts[top] > 0), inside, np.nan)
