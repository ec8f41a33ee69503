"""A place in the log of running queries: a line of fixed length, readable by people. Pure.

It begins with a checksum of the rest: a line that was half written when its process died is nobody's.
"""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32

import orjson

from proxy.codec.valid_text import valid_text

SLOT_BYTES = 2_048
_SUM_DIGITS = 8
_ROOM_BYTES = SLOT_BYTES - _SUM_DIGITS - 2
"""Between the checksum's space and the end of the line."""
EMPTY = b" " * (SLOT_BYTES - 1) + b"\n"


class ActiveQuery(NamedTuple):
    """A query that runs, or ran when its process ended. began_ms: since the epoch."""

    expr: str
    tenant: str
    dashboard: str
    panel: str
    handler: str
    began_ms: int


def encode_slot(query: ActiveQuery) -> bytes:
    """The line; of a long expression it holds the beginning."""
    length = len(query.expr)
    while len(text := orjson.dumps(_told(query, length))) > _ROOM_BYTES:
        if not length:
            return EMPTY
        length = length * 3 // 4
    line = text.ljust(_ROOM_BYTES)
    return b"%08x %s\n" % (crc32(line), line)


def _told(query: ActiveQuery, length: int) -> dict[str, object]:
    """Without what is not UTF-8."""
    cut = query._replace(expr=query.expr[:length])
    return {
        name: valid_text(value) if isinstance(value, str) else value
        for name, value in cut._asdict().items()
    }


def decode_slot(line: bytes) -> ActiveQuery | None:
    """What stands there; None for an empty place, and for what is no such line."""
    if len(line) != SLOT_BYTES or line[_SUM_DIGITS : _SUM_DIGITS + 1] != b" ":
        return None
    text = line[_SUM_DIGITS + 1 : -1]
    if line[:_SUM_DIGITS] != b"%08x" % crc32(text):
        return None
    try:
        found = orjson.loads(text)
        query = ActiveQuery(**found)
    except (ValueError, TypeError):
        return None
    is_whole = all(isinstance(value, str) for value in query[:-1]) and isinstance(query.began_ms, int)
    return query if is_whole else None
