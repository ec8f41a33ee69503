"""Text that UTF-8 can carry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.valid_text import valid_text


@pytest.mark.parametrize(
    ("text", "valid"),
    [("", ""), ("up", "up"), ("größer ▲ 𝄞", "größer ▲ 𝄞"), ("a\udcffb", "a?b"), ("\ud800\udc00", "??")],
)
def test_what_is_no_text_is_replaced_and_all_else_stays(text: str, valid: str) -> None:
    assert valid_text(text) == valid


@given(st.text(st.characters()))
def test_it_can_be_sent_and_has_as_many_characters(text: str) -> None:
    valid_text(text).encode("utf-8")
    assert len(valid_text(text)) == len(text)
