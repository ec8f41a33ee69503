"""The key of kept answers: everything that can change one, and nothing else.

In it: who asks (tenant and the headers that are configured to vary), the expression, the step, the
phase of the grid, and every parameter that travels on, known or not. Not in it: `timeout`, and where
the range begins and ends. Fields are length-prefixed, so that no field can pass for two. The whole
key is kept with an entry and compared when it is read; its hash is only the name.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from proxy.model.query import Form

VERSION = b"\x01"
"""Changes whenever the meaning of what is kept changes."""
_KIND_BYTES = 5
"""The kinds of pieces have names of one length: `range` and `reads`."""


@dataclass(frozen=True, slots=True)
class CacheKey:
    """`name` is 16 bytes of BLAKE2b of `full`."""

    name: bytes
    full: bytes


def range_key(caller: Sequence[str], expr: str, step_ms: int, phase_ms: int, form: Form) -> CacheKey:
    """The key of a range query's pieces; `caller` is what `vary_fields` gives."""
    return _key(b"range", [*caller, expr, str(step_ms), str(phase_ms), *_form_fields(form)])


def answer_key(caller: Sequence[str], path: str, form: Form) -> CacheKey:
    """The key of an answer that is kept whole (labels, label values, series, instant queries)."""
    return _key(b"answer", [*caller, path, *_form_fields(form)])


def samples_key(caller: Sequence[str], fields: Iterable[str]) -> CacheKey:
    """The key of raw samples; `fields` say which series, from where, and how they were chosen."""
    return _key(b"reads", [*caller, *fields])


def vary_fields(headers: Iterable[tuple[str, str]], names: Sequence[str]) -> tuple[str, ...]:
    """The values of the headers that answers vary by, hashed: secrets are not kept in keys.

    `names` are in lower case. A missing header and an empty one differ.
    """
    found: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() in names:
            found.setdefault(name.lower(), []).append(value)
    return tuple(_hashed(found[name]) if name in found else "" for name in names)


def mark_of(values: Iterable[str], secret: bytes) -> str:
    """A short mark that tells values apart and says nothing of them to who does not know `secret`."""
    packed = b"".join(map(_prefixed, values))
    return hashlib.blake2b(packed, digest_size=4, key=secret, person=b"thanoxy-mark").hexdigest()


def _hashed(values: list[str]) -> str:
    packed = b"".join(_prefixed(value) for value in values)
    return hashlib.blake2b(packed, digest_size=16, person=b"thanoxy-vary").hexdigest()


def _form_fields(form: Form) -> list[str]:
    """Parameters by name; the order of one parameter's values is kept, the first counts."""
    return [text for field in sorted(form, key=lambda field: field[0]) for text in field]


def _key(kind: bytes, fields: Iterable[str]) -> CacheKey:
    full = VERSION + kind + b"".join(map(_prefixed, fields))
    return CacheKey(hashlib.blake2b(full, digest_size=16).digest(), full)


def _prefixed(text: str) -> bytes:
    encoded = text.encode("utf-8", "surrogatepass")
    return len(encoded).to_bytes(4, "big") + encoded


def vary_values(full_key: bytes, count: int) -> list[str]:
    """The first `count` fields of a piece's key: what `vary_fields` gave when it was made."""
    return list(itertools.islice(_fields(full_key), count))


@dataclass(frozen=True, slots=True)
class RangeKeyFields:
    """What `range_key` was given."""

    caller: tuple[str, ...]
    expr: str
    step_ms: int
    phase_ms: int
    form: Form


def range_fields(full_key: bytes, callers: int) -> RangeKeyFields | None:
    """The fields of a range query's key, `callers` of them `vary_fields`; None for other keys."""
    if not full_key.startswith(VERSION + b"range"):
        return None
    fields = list(_fields(full_key))
    expr, step_ms, phase_ms = fields[callers : callers + 3]
    form = fields[callers + 3 :]
    pairs = tuple(zip(form[::2], form[1::2], strict=True))
    return RangeKeyFields(tuple(fields[:callers]), expr, int(step_ms), int(phase_ms), pairs)


def _fields(full_key: bytes) -> Iterator[str]:
    at = len(VERSION) + _KIND_BYTES
    while at < len(full_key):
        length = int.from_bytes(full_key[at : at + 4], "big")
        yield full_key[at + 4 : at + 4 + length].decode("utf-8", "surrogatepass")
        at += 4 + length
