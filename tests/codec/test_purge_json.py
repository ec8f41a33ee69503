"""Purges as others hear of them."""

from __future__ import annotations

import pytest

from proxy.codec.purge_json import PurgeAt, decode_purge, encode_purge
from proxy.plan.purge import Purge


@pytest.mark.parametrize(
    "wanted",
    [
        Purge(),
        Purge(vary_names=("thanos-tenant", "cookie"), tenant=("thanos-tenant", "日本")),
        Purge(reads=(-5, 7)),
        Purge(metric="up"),
    ],
)
def test_a_purge_comes_back_as_it_was(wanted: Purge) -> None:
    said = PurgeAt(wanted, 1_700_000_000_123)
    assert decode_purge(encode_purge(said)) == said


@pytest.mark.parametrize(
    "value", [b"", b"[]", b"{}", b"null", b'{"at_ms":"x","vary_names":[],"tenant":null}', b"\xff"]
)
def test_other_bytes_are_no_purge(value: bytes) -> None:
    assert decode_purge(value) is None
