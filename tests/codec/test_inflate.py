"""Gzip that arrives piece by piece."""

from __future__ import annotations

import gzip

import pytest

from proxy.codec.inflate import INFLATED_BYTES, Inflate
from proxy.errors import BadUpstreamAnswerError

TEXT = bytes(range(256)) * 5000


def test_it_is_what_was_compressed_wherever_it_is_cut() -> None:
    packed = gzip.compress(TEXT)
    for at in (1, 9, 50, len(packed) - 1):
        inflate = Inflate()
        assert b"".join([*inflate.feed(packed[:at]), *inflate.feed(packed[at:])]) == TEXT
        inflate.end()


def test_a_few_bytes_that_become_many_come_in_pieces() -> None:
    pieces = list(Inflate().feed(gzip.compress(bytes(4 << 20))))
    assert max(map(len, pieces)) == INFLATED_BYTES
    assert sum(map(len, pieces)) == 4 << 20


@pytest.mark.parametrize("body", [b"", gzip.compress(TEXT)[:-1], gzip.compress(TEXT)[:40]])
def test_half_of_it_has_not_ended(body: bytes) -> None:
    inflate = Inflate()
    list(inflate.feed(body))
    with pytest.raises(BadUpstreamAnswerError, match="truncated"):
        inflate.end()


def test_what_is_no_gzip_is_no_answer() -> None:
    with pytest.raises(BadUpstreamAnswerError, match="broken"):
        list(Inflate().feed(b"<html>hello"))
    broken = bytearray(gzip.compress(TEXT))
    broken[-6] ^= 1  # its checksum
    with pytest.raises(BadUpstreamAnswerError, match="broken"):
        list(Inflate().feed(bytes(broken)))
