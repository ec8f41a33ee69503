"""Expected stores as JSON."""

from __future__ import annotations

import pytest

from proxy.codec.stores_memory_json import decode_expected, encode_expected
from proxy.plan.holes import Expected


def test_what_is_expected_comes_back() -> None:
    expected = {'store [["a","b"]]': Expected(2, frozenset(("x:1", "y:2")), -(1 << 62), 1 << 62)}
    assert decode_expected(encode_expected(expected, 123)) == (expected, 123)


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b'{"at_ms":1,"stores":{"a":[1]}}', b"\xff"])
def test_other_bytes_are_nothing(value: bytes) -> None:
    assert decode_expected(value) is None
