"""Fragments that concatenate: alone, in any number, inside a gzip member."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.deflate import (
    COMMA_BLOCK,
    COMMA_CRC,
    GZIP_HEAD,
    SMALL_BYTES,
    crc32,
    crc32_combine,
    deflate,
    gzip_chunks,
    gzip_tail,
    gzip_text,
    inflate,
    stored,
)

SIZES = st.sampled_from([0, 1, 2, SMALL_BYTES - 1, SMALL_BYTES, SMALL_BYTES + 1, 500, 40_000])


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """Compressible and incompressible, of sizes on both sides of the limits."""
    size = draw(SIZES)
    seed = draw(st.binary(min_size=1, max_size=40))
    return (seed * (size // len(seed) + 1))[:size]


@given(st.lists(texts(), max_size=6))
def test_fragments_back_to_back_inflate_to_their_texts_back_to_back(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert inflate(b"".join(map(deflate, parts)), len(whole)) == whole


@given(st.lists(texts(), max_size=6))
def test_fragments_in_any_order_make_a_gzip_member(parts: list[bytes]) -> None:
    fragments = {part: deflate(part) for part in parts}
    for ordered in (parts, parts[::-1]):
        crc = 0
        for part in ordered:
            crc = crc32_combine(crc, crc32(part), len(part))
        whole = b"".join(ordered)
        tail = gzip_tail(crc, len(whole))
        assert gzip.decompress(GZIP_HEAD + b"".join(fragments[p] for p in ordered) + tail) == whole


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 200_000])
def test_a_stored_block_holds_any_length(size: int) -> None:
    text = bytes(range(256)) * (size // 256 + 1)
    assert inflate(stored(text[:size]), size) == text[:size]


def test_a_comma_has_a_block_of_its_own() -> None:
    assert inflate(COMMA_BLOCK, 1) == b","
    assert zlib.crc32(b",") == COMMA_CRC


def test_nothing_needs_no_fragment() -> None:
    assert deflate(b"") == b""


@pytest.mark.parametrize("raw_bytes", [0, 299, 301])
def test_another_length_than_expected_is_damage(raw_bytes: int) -> None:
    with pytest.raises(ValueError, match="kept piece"):
        inflate(deflate(b"x" * 300), raw_bytes)


@given(st.data())
def test_damage_is_never_passed_on_as_text_of_another_length(data: st.DataObject) -> None:
    text = b'[1700000000.123,"0.123456789"],' * 20
    fragment = bytearray(deflate(text))
    at = data.draw(st.integers(0, len(fragment) - 1))
    fragment[at] ^= data.draw(st.integers(1, 255))
    try:
        found = inflate(bytes(fragment), len(text))
    except ValueError:
        return
    assert len(found) == len(text)


@given(st.lists(texts(), max_size=4))
def test_chunks_become_one_gzip_member(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    assert gzip.decompress(b"".join(gzip_chunks(chunks))) == whole
    assert gzip.decompress(gzip_text(whole)) == whole


def test_the_length_in_a_gzip_tail_is_counted_modulo_four_gibibytes() -> None:
    assert gzip_tail(1 << 32, (1 << 32) + 7)[-8:] == bytes(4) + (7).to_bytes(4, "little")
