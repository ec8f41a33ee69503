"""Joined matrices and kept texts as bodies: chunks of bytes that are ready to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.codec.deflate import gzip_chunks, gzip_text
from proxy.codec.gzip_body import gzip_body
from proxy.codec.matrix_text import body_text, group_text, series_groups, text_bytes
from proxy.engine.answer_memo import Assembled
from proxy.model.piece import Piece, SeriesList

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.merge.matrices import JoinedMatrix

CHUNK_BYTES = 1 << 18
GROUP_BYTES = 1 << 20
LARGE_TEXT_BYTES = 8 << 20
"""Above this a body that is sent as text is not put together before it is sent."""
LEAST_GZIP_BYTES = 1024
"""Below this Thanos does not compress either (gzhttp's default minimum)."""


def assemble(joined: JoinedMatrix, wants_gzip: bool) -> Assembled:
    """The whole body in chunks; CPU work, for a thread when it is long."""
    if not wants_gzip or text_bytes(joined) < LEAST_GZIP_BYTES:
        return plain(body_text(joined))
    if any(isinstance(part, Piece) for part in joined.parts):
        return _in_chunks(gzip_body(joined, _series_list(joined)), is_gzip=True)
    texts = (group_text(joined, group) for group in series_groups(joined, GROUP_BYTES))
    return _in_chunks(gzip_chunks(texts), is_gzip=True)


def _series_list(joined: JoinedMatrix) -> SeriesList:
    """The joined list as one of the parts has it, with what is derived from it; else a new one."""
    for part in joined.parts:
        if isinstance(part, Piece) and part.metrics is joined.metrics:
            return part.series
    return SeriesList(joined.metrics)


def plain(body: bytes) -> Assembled:
    """A body as it is."""
    return Assembled((body,), len(body), is_gzip=False)


def compressed(body: bytes) -> Assembled:
    """A body as gzip, unless it is too short for that to help."""
    if len(body) < LEAST_GZIP_BYTES:
        return plain(body)
    deflated = gzip_text(body)
    return Assembled((deflated,), len(deflated), is_gzip=True)


def _in_chunks(buffers: Iterable[bytes | memoryview], is_gzip: bool) -> Assembled:
    chunks: list[bytes] = []
    waiting: list[bytes | memoryview] = []
    size = 0
    for buffer in buffers:
        waiting.append(buffer)
        size += len(buffer)
        if size >= CHUNK_BYTES:
            chunks.append(b"".join(waiting))
            waiting, size = [], 0
    chunks.append(b"".join(waiting))
    return Assembled(tuple(chunks), sum(map(len, chunks)), is_gzip)
