"""How much memory a process takes that is its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.status import own_memory
from proxy.status.own_memory import own_memory_bytes

if TYPE_CHECKING:
    from pathlib import Path

MB = 1 << 20


def test_what_is_taken_is_seen() -> None:
    before = own_memory_bytes()
    taken = bytearray(64 * MB)
    assert 60 * MB < own_memory_bytes() - before < 80 * MB
    assert taken


@pytest.mark.parametrize("text", ["", "x y z", "1 2"])
def test_where_nobody_tells_there_is_nothing(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "statm").write_text(text)
    monkeypatch.setattr(own_memory, "_STATM", tmp_path / "statm")
    assert own_memory_bytes() == 0
    monkeypatch.setattr(own_memory, "_STATM", tmp_path / "none")
    assert own_memory_bytes() == 0
