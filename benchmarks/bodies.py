"""Range answers of any size, as Thanos would write them, cut out of digits that are made beforehand.

Every point has the same width, `[1699200000,"12.345678901234567"],`: so a window of a series is a
slice of its text, and ten million points are an answer in a fraction of a second. The digits are
random, and so the worst case for deflate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

START_S = 1_698_969_600
"""The first timestamp: a multiple of a day, and of 256 steps of one and of five minutes."""
_POINT = b'[0000000000,"00.000000000000000"],'
_TIME = slice(1, 11)
_BEFORE, _AFTER = slice(13, 15), slice(16, 31)
_HEAD = b'{"status":"success","data":{"resultType":"matrix","result":['
_TAIL = b'],"analysis":{}}}'
_ZERO = ord("0")


class Bodies:
    """`series` series of `steps` points, `step_s` apart, from `START_S` on."""

    def __init__(self, series: int, steps: int, step_s: int) -> None:
        self.series, self.steps, self.step_s = series, steps, step_s
        random = np.random.default_rng(series)
        points = np.empty((series, steps, len(_POINT)), dtype=np.uint8)
        points[:] = np.frombuffer(_POINT, dtype=np.uint8)
        points[:, :, _TIME] = _digits(START_S + step_s * np.arange(steps, dtype=np.int64), 10)
        for part in (_BEFORE, _AFTER):
            shape = (series, steps, part.stop - part.start)
            points[:, :, part] += random.integers(0, 10, shape, dtype=np.uint8)
        points[:, :, _BEFORE.start] = np.maximum(points[:, :, _BEFORE.start], _ZERO + 1)
        self._rows = points.reshape(series, steps * len(_POINT))

    def body(self, first: int, count: int) -> bytes:
        """The answer for `count` steps from step `first` on; empty where there are none."""
        first, end = max(0, first), min(self.steps, first + count)
        if first >= end:
            return _HEAD + _TAIL
        return b"".join((_HEAD, *self._series(first, end), b"]}", _TAIL))

    def _series(self, first: int, end: int) -> Iterator[bytes | memoryview]:
        """Between two points there is a comma, after the last one there is none."""
        window = slice(first * len(_POINT), end * len(_POINT) - 1)
        for row in range(self.series):
            yield (b"]}," if row else b"") + metric_text(row)
            yield self._rows[row, window].data


def metric_text(row: int) -> bytes:
    """The labels of a series, sorted by row; up to where its points begin."""
    return (
        b'{"metric":{"__name__":"generated","cluster":"eu-west-1","handler":"/api/v1/items",'
        b'"instance":"shop-%05d:9100","job":"shop","namespace":"production"},"values":[' % row
    )


def _digits(numbers: np.ndarray, width: int) -> np.ndarray:
    """Decimal digits as ASCII, one row a number."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (numbers[:, None] // powers % 10 + _ZERO).astype(np.uint8)
