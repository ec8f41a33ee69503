"""Protobuf's varints, many at a time: what is written by hand where messages would be too slow.

Source: the wire format of Protocol Buffers ("base 128 varints").
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_LARGER = 0x80
"""Set in every byte of a varint but the last."""
_STEPS = np.uint64(1) << np.arange(7, 64, 7, dtype=np.uint64)
"""From each of these on a varint takes one byte more."""


@lru_cache(1 << 14)
def uvarint(value: int) -> bytes:
    """One number of at least 0."""
    if value < _LARGER:
        return bytes((value,))
    parts = bytearray()
    while value >= _LARGER:
        parts.append(value & 0x7F | _LARGER)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def read_uvarint(data: bytes, most_bytes: int) -> tuple[int, int] | None:
    """The number at the begin of `data` and its length in bytes; None when it is malformed."""
    value = 0
    for index, byte in enumerate(data[:most_bytes]):
        value |= (byte & 0x7F) << 7 * index
        if byte < _LARGER:
            return value, index + 1
    return None


def varint_lengths(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How many bytes each number takes, 1 to 10."""
    return np.searchsorted(_STEPS, values, side="right").astype(np.int64) + 1


def put_varints(
    rows: NDArray[np.uint8], at: int, values: NDArray[np.uint64], lengths: NDArray[np.int64] | int
) -> None:
    """Write numbers into a matrix of bytes, from the column `at` on.

    Args:
        rows: shape (n, at least `at` and the longest varint).
        at: the first column.
        values: n numbers.
        lengths: of each varint, or of all of them.
    """
    longest = lengths if isinstance(lengths, int) else int(lengths.max(initial=0))
    for index in range(longest):
        digits = (values >> np.uint64(7 * index)).astype(np.uint8) & 0x7F
        rows[:, at + index] = digits | ((lengths > index + 1) * np.uint8(_LARGER))


def varint_fields(
    fields: Sequence[tuple[int, NDArray[np.uint64]]],
) -> tuple[bytes, NDArray[np.int64]]:
    """Rows of fields, each a tag and a varint; as in proto3, a field of 0 is left out.

    Args:
        fields: the tag byte and the numbers (shape (n,)) of each field.

    Returns:
        The rows back to back, and (int64, shape (n,)) where each ends.
    """
    rows_count = len(fields[0][1])
    lengths = [varint_lengths(values) for _, values in fields]
    widths = [1 + int(length.max(initial=0)) for length in lengths]
    rows = np.zeros((rows_count, sum(widths)), np.uint8)
    used = np.zeros(rows.shape, np.bool_)
    at = 0
    for (tag, values), length, width in zip(fields, lengths, widths, strict=True):
        rows[:, at] = tag
        put_varints(rows, at + 1, values, length)
        used[:, at : at + width] = np.arange(width) < np.where(values == 0, 0, 1 + length)[:, None]
        at += width
    return rows[used].tobytes(), np.cumsum(used.sum(axis=1))
