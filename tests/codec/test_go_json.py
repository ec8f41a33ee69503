"""JSON strings as Go's encoders write them."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.go_json import error_body, label_text, message_text, with_warning

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXTS)
def test_a_label_is_read_back_as_it_was(text: str) -> None:
    assert orjson.loads(label_text(text)) == text


@given(TEXTS)
def test_a_message_is_read_back_as_it_was_and_holds_no_markup(text: str) -> None:
    written = message_text(text)
    assert orjson.loads(written) == text
    assert not set(written) & set("<>&\u2028\u2029")


def test_an_error_may_repeat_a_header_that_is_no_text() -> None:
    assert orjson.loads(error_body("bad_data", "no \udccd"))["error"] == "no ?"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('a"b\\c', r'"a\"b\\c"'),
        ("\n\r\t", r'"\n\r\t"'),
        ("\x00\x08\x0c\x1f", r'"\u0000\u0008\u000c\u001f"'),
        ("\x7f/日本🙂", '"\x7f/日本🙂"'),
        ("<>&\u2028", '"<>&\u2028"'),
        ("", '""'),
    ],
)
def test_labels_are_escaped_as_json_iterator_does_without_html(text: str, written: str) -> None:
    assert label_text(text) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<a href='x'>&", r'''"\u003ca href='x'\u003e\u0026"'''),
        ("\u2028\u2029", r'"\u2028\u2029"'),
        ('"', r'"\""'),
    ],
)
def test_messages_are_escaped_as_json_iterator_does_with_html(text: str, written: str) -> None:
    assert message_text(text) == written


@given(TEXTS)
def test_an_error_has_the_three_members_in_the_order_of_thanos(message: str) -> None:
    body = error_body("bad_data", message)
    assert list(json.loads(body).items()) == [
        ("status", "error"),
        ("errorType", "bad_data"),
        ("error", message),
    ]
    assert body.startswith(b'{"status":"error","errorType":"bad_data","error":"')


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (b'{"status":"success","data":[]}', b'{"status":"success","data":[],"warnings":["odd"]}'),
        (b'{"data":[]} \n', b'{"data":[],"warnings":["odd"]}'),
        (b'{"data":[],"warnings":["a"]}', b'{"data":[],"warnings":["a","odd"]}'),
        (b'{"data":["\\"warnings\\""]}', b'{"data":["\\"warnings\\""],"warnings":["odd"]}'),
        (b"{}", b'{"warnings":["odd"]}'),
        (b'{"data":[],"warnings":null}', b'{"data":[],"warnings":["odd"]}'),
    ],
)
def test_a_warning_is_added_to_an_answer(body: bytes, result: bytes) -> None:
    assert with_warning(body, "odd") == result


def test_a_warning_is_written_as_go_writes_it() -> None:
    assert b'["a \\u003cb\\u003e"]' in with_warning(b'{"data":[]}', "a <b>")
