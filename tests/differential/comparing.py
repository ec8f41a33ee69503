"""Two answers to the same request → the first difference that counts.

Status, Content-Type, Cache-Control and the bytes of the body have to be the same, with three
exceptions, because there two answers of one Thanos to one request differ as well:

* The order of `warnings` (and `infos`): Thanos takes it from a map. Their texts count, byte for
  byte, and how many there are.
* `stats`: the names count, everywhere. `timings` only have to be numbers that are not negative.
  `samples.peakSamples` is what was held in memory at once: for splits, that of the largest.
  `samples.totalQueryableSamples` has to be at least that of Thanos for the whole, because what is
  constant over a range (`@`, scalars) is read once for each split: see `SAMPLE_COUNTS`.
* `analysis`: durations and what depends on them; the shape of the tree counts.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator
from typing import Any

import orjson

from tests.differential.asking import Answer

SERIES_OPEN = b'{"status":"success","data":{"resultType":"matrix","result":['

# Inside a JSON string the quotes would be escaped, so these bytes are structure, never text.
STATS = b'],"stats":{'
ANALYSIS = b',"analysis":{'
NOTES = (b'},"warnings":[', b'},"infos":[')

JSON_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')

SHOWN_BYTES = 60


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """Where two answers differ, and both texts there."""

    path: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.path}\n    thanos : {self.expected}\n    thanoxy: {self.found}"


def first_difference(expected: Answer, found: Answer) -> Difference | None:
    """None when the two answers are the same."""
    for name in ("status", "content_type", "cache_control"):
        want, got = getattr(expected, name), getattr(found, name)
        if want != got:
            return Difference(name, f"{want} {start_of(expected)}", f"{got} {start_of(found)}")
    if expected.body == found.body:
        return None
    return body_difference(expected.body, found.body)


def start_of(answer: Answer) -> str:
    return repr(answer.body[:300]) if answer.status != 200 else ""


def body_difference(expected: bytes, found: bytes) -> Difference | None:
    """The first difference of two bodies that are not the same bytes."""
    want, got = Dissected.of(expected), Dissected.of(found)
    if want.text != got.text:
        return text_difference(want.text, got.text)
    for name in ("warnings", "infos"):
        if want.notes[name] != got.notes[name]:
            return Difference(name, repr(want.notes[name]), repr(got.notes[name]))
    return volatile_difference(want.volatile, got.volatile)


@dataclasses.dataclass(frozen=True, slots=True)
class Dissected:
    """A body: the text that has to be the same, the notes sorted, and what may vary by itself."""

    text: bytes
    notes: dict[str, list[bytes]]
    volatile: dict[str, Any]

    @classmethod
    def of(cls, body: bytes) -> Dissected:
        notes: dict[str, list[bytes]] = {"warnings": [], "infos": []}
        text = body
        if not body.startswith(SERIES_OPEN):
            return cls(text, notes, {})
        for marker in reversed(NOTES):
            at = text.rfind(marker)
            if at >= 0:
                name = marker[3:-3].decode()
                found = JSON_STRING.findall(text, at + len(marker))
                notes[name] = sorted(found)
                text = text[: at + len(marker)] + text[at + len(marker) + len(b",".join(found)) :]
        return cls(*without_volatile(text, body)[:1], notes, without_volatile(text, body)[1])


def without_volatile(text: bytes, body: bytes) -> tuple[bytes, dict[str, Any]]:
    """Take `stats` and `analysis` out of a text; the names of the members stay."""
    first = text.rfind(STATS)
    first = first + 1 if first >= 0 else text.rfind(ANALYSIS)
    if first < 0:
        return text, {}
    data = orjson.loads(b"{" + members(body[first + 1 :]) + b"}")
    names = ",".join(data).encode()
    rest = text[first + 1 + len(members(body[first + 1 :])) :]
    return text[:first] + b"<" + names + b">" + rest, data


def members(text: bytes) -> bytes:
    """The text up to the brace that closes the object that it begins in the middle of."""
    depth, position = 1, 0
    for token in re.finditer(rb'"(?:[^"\\]|\\.)*"|[{}]', text):
        depth += {b"{": 1, b"}": -1}.get(token[0], 0)
        position = token.start()
        if depth == 0:
            break
    return text[:position]
