"""What is written as JSON is read back as it was."""

from __future__ import annotations

import pytest

from proxy.status.snapshot import Snapshot
from proxy.status.snapshot_json import read_snapshot, write_snapshot
from tests.status.days import bad_day, with_strings
from tests.status.told import FULL


@pytest.mark.parametrize("snapshot", [FULL, Snapshot(1, 2)], ids=["full", "empty"])
def test_a_snapshot_comes_back_as_it_was(snapshot: Snapshot) -> None:
    assert read_snapshot(write_snapshot(snapshot)) == snapshot


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"1", b"{}", b'{"at_ms":1}', b'{"at_ms":1,"pid":2,"unheard":3}',
     b'{"at_ms":1,"pid":2,"rates":{"unheard":3}}', b'{"at_ms":1,"pid":2,"running":[7]}'],
)  # fmt: skip
def test_what_is_none_of_this_version_is_none(text: bytes) -> None:
    assert read_snapshot(text) is None


def test_bytes_that_are_no_text_are_replaced() -> None:
    broken = with_strings(bad_day(), lambda text: f"{text}\udcff")
    told = read_snapshot(write_snapshot(broken))
    assert told is not None
    assert told.version == "0.9.0?"
    assert told.running[0].stages["plan?"] == 0.4
