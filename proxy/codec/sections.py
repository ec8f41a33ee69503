"""Several buffers as one, and back without copying: what extents are written with.

    magic and version   4 bytes
    CRC32C              of all that follows, 4 bytes
    number of sections  u32, and 4 bytes of nothing
    their lengths       u64 each
    the sections        each begins at a multiple of 8 bytes

All numbers are little-endian. A section may be read as a numpy column where it lies.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import crc32c
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Buffer = bytes | memoryview
MAGIC = b"txe\x01"
"""The last byte is the version of the format: another one is not read."""
_HEAD = struct.Struct("<4sIII")
_ALIGNED_BYTES = 8
_MOST_SECTIONS = 1 << 20


class SectionsError(ValueError):
    """Not what `pack` has written: another version, cut off, or damaged."""


def pack(sections: Sequence[Buffer | NDArray[Any]]) -> bytes:
    """The sections as one `bytes`; columns must be contiguous."""
    views = [_bytes_of(section) for section in sections]
    parts: list[Buffer] = [np.array([view.nbytes for view in views], "<u8").tobytes()]
    for view in views:
        parts += (view, bytes(-view.nbytes % _ALIGNED_BYTES))
    rest = b"".join((struct.pack("<II", len(views), 0), *parts))
    return _HEAD.pack(MAGIC, crc32c.crc32c(rest), len(views), 0) + rest[8:]


def _bytes_of(section: Buffer | NDArray[Any]) -> memoryview:
    """A column of no length has a shape that cannot be cast."""
    if not len(section):
        return memoryview(b"")
    return memoryview(section).cast("B")  # type: ignore[arg-type]  # numpy's arrays are buffers


def unpack(packed: Buffer) -> list[memoryview]:
    """The sections, where they lie in `packed`.

    Raises:
        SectionsError: see there.
    """
    view = memoryview(packed).cast("B")
    if len(view) < _HEAD.size:
        raise SectionsError("too short")
    magic, checksum, count, _ = _HEAD.unpack_from(view)
    if magic != MAGIC:
        raise SectionsError("another format, or another version of it")
    at = _HEAD.size + 8 * count
    if count > _MOST_SECTIONS or at > len(view):
        raise SectionsError("cut off")
    if crc32c.crc32c(view[8:]) != checksum:
        raise SectionsError("damaged")
    sections = []
    for length in np.frombuffer(view, "<u8", count, _HEAD.size).tolist():
        if length > len(view) - at:
            raise SectionsError("cut off")
        sections.append(view[at : at + length])
        at += length + -length % _ALIGNED_BYTES
    return sections
