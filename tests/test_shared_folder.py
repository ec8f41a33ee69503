"""The folder of a supervisor: its own, gone afterwards, and those of the dead with it."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

import pytest

from proxy.shared_folder import own_folder

LONG_AGO_S = 1_000_000_000


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_is_there_while_it_is_needed(place: Path) -> None:
    with own_folder() as name:
        assert Path(name).parent == place
    assert not list(place.iterdir())


def abandoned(place: Path, name: str) -> Path:
    folder = place / name
    folder.mkdir()
    (folder / "owner").touch()
    (folder / "data.mdb").write_bytes(b"much")
    return folder


def test_what_a_killed_one_left_behind_goes_and_nothing_else(place: Path) -> None:
    gone, young, other = (
        abandoned(place, name) for name in ("thanoxy-workers-a", "thanoxy-workers-b", "thanoxy-c")
    )
    for old in (gone, other):
        os.utime(old / "owner", (LONG_AGO_S, LONG_AGO_S))
    with own_folder() as alive:
        os.utime(Path(alive, "owner"), (LONG_AGO_S, LONG_AGO_S))
        with own_folder():
            assert Path(alive).exists()
            assert young.exists()
            assert other.exists()
            assert not gone.exists()


def test_a_pipe_that_somebody_has_put_there_is_not_waited_for(place: Path) -> None:
    (place / "thanoxy-workers-x").mkdir()
    os.mkfifo(place / "thanoxy-workers-x" / "owner")
    end = threading.Event()

    def begin() -> None:
        with own_folder():
            end.set()

    threading.Thread(target=begin, daemon=True).start()
    assert end.wait(10)
