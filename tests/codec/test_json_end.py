"""Where a JSON document ends, however it arrives."""

from __future__ import annotations

import json
import random

import pytest

from proxy.codec.json_end import JsonEnd, is_whole_json

LABELS = ["", '"', "\\", '\\"', "}]", "{[", '{"a":"b"}', "\\\\", "é", "\n", '\\"}]}']
DOCUMENT = json.dumps(
    {"status": "success", "data": [{label: [label, 1.5, None]} for label in LABELS], "warnings": LABELS}
).encode()


def is_whole(*pieces: bytes) -> bool:
    end = JsonEnd()
    for piece in pieces:
        end.feed(piece)
    return end.is_whole


@pytest.mark.parametrize("body", [b"{}", b"[]", DOCUMENT, DOCUMENT + b"\n", b" " + DOCUMENT + b" \r\n"])
def test_a_whole_document_is_whole(body: bytes) -> None:
    assert is_whole(body)
    assert is_whole_json(body)


@pytest.mark.parametrize("body", [b"", b" ", b"hello", b"}", b"{}}", b"{}x", b'"{}"', b'{"a":"}', b"1"])
def test_what_is_no_document_is_not(body: bytes) -> None:
    assert not is_whole(body)
    assert not is_whole_json(body)


def test_no_beginning_of_a_document_is_whole() -> None:
    for end in range(len(DOCUMENT)):
        assert not is_whole(DOCUMENT[:end]), DOCUMENT[:end]


def test_pieces_may_be_cut_anywhere() -> None:
    for at in range(len(DOCUMENT)):
        assert is_whole(DOCUMENT[:at], DOCUMENT[at:])
        assert not is_whole(DOCUMENT[:at], b"", DOCUMENT[at:-1])
    assert is_whole(*(DOCUMENT[at : at + 1] for at in range(len(DOCUMENT))))


def test_random_documents_in_random_pieces() -> None:
    chance = random.Random(3)
    for _ in range(300):
        texts = ["".join(chance.choices('"\\{}[],: a', k=chance.randint(0, 9))) for _ in range(5)]
        body = json.dumps([{text: texts} for text in texts]).encode()
        cuts = sorted(chance.choices(range(len(body)), k=3))
        pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
        assert is_whole(*pieces)
        assert not is_whole(*pieces[:-1], pieces[-1][:-1])


def test_a_large_document_is_looked_at_in_pieces() -> None:
    body = json.dumps([DOCUMENT.decode()] * 900).encode()
    assert len(body) > 1 << 18
    assert is_whole_json(body)
    assert not is_whole_json(body[: len(body) // 2])
