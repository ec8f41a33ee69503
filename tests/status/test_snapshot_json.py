"""What is written as JSON is read back as it was."""

from __future__ import annotations

import orjson
import pytest

from proxy.status.snapshot import Snapshot
from proxy.status.snapshot_json import read_snapshot
from tests.status.told import FULL


@pytest.mark.parametrize("snapshot", [FULL, Snapshot(1, 2)], ids=["full", "empty"])
def test_a_snapshot_comes_back_as_it_was(snapshot: Snapshot) -> None:
    assert read_snapshot(orjson.dumps(snapshot)) == snapshot


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"1", b"{}", b'{"at_ms":1}', b'{"at_ms":1,"pid":2,"unheard":3}',
     b'{"at_ms":1,"pid":2,"rates":{"unheard":3}}', b'{"at_ms":1,"pid":2,"running":[7]}'],
)  # fmt: skip
def test_what_is_none_of_this_version_is_none(text: bytes) -> None:
    assert read_snapshot(text) is None
