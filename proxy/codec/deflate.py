"""Deflate fragments that may stand anywhere in a stream, and what a gzip member needs around them.

A fragment is a whole number of deflate blocks ended by a full flush (RFC 1951, 3.2; zlib's
Z_FULL_FLUSH): it begins on a byte and refers to nothing before it. So fragments that were made
apart may be written one after another as one gzip member (RFC 1952), whose CRC follows from theirs.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from isal import isal_zlib

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LEVEL = 1
GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LAST_BLOCK = b"\x03\x00"
_MOST_STORED_BYTES = 0xFFFF
SMALL_BYTES = 96
"""Below this a stored block is no larger than a deflated one, and far cheaper to make."""

COMMA_BLOCK = b"\0\x01\x00\xfe\xff,"
"""A stored block with one comma."""

_InflateError: Any = isal_zlib.error  # typed as an instance in isal's stubs
crc32 = isal_zlib.crc32
crc32_combine = isal_zlib.crc32_combine
COMMA_CRC = crc32(b",")


def deflate(text: bytes | memoryview) -> bytes:
    """One fragment that inflates to `text`; empty for an empty text."""
    if len(text) <= SMALL_BYTES:
        return stored(bytes(text)) if text else b""
    stream = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, -15)
    return stream.compress(text) + stream.flush(isal_zlib.Z_FULL_FLUSH)


def stored(text: bytes) -> bytes:
    """A fragment of stored blocks: the text as it is, five bytes more for each 64 KiB."""
    if len(text) <= _MOST_STORED_BYTES:
        return b"\0" + struct.pack("<HH", len(text), len(text) ^ 0xFFFF) + text
    return b"".join(
        stored(text[at : at + _MOST_STORED_BYTES]) for at in range(0, len(text), _MOST_STORED_BYTES)
    )


def inflate(fragments: bytes | memoryview, raw_bytes: int) -> bytes:
    """The text of fragments that stand back to back.

    Raises:
        ValueError: damaged, or not `raw_bytes` long.
    """
    try:
        text: bytes = isal_zlib.decompress(
            b"".join((fragments, _LAST_BLOCK)), wbits=-15, bufsize=raw_bytes + 1
        )
    except _InflateError as error:
        raise ValueError("a kept piece is damaged") from error
    if len(text) != raw_bytes:
        raise ValueError(f"a kept piece has {len(text)} bytes instead of {raw_bytes}")
    return text


def gzip_text(text: bytes) -> bytes:
    """A whole gzip member."""
    return b"".join(gzip_chunks((text,)))


def gzip_chunks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """One gzip member of many chunks, as it comes out."""
    stream = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, 31)
    for chunk in chunks:
        yield stream.compress(chunk)
    yield stream.flush()


def gzip_tail(crc: int, raw_bytes: int) -> bytes:
    """The end of a gzip member: an empty last block, CRC32 and length of what it inflates to."""
    return _LAST_BLOCK + struct.pack("<II", crc & 0xFFFFFFFF, raw_bytes & 0xFFFFFFFF)
