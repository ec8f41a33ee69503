"""JSON of unknown shape."""

from __future__ import annotations

import pytest

from proxy.load import LoadError
from proxy.load.json_text import mapping, read_json, sequence, string, whole


def test_what_is_not_json_is_refused_with_its_place() -> None:
    with pytest.raises(LoadError, match=r"not JSON: .*column 8"):
        read_json(b'{"a": 1')


def test_json_nested_without_end_is_refused_and_not_a_crash() -> None:
    with pytest.raises(LoadError, match="not JSON"):
        read_json(b"[" * 100_000)


def test_what_is_of_another_kind_reads_as_empty() -> None:
    assert (mapping([1]), sequence({"a": 1}), string(None), string(True)) == ({}, [], "", "")
    assert (mapping({"a": 1}), sequence([1]), string("x"), string(5)) == ({"a": 1}, [1], "x", "5")


@pytest.mark.parametrize(
    ("value", "number"), [(3, 3), ("40", 40), (2.9, 2), ("x", 7), (None, 7), ("1e999", 7), ("nan", 7)]
)
def test_numbers_are_read_from_numbers_and_texts_or_else_the_default(
    value: object, number: int
) -> None:
    assert whole(value, 7) == number
