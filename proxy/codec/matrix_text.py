"""A joined matrix to the body that Thanos Query would have written, in groups of series.

The body is never held as a whole: its length is known by adding up columns, and each group's text
is put together by itself, from the splits' own bodies and from what is kept. A group inflates only
its own fragments, so groups can be made side by side, ahead of the one that is being sent.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from proxy.codec.deflate import inflate
from proxy.codec.small_matrix import HEAD
from proxy.codec.tail_json import encode_tail
from proxy.model.piece import Fragments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from proxy.merge.matrices import JoinedMatrix, Part
    from proxy.model.matrix import Lane

_OPEN = b'{"metric":'
_JOINT = b"},"
_LANES = (("floats", b',"values":['), ("histograms", b',"histograms":['))


class _Span(NamedTuple):
    """One part's points in one lane, for a group of series.

    text[start[k]:end[k]] are the points of row `first_row + k`; rows: the row of each series of
    the whole list, None when they are the same.
    """

    text: memoryview
    start: list[int]
    end: list[int]
    first_row: int
    rows: list[int] | None


def text_bytes(joined: JoinedMatrix) -> int:
    """About how long the text is: labels and points, without what stands around them."""
    points = 0
    for part in joined.parts:
        for held in (part.floats, part.histograms):
            if isinstance(held, Fragments):
                points += int(held.raw_bytes.sum())
            elif held is not None:
                points += int(held.lengths.sum())
    return sum(map(len, joined.metrics)) + points


def body_length(joined: JoinedMatrix) -> int:
    """The number of bytes that the groups have together, for an exact Content-Length."""
    series = len(joined.metrics)
    length = len(HEAD) + sum(map(len, joined.metrics)) + len(encode_tail(joined.tail))
    length += series * (len(_OPEN) + len("}")) + max(series - 1, 0) * len(",")
    for lane, marker in _LANES:
        lengths = [_aligned(joined, number, lane) for number in range(len(joined.parts))]
        fragments = sum(int(np.count_nonzero(column)) for column in lengths)
        present = int(np.count_nonzero(sum(lengths)))
        length += sum(int(column.sum()) for column in lengths)
        length += (fragments - present) * len(",") + present * (len(marker) + len("]"))
    return length


def _lengths(part: Part, lane: str) -> NDArray[np.int64]:
    """int64[series of the part]: the length of each one's points, in bytes of text."""
    held: Fragments | Lane | None = getattr(part, lane)
    if held is None:
        return np.zeros(len(part.metrics), np.int64)
    return held.raw_bytes.astype(np.int64) if isinstance(held, Fragments) else held.lengths


def _aligned(joined: JoinedMatrix, number: int, lane: str) -> NDArray[np.int64]:
    """A part's lengths in the order of the joined series, 0 where a series is missing."""
    lengths = _lengths(joined.parts[number], lane)
    rows = joined.rows[number]
    if rows is None:
        return lengths
    return np.append(lengths, 0)[np.asarray(rows, dtype=np.int64)]


def series_groups(joined: JoinedMatrix, group_bytes: int) -> list[range]:
    """Consecutive series with about `group_bytes` of text each; at least one group."""
    count = len(joined.metrics)
    total = np.zeros(count, np.int64)
    for lane, _ in _LANES:
        for number in range(len(joined.parts)):
            total += _aligned(joined, number, lane)
    group = np.cumsum(total) // group_bytes
    cuts = [0, *(np.flatnonzero(np.diff(group)) + 1).tolist(), count]
    groups = [range(a, b) for a, b in pairwise(cuts) if a < b]
    return groups or [range(0)]


def group_text(joined: JoinedMatrix, group: range) -> bytes:
    """The text of a group; the first has the body's head, the last its tail.

    Raises:
        ValueError: a piece is damaged.
    """
    text: list[bytes | memoryview] = [HEAD] if group.start == 0 else []
    lanes = [(marker, _spans(joined, lane, group)) for lane, marker in _LANES]
    for number in group:
        text.append((_JOINT if number else b"") + _OPEN + joined.metrics[number])
        for marker, spans in lanes:
            _add_lane(text, number, marker, spans)
    if group.stop == len(joined.metrics):
        text.append((b"}" if joined.metrics else b"") + encode_tail(joined.tail))
    return b"".join(text)


def body_text(joined: JoinedMatrix) -> bytes:
    """The whole body at once: for what is small, or not sent."""
    return group_text(joined, range(len(joined.metrics)))


def _add_lane(text: list[bytes | memoryview], series: int, marker: bytes, spans: list[_Span]) -> None:
    joint = marker
    for span in spans:
        row = series if span.rows is None else span.rows[series]
        at = row - span.first_row
        if row >= 0 and span.start[at] < span.end[at]:
            text.append(joint)
            text.append(span.text[span.start[at] : span.end[at]])
            joint = b","
    if joint is not marker:
        text.append(b"]")


def _spans(joined: JoinedMatrix, lane: str, group: range) -> list[_Span]:
    """Only the parts that have points of these series: mostly none has histograms."""
    spans = []
    for part, rows in zip(joined.parts, joined.rows, strict=True):
        own = _own_rows(rows, group)
        held: Fragments | Lane | None = getattr(part, lane)
        if held is None or not own:
            continue
        opened = _kept_text(held, own) if isinstance(held, Fragments) else _raw_text(part, held, own)
        if opened is not None:
            text, start, end = opened
            spans.append(_Span(text, start, end, own.start, rows))
    return spans


def _own_rows(rows: list[int] | None, group: range) -> range:
    """The part's rows for a group of joined series; both are in the same order."""
    if rows is None:
        return group
    own = [row for row in rows[group.start : group.stop] if row >= 0]
    return range(own[0], own[-1] + 1) if own else range(0)


_Opened = tuple[memoryview, list[int], list[int]]


def _raw_text(part: Part, lane: Lane, own: range) -> _Opened | None:
    start, end = lane.start[own.start : own.stop], lane.end[own.start : own.stop]
    if not (end > start).any():
        return None
    return memoryview(part.text), start.tolist(), end.tolist()  # type: ignore[union-attr]


def _kept_text(fragments: Fragments, own: range) -> _Opened | None:
    """Inflate the fragments of some rows in one go; each row's points follow a comma."""
    lengths = fragments.raw_bytes[own.start : own.stop].astype(np.int64)
    with_commas = np.cumsum(lengths + (lengths > 0))
    if not with_commas[-1]:
        return None
    first = int(fragments.ends[own.start - 1]) if own.start else 0
    blob = fragments.blob[first : int(fragments.ends[own.stop - 1])]
    text = inflate(blob, int(with_commas[-1]))
    return memoryview(text), (with_commas - lengths).tolist(), with_commas.tolist()
