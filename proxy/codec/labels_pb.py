"""Label sets as protobuf: what they are sorted by."""

from __future__ import annotations

from functools import lru_cache

from proxy.codec._pb import types_pb2


@lru_cache(4096)
def label_key(labels: bytes) -> tuple[bytes, ...]:
    """Compares as Prometheus's `labels.Compare`: name, value, name, value, …; shorter first.

    Args:
        labels: the `labels` fields of a `prometheus.TimeSeries`.
    """
    series = types_pb2.TimeSeries.FromString(labels)
    return tuple(text.encode() for label in series.labels for text in (label.name, label.value))
