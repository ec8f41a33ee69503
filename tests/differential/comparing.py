"""Two answers to the same request → the first difference that counts.

Status, Content-Type, Cache-Control and the bytes of the body have to be the same, with three
exceptions, because there two answers of one Thanos to one request differ as well:

* The order of `warnings` (and `infos`): Thanos takes it from a map. Their texts count, byte for
  byte, and how many there are.
* Numbers in `stats`; their names and order count. What the numbers must fulfil stands at
  `stats_difference`.
* Numbers and durations in an `analysis` (`analyze=true`); the shape of the tree counts.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.differential.asking import Answer

MATRIX_OPEN = b'{"status":"success","data":{"resultType":"matrix","result":['

# The tail of a matrix answer begins at one of these. Inside a JSON string the quotes would be
# escaped, so the bytes are structure, whatever labels say.
TAILS = (b'],"stats":{', b'],"analysis":{')

NOTES = re.compile(rb'"(warnings|infos)":\[((?:"(?:[^"\\]|\\.)*",?)*)\]')
STATS = re.compile(rb'"stats":\{"timings":\{[^{}]*\},"samples":\{[^{}]*\}\}')
ANALYSIS = re.compile(rb'"analysis":\{"name":.*\}(?=\}[,}])')
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
NUMBER = re.compile(rb"(?<=:)-?[0-9][-+.e0-9]*")
DURATION = re.compile(rb'(?<=:)"[0-9.hm]+[^"0-9]{0,3}"')

SHOWN_CHARACTERS = 200


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """Where two answers differ, and both texts there."""

    path: str
    expected: str
    found: str

    def __str__(self) -> str:
        return (
            f"  differs at {self.path}\n"
            f"    thanos : {self.expected[:SHOWN_CHARACTERS]}\n"
            f"    thanoxy: {self.found[:SHOWN_CHARACTERS]}"
        )


def first_difference(expected: Answer, found: Answer) -> Difference | None:
    """None when the two answers are the same."""
    for name in ("status", "content_type", "cache_control"):
        want, got = getattr(expected, name), getattr(found, name)
        if want != got:
            return Difference(name, f"{want}, {gist(expected)}", f"{got}, {gist(found)}")
    difference = body_difference(expected.body, found.body)
    if difference is not None and expected.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return dataclasses.replace(difference, path="error")
    return difference


def body_difference(expected: bytes, found: bytes) -> Difference | None:
    if expected == found:
        return None
    want, got = comparable(expected), comparable(found)
    if want == got:
        return stats_difference(expected, found)
    try:
        path, *texts = next(differences("", orjson.loads(want), orjson.loads(got)))
        return Difference(path, *texts)
    except (orjson.JSONDecodeError, StopIteration):
        return text_difference(want, got)


def comparable(body: bytes) -> bytes:
    """A body whose parts that may vary always read the same."""
    start = max(body.rfind(marker) for marker in TAILS)
    if not body.startswith(MATRIX_OPEN) or start < 0:
        return body
    stats = body.rfind(TAILS[0])
    start = stats if stats >= 0 else start
    tail = NOTES.sub(sorted_notes, body[start:])
    tail = STATS.sub(lambda found: NUMBER.sub(b"0", found[0]), tail)
    return body[:start] + ANALYSIS.sub(without_figures, tail)


def sorted_notes(found: re.Match[bytes]) -> bytes:
    return b'"%s":[%s]' % (found[1], b",".join(sorted(STRING.findall(found[2]))))


def without_figures(found: re.Match[bytes]) -> bytes:
    return DURATION.sub(b'"0s"', NUMBER.sub(b"0", found[0]))


def differences(path: str, want: Any, got: Any) -> Iterator[tuple[str, str, str]]:
    """Path and both texts of every leaf that differs, in the order of the text."""
    if isinstance(want, dict) and isinstance(got, dict) and list(want) == list(got):
        for name in want:
            yield from differences(f"{path}.{name}", want[name], got[name])
    elif isinstance(want, list) and isinstance(got, list):
        if len(want) != len(got):
            yield f"length of {path}", str(len(want)), str(len(got))
        for index, pair in enumerate(zip(want, got, strict=False)):
            yield from differences(f"{path}[{index}]", *pair)
    elif want != got or type(want) is not type(got):
        yield path, repr(want), repr(got)


def text_difference(want: bytes, got: bytes) -> Difference:
    """For bodies that are not JSON, or that mean the same in other bytes."""
    pairs = itertools.zip_longest(want, got)
    at = next(index for index, (a, b) in enumerate(pairs) if a != b)
    near = slice(max(at - 60, 0), at + 100)
    return Difference(f"byte {at}", repr(want[near]), repr(got[near]))


def gist(answer: Answer) -> str:
    """The start of a short body, the length of a long one."""
    if answer.status == 200 and len(answer.body) > SHOWN_CHARACTERS:
        return f"{len(answer.body)} bytes"
    return repr(answer.body[:SHOWN_CHARACTERS])


def stats_difference(expected: bytes, found: bytes) -> Difference | None:
    """What holds between the statistics of a whole range and those of its splits, joined.

    `totalQueryableSamples` is counted at every step, so it is the same. `peakSamples` is the most
    that was held in memory at once, which depends on where in the data an evaluation begins and
    ends. It and the `timings` are not negative.
    """
    want, got = (stats_of(body) for body in (expected, found))
    if want is None or got is None:
        return None
    for name in want["samples"].keys() - {"peakSamples"}:
        if want["samples"][name] != got["samples"][name]:
            return Difference(f"stats {name}", str(want), str(got))
    if min(got["samples"]["peakSamples"], *got["timings"].values()) < 0:
        return Difference("stats", str(want), str(got))
    return None


def stats_of(body: bytes) -> dict[str, Any] | None:
    found = STATS.search(body, max(body.rfind(TAILS[0]), 0))
    if found is None:
        return None
    stats: dict[str, Any] = orjson.loads(b"{" + found[0] + b"}")["stats"]
    return stats
