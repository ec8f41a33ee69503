"""What an upstream's error says, in one text."""

from __future__ import annotations

import pytest

from proxy.codec.error_text import error_text
from proxy.codec.go_json import error_body


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (error_body("execution", 'expanding series: "a" <b>'), 'expanding series: "a" <b>'),
        (b"502 Bad Gateway\n", "502 Bad Gateway"),
        (b'{"message":"no"}', '{"message":"no"}'),
        (b'{"error":{"code":5}}', '{"error":{"code":5}}'),
        (b'["error"]', '["error"]'),
        (b"caf\xe9", "caf\ufffd"),
        (b"", ""),
    ],
)
def test_the_sentence_is_found_and_all_else_is_shown_as_it_is(body: bytes, text: str) -> None:
    assert error_text(body) == text


def test_a_page_is_cut() -> None:
    assert len(error_text(b"<p>" * 10_000)) == 2_000
