"""Values cut into parts where a tier takes only smaller ones. Pure.

A value that fits is kept as it is, behind a word. Of one that does not, the name holds only how
many parts there are and which writing they are of; each part is named after both, so parts of two
writings never mix.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from proxy.store.raw_tier import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.codec.sections import Buffer

_WHOLE, _CUT = b"whole\0\0\0", b"parts\0\0\0"
"""Eight bytes, so that columns behind them lie where numpy reads them fastest."""
_MARK_BYTES = 8
_HEAD_BYTES = 8 + _MARK_BYTES + 4
_MOST_PARTS = 4_096


def parts_of(entry: Entry, max_bytes: int) -> list[Entry]:
    """What to write for a value, the parts before what names them; nothing for one of too many."""
    if len(entry.value) + len(_WHOLE) <= max_bytes:
        return [entry._replace(value=_WHOLE + entry.value)]
    cuts = range(0, len(entry.value), max_bytes)
    if len(cuts) > _MOST_PARTS:
        return []
    mark = hashlib.blake2b(entry.value, digest_size=_MARK_BYTES).digest()
    parts = [
        Entry(_part_name(entry.name, mark, number), entry.value[at : at + max_bytes], entry.life_s)
        for number, at in enumerate(cuts)
    ]
    head = _CUT + mark + len(parts).to_bytes(4, "big")
    return [*parts, entry._replace(value=head)]


def part_names(name: str, value: Buffer) -> list[str]:
    """The names of the parts of a value that was cut; none for one that was not."""
    if value[:8] != _CUT or len(value) != _HEAD_BYTES:
        return []
    mark, count = value[8 : 8 + _MARK_BYTES], int.from_bytes(value[8 + _MARK_BYTES :], "big")
    if count > _MOST_PARTS:
        return []
    return [_part_name(name, mark, number) for number in range(count)]


def joined(name: str, value: Buffer, parts: Mapping[str, Buffer]) -> Buffer | None:
    """The value as it was put; None when a part is missing, or it is no such value."""
    if value[:8] == _WHOLE:
        return memoryview(value)[8:]
    names = part_names(name, value)
    if not names or not all(part in parts for part in names):
        return None
    return b"".join([parts[part] for part in names])


def _part_name(name: str, mark: Buffer, number: int) -> str:
    return f"{name}.{mark.hex()}.{number}"
