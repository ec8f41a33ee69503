"""A joined matrix as a gzip body, put together from kept fragments without compressing again.

The hot path of a warm answer: for each series one opening and one fragment for each part are copied,
and the CRC of the whole follows from theirs (`crc32_combine`).
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from proxy.codec.deflate import (
    COMMA_BLOCK,
    COMMA_CRC,
    GZIP_HEAD,
    crc32,
    crc32_combine,
    deflate,
    gzip_tail,
    stored,
)
from proxy.codec.small_matrix import HEAD
from proxy.codec.tail_json import encode_tail
from proxy.model.piece import Fragments, Openings, Piece, SeriesList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.merge.matrices import JoinedMatrix
    from proxy.model.matrix import EncodedMatrix, Lane

Buffer = bytes | memoryview
T = TypeVar("T")

_FLOATS = b',"values":['
_HISTOGRAMS = b',"histograms":['
_COMMA_BLOCK_BYTES = len(COMMA_BLOCK)


class _Column(NamedTuple):
    """A part's fragments in one lane, by row; a comma's block stands before each."""

    blocks: list[Buffer]
    crc: list[int]
    comma_crc: list[int]
    raw_bytes: list[int]
    rows: list[int] | None


class _Stream:
    """Buffers of a gzip member and the CRC and length of what they inflate to."""

    __slots__ = ("buffers", "crc", "raw_bytes")

    def __init__(self) -> None:
        self.buffers: list[Buffer] = [GZIP_HEAD]
        self.crc = 0
        self.raw_bytes = 0

    def literal(self, text: bytes) -> None:
        self.buffers.append(stored(text))
        self.crc = crc32(text, self.crc)
        self.raw_bytes += len(text)

    def close(self) -> list[Buffer]:
        self.buffers.append(gzip_tail(self.crc, self.raw_bytes))
        return self.buffers


def gzip_body(joined: JoinedMatrix, series: SeriesList) -> list[Buffer]:
    """The buffers of one gzip member; `series` is the joined list, with what is derived from it.

    Parts are `Piece`s, or `EncodedMatrix` for edges and fresh steps, which go in as stored blocks.
    """
    stream = _Stream()
    floats = _columns(joined, "floats")
    histograms = _columns(joined, "histograms")
    if not joined.metrics:
        stream.literal(HEAD + encode_tail(joined.tail))
        return stream.close()
    if not histograms and all(c.rows is None and all(c.raw_bytes) for c in floats):
        _write_full(stream, floats, _openings(series))
    else:
        _write_any(stream, joined.metrics, floats, histograms)
    stream.literal(b"}" + encode_tail(joined.tail))
    return stream.close()


def _write_full(stream: _Stream, columns: list[_Column], openings: Openings) -> None:
    """Every series has floats in every part: whole columns are woven together."""
    blocks: list[Sequence[Buffer]] = [openings.blocks]
    crc: list[list[int]] = [openings.crc]
    lengths: list[list[int]] = [openings.raw_bytes]
    for number, column in enumerate(columns):
        if number:
            blocks.append(column.blocks)
            crc.append(column.comma_crc)
            lengths.append([length + 1 for length in column.raw_bytes])
        else:
            blocks.append([block[_COMMA_BLOCK_BYTES:] for block in column.blocks])
            crc.append(column.crc)
            lengths.append(column.raw_bytes)
    stream.literal(HEAD)
    total = stream.crc
    for part_crc, length in zip(_woven(crc), _woven(lengths), strict=True):
        total = crc32_combine(total, part_crc, length)
    stream.crc = total
    stream.raw_bytes += sum(map(sum, lengths))
    stream.buffers += _woven(blocks)
    stream.literal(b"]")


def _woven(columns: Sequence[Sequence[T]]) -> list[T]:
    """Row 0 of every column, then row 1, and so on."""
    return list(chain.from_iterable(zip(*columns, strict=True)))


def _write_any(
    stream: _Stream,
    metrics: tuple[bytes, ...],
    floats: list[_Column],
    histograms: list[_Column],
) -> None:
    """Series that come and go, or that have histograms."""
    joint = HEAD
    for number, metric in enumerate(metrics):
        stream.literal(joint + b'{"metric":' + metric)
        joint = b"},"
        for opening, columns in ((_FLOATS, floats), (_HISTOGRAMS, histograms)):
            _write_lane(stream, number, opening, columns)


def _write_lane(stream: _Stream, number: int, opening: bytes, columns: list[_Column]) -> None:
    is_open = False
    for column in columns:
        row = number if column.rows is None else column.rows[number]
        if row < 0 or not column.raw_bytes[row]:
            continue
        block, crc, length = (
            column.blocks[row],
            column.comma_crc[row],
            column.raw_bytes[row] + 1,
        )
        if not is_open:
            stream.literal(opening)
            block, crc, length = block[_COMMA_BLOCK_BYTES:], column.crc[row], length - 1
            is_open = True
        stream.buffers.append(block)
        stream.crc = crc32_combine(stream.crc, crc, length)
        stream.raw_bytes += length
    if is_open:
        stream.literal(b"]")


def _openings(series: SeriesList) -> Openings:
    """Made once for a list; the first series' lacks the joint to a series before it."""
    if series.openings is None:
        texts = [b']},{"metric":' + metric + _FLOATS for metric in series.metrics]
        texts[0] = texts[0][len(b"]},") :]
        series.openings = Openings(
            [stored(text) for text in texts],
            [crc32(text) for text in texts],
            [*map(len, texts)],
        )
    return series.openings


def _columns(joined: JoinedMatrix, lane: str) -> list[_Column]:
    """Only the parts that have points in this lane."""
    columns = []
    for part, rows in zip(joined.parts, joined.rows, strict=True):
        if isinstance(part, Piece):
            fragments: Fragments | None = getattr(part, lane)
            if fragments is not None and not fragments.is_empty:
                columns.append(_kept_column(fragments, rows))
        elif getattr(part, lane).lengths.any():
            columns.append(_raw_column(part, getattr(part, lane), rows))
    return columns


def _kept_column(fragments: Fragments, rows: list[int] | None) -> _Column:
    view = memoryview(fragments.blob)
    ends = fragments.ends.tolist()
    blocks: list[Buffer] = [view[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    return _Column(
        blocks,
        fragments.crc.tolist(),
        fragments.comma_crc.tolist(),
        fragments.raw_bytes.tolist(),
        rows,
    )


def _raw_column(part: EncodedMatrix, lane: Lane, rows: list[int] | None) -> _Column:
    spans = zip(lane.start.tolist(), lane.end.tolist(), strict=True)
    texts = [part.text[start:end] for start, end in spans]
    return _Column(
        [COMMA_BLOCK + deflate(text) if text else b"" for text in texts],
        [crc32(text) for text in texts],
        [crc32(text, COMMA_CRC) for text in texts],
        [*map(len, texts)],
        rows,
    )
