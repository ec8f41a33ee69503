"""A place in the log of running queries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.active_slot import EMPTY, SLOT_BYTES, ActiveQuery, decode_slot, encode_slot

QUERY = ActiveQuery("sum(a)", "team", "dash", "7", "query_range", 1_700_000_000_000)
TEXT = st.text(st.characters(), max_size=200)


@given(
    st.builds(
        ActiveQuery,
        st.text(st.characters(), max_size=3_000),
        *[TEXT.map(lambda text: text[:40])] * 4,
        st.integers(0, 1 << 53),
    )
)
def test_whatever_a_query_says_it_stands_in_one_line_and_is_read_again(query: ActiveQuery) -> None:
    line = encode_slot(query)
    assert len(line) == SLOT_BYTES
    assert line.count(b"\n") == 1
    found = decode_slot(line)
    assert found is not None
    said = query.expr.encode("utf-8", "replace").decode()
    assert said.startswith(found.expr)
    if len(said.encode()) < 200 and said.isprintable():
        assert found.expr == said
    assert found.began_ms == query.began_ms


def test_a_line_is_readable_by_people() -> None:
    assert b'"expr":"sum(a)","tenant":"team"' in encode_slot(QUERY)


def test_of_a_huge_expression_the_beginning_is_kept() -> None:
    found = decode_slot(encode_slot(QUERY._replace(expr="a\n" * 100_000)))
    assert found is not None
    assert len(found.expr) > 300
    assert ("a\n" * 100_000).startswith(found.expr)


def test_what_does_not_fit_even_so_leaves_the_place_empty() -> None:
    assert encode_slot(QUERY._replace(tenant="t" * 3_000)) == EMPTY


@pytest.mark.parametrize("at", [0, 7, 8, 9, 40, SLOT_BYTES - 2])
def test_a_line_of_which_a_byte_was_not_written_is_nobodys(at: int) -> None:
    line = bytearray(encode_slot(QUERY))
    line[at] ^= 1
    assert decode_slot(bytes(line)) is None


@pytest.mark.parametrize(
    "line", [b"", EMPTY, bytes(SLOT_BYTES), b"\xff" * SLOT_BYTES, encode_slot(QUERY)[:-1]]
)
def test_an_empty_place_and_what_is_no_line_are_none(line: bytes) -> None:
    assert decode_slot(line) is None


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"{}",
        b'{"expr":1}',
        b"1",
        b'{"a":1}',
        b'{"expr":1,"tenant":"","dashboard":"","panel":"","handler":"","began_ms":1}',
    ],
)
def test_a_whole_line_that_says_something_else_is_none(text: bytes) -> None:
    from zlib import crc32

    padded = text.ljust(SLOT_BYTES - 10)
    assert decode_slot(b"%08x %s\n" % (crc32(padded), padded)) is None
