"""A joined matrix to the body that Thanos Query would have written, a few hundred kilobytes at a time.

The body is never held as a whole: its length is known by adding up columns, and its text is
copied out of the splits' own bodies while it is sent.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from proxy.codec.matrix_json import HEAD
from proxy.codec.pieces import open_piece
from proxy.codec.tail_json import encode_tail
from proxy.model.matrix import EncodedMatrix
from proxy.model.piece import Fragments, Piece

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from proxy.merge.matrices import JoinedMatrix
    from proxy.model.matrix import Lane

_OPEN = b'{"metric":'
_LANES = (b',"values":[', b',"histograms":[')

Span = tuple[memoryview, list[int], list[int], list[int] | None]
"""A part's text, the starts and ends of its rows in one lane, and the row of each series."""


def opened(joined: JoinedMatrix) -> JoinedMatrix:
    """The same with every piece inflated: what the functions below can write.

    Raises:
        ValueError: a piece is damaged.
    """
    parts = tuple(open_piece(part) if isinstance(part, Piece) else part for part in joined.parts)
    return dataclasses.replace(joined, parts=parts)


def text_bytes(joined: JoinedMatrix) -> int:
    """About how long the text is: labels and points, without what stands around them."""
    total = sum(map(len, joined.metrics))
    for part in joined.parts:
        for lane in (part.floats, part.histograms):
            if isinstance(lane, Fragments):
                total += lane.text_bytes
            elif lane is not None:
                total += int(lane.lengths.sum())
    return total


def body_length(joined: JoinedMatrix) -> int:
    """The number of bytes that `body_chunks` gives, for an exact Content-Length."""
    series = len(joined.metrics)
    length = len(HEAD) + sum(map(len, joined.metrics)) + len(encode_tail(joined.tail))
    length += series * (len(_OPEN) + len("}")) + max(series - 1, 0) * len(",")
    for opening, lane in zip(_LANES, ("floats", "histograms"), strict=True):
        lengths = [
            _aligned(getattr(p, lane), r) for p, r in zip(joined.parts, joined.rows, strict=True)
        ]
        fragments = sum(np.count_nonzero(column) for column in lengths)
        present = np.count_nonzero(sum(lengths))
        length += sum(int(column.sum()) for column in lengths)
        length += int(fragments - present) * len(",") + int(present) * (len(opening) + len("]"))
    return length


def _aligned(lane: Lane, rows: list[int] | None) -> NDArray[np.int64]:
    """The lane's lengths in the order of the joined series, 0 where a series is missing."""
    if rows is None:
        return lane.lengths
    return np.append(lane.lengths, 0)[np.asarray(rows, dtype=np.int64)]


def body_chunks(joined: JoinedMatrix, chunk_bytes: int) -> Iterator[bytes]:
    """The body in order, in chunks of about `chunk_bytes`."""
    waiting: list[bytes | memoryview] = [HEAD]
    size = 0
    for part in _fragments(joined):
        waiting.append(part)
        size += len(part)
        if size >= chunk_bytes:
            yield b"".join(waiting)
            waiting.clear()
            size = 0
    waiting.append(encode_tail(joined.tail))
    yield b"".join(waiting)


def _fragments(joined: JoinedMatrix) -> Iterator[bytes | memoryview]:
    floats = _spans(joined, "floats")
    histograms = _spans(joined, "histograms")
    opening = _OPEN
    for i, metric in enumerate(joined.metrics):
        yield opening + metric
        opening = b"}," + _OPEN
        for marker, spans in zip(_LANES, (floats, histograms), strict=True):
            yield from _lane_fragments(i, marker, spans)
    if joined.metrics:
        yield b"}"


def _lane_fragments(series: int, marker: bytes, spans: list[Span]) -> Iterator[bytes | memoryview]:
    joint = marker
    for text, start, end, rows in spans:
        row = series if rows is None else rows[series]
        if row >= 0 and start[row] < end[row]:
            yield joint
            yield text[start[row] : end[row]]
            joint = b","
    if joint != marker:
        yield b"]"


def _spans(joined: JoinedMatrix, lane: str) -> list[Span]:
    """Only the parts that have points in this lane: mostly none has histograms."""
    spans: list[Span] = []
    for part, rows in zip(joined.parts, joined.rows, strict=True):
        columns: Lane = getattr(part, lane)
        if isinstance(part, EncodedMatrix) and columns.lengths.any():
            spans.append((memoryview(part.text), columns.start.tolist(), columns.end.tolist(), rows))
    return spans
