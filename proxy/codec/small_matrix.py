"""The fast path for answers of a few kilobytes: there numpy's fixed costs are most of a scan.

The same shape is insisted on as in `matrix_json`, found by searching the bytes series after series;
None for whatever differs, and for native histograms.
"""

from __future__ import annotations

import numpy as np

from proxy.codec.tail_json import parse_tail
from proxy.model.matrix import EncodedMatrix, Lane

HEAD = b'{"status":"success","data":{"resultType":"matrix","result":['
SMALL_BYTES = 1 << 16
_MOST_SERIES = 24
_OPENS = b'{"metric":{'
_METRIC = b'{"metric":'
_VALUES = b'},"values":[['
_ODD = bytes(range(33)) + b"{}"
"""In points: blanks, or the objects of native histograms."""


def scan_small(body: bytes) -> EncodedMatrix | None:
    """The series of a body in Thanos's shape without histograms, of few series; else None."""
    if not body.startswith(HEAD + _OPENS):
        return None
    metrics: list[bytes] = []
    starts: list[int] = []
    ends: list[int] = []
    at = len(HEAD) - 1
    while len(metrics) < _MOST_SERIES:
        found = _series(body, at + 1)
        if found is None:
            return None
        labels_end, end = found
        metrics.append(body[at + 1 + len(_METRIC) : labels_end + 1])
        starts.append(labels_end + len(_VALUES) - 1)
        ends.append(end)
        at = end + 2
        if body[at : at + 1] != b",":
            return _whole(body, metrics, starts, ends)
    return None


def _series(body: bytes, at: int) -> tuple[int, int] | None:
    """Where the label set of the series at `at` ends (its `}`), and its points (their last `]`)."""
    if not body.startswith(_OPENS, at):
        return None
    labels_end = body.find(b'},"', at)
    if labels_end < 0 or not body.startswith(_VALUES, labels_end):
        return None
    end = body.find(b"]]}", labels_end) + 1
    points = body[labels_end + len(_VALUES) : end]
    if not end or len(points.translate(None, _ODD)) != len(points):
        return None
    return labels_end, end


def _whole(
    body: bytes, metrics: list[bytes], starts: list[int], ends: list[int]
) -> EncodedMatrix | None:
    end = ends[-1] + 2
    if body[end : end + 1] != b"]":
        return None
    first, last = np.array(starts), np.array(ends)
    return EncodedMatrix(
        body, tuple(metrics), Lane(first, last), Lane(last, last.copy()), parse_tail(body[end:])
    )
