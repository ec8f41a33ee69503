"""Large values as files: written once, mapped by all who read them, whole for whoever has one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from proxy.store import large_files
from proxy.store.large_files import LARGE_BYTES, LargeFile, LargeFiles

if TYPE_CHECKING:
    from pathlib import Path

VALUE = os.urandom(LARGE_BYTES + 5)


def test_what_is_written_is_mapped(tmp_path: Path) -> None:
    files = LargeFiles(tmp_path)
    value = files.open(files.write(VALUE))
    assert value == VALUE
    assert isinstance(value, memoryview)


def test_a_removed_file_stays_whole_for_who_has_mapped_it(tmp_path: Path) -> None:
    files = LargeFiles(tmp_path)
    file = files.write(VALUE)
    value = files.open(file)
    files.remove([file.name, "never there"])
    assert files.names() == set()
    assert files.open(file) is None
    assert value == VALUE


@pytest.mark.parametrize("size_bytes", [0, 1, len(VALUE) - 1, len(VALUE) + 1])
def test_a_file_of_another_length_is_a_miss(tmp_path: Path, size_bytes: int) -> None:
    files = LargeFiles(tmp_path)
    file = files.write(VALUE)
    os.truncate(tmp_path / file.name, size_bytes)
    assert files.open(file) is None


def test_each_writing_has_a_file_of_its_own(tmp_path: Path) -> None:
    files = LargeFiles(tmp_path / "made when it is needed")
    assert files.names() == set()
    written = {files.write(VALUE).name for _ in range(3)}
    assert files.names() == written
    assert len(written) == 3


def test_nothing_stays_of_a_file_that_could_not_be_written(tmp_path: Path) -> None:
    files = LargeFiles(tmp_path)
    with pytest.raises(TypeError):
        files.write("no bytes")  # type: ignore[arg-type]
    assert files.names() == set()


def test_files_that_nobody_knows_of_are_removed(tmp_path: Path) -> None:
    files = LargeFiles(tmp_path)
    known = files.write(VALUE)
    files.write(VALUE)
    files.remove_others({known.name})
    assert files.names() == {known.name}


def test_where_nothing_can_be_mapped_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = LargeFiles(tmp_path)
    file = files.write(VALUE)
    monkeypatch.setattr(large_files, "map_file", lambda *_: None)
    assert files.open(file) == VALUE
    assert isinstance(files.open(file), bytes)
    assert files.open(LargeFile("gone", 5)) is None
