"""The plain join of splits, and when it explains an answer."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import orjson

from tests.differential.asking import Answer
from tests.differential.oracle import explain

if TYPE_CHECKING:
    from collections.abc import Sequence

JSON = "application/json"


def answer(result: Sequence[object], no_store: str = "", **more: object) -> Answer:
    data = {"resultType": "matrix", "result": result, "analysis": {}}
    return Answer(200, JSON, no_store, orjson.dumps({"status": "success", "data": data, **more}))


def series(name: str, *points: tuple[int, str]) -> dict[str, object]:
    return {"metric": {"a": name}, "values": points}


FIRST = answer([series("x", (1, "1")), series("z", (2, "NaN"))], warnings=["w", "v"])
SECOND = answer([series("y", (3, "1")), series("z", (3, "2"))], no_store="no-store", warnings=["w"])
WHOLE = [series("x", (1, "1")), series("y", (3, "1")), series("z", (2, "NaN"), (3, "2"))]
REFUSED = Answer(422, JSON, "no-store", b'{"status":"error"}')


def test_series_are_united_points_joined_and_notes_given_once() -> None:
    assert explain([FIRST, SECOND], answer(WHOLE, "no-store", warnings=["v", "w"]))


def test_a_missing_point_note_or_header_is_not_explained() -> None:
    found = answer(WHOLE, "no-store", warnings=["v", "w"])
    assert not explain([FIRST, SECOND], answer(WHOLE[:2], "no-store", warnings=["v", "w"]))
    assert not explain([FIRST, SECOND], answer(WHOLE, "no-store", warnings=["w"]))
    assert not explain([FIRST, SECOND], dataclasses.replace(found, cache_control=""))
    assert not explain([SECOND, FIRST], found)


def test_a_refusal_is_explained_by_a_split_that_was_refused_so() -> None:
    other = dataclasses.replace(REFUSED, body=b"other")
    assert explain([FIRST, REFUSED], REFUSED)
    assert not explain([FIRST, REFUSED], other)
    assert not explain([FIRST, SECOND], REFUSED)
    assert not explain([FIRST, REFUSED], FIRST)
