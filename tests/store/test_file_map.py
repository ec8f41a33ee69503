"""Mapped files: as long as somebody looks at them, without descriptors, and not too many."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from proxy.store import file_map
from proxy.store.file_map import map_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.codec.sections import Buffer

VALUE = bytes(range(256)) * 100


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "value").write_bytes(VALUE)
    opened = os.open(tmp_path / "value", os.O_RDONLY)
    yield opened
    os.close(opened)


def of(file: int) -> Buffer | None:
    return map_file(file, len(VALUE))


def mapped(folder: Path) -> list[str]:
    """The mappings of the folder's files in this process."""
    return [line for line in Path("/proc/self/maps").read_text().splitlines() if f"{folder}/" in line]


def test_a_mapping_goes_with_its_last_view(tmp_path: Path, file: int) -> None:
    before = len(file_map._mapped)
    value = of(file)
    assert value == VALUE
    assert len(mapped(tmp_path)) == 1
    assert len(file_map._mapped) == before + 1
    column = np.frombuffer(value[8:1000], "<i8")
    del value
    assert column.tobytes() == VALUE[8:1000]
    assert len(mapped(tmp_path)) == 1
    del column
    gc.collect()
    assert mapped(tmp_path) == []
    assert len(file_map._mapped) == before


def test_nobody_can_write_to_it(file: int) -> None:
    value = map_file(file, len(VALUE))
    assert value is not None
    assert value.readonly
    with pytest.raises(TypeError):
        value[0] = 1


def test_mappings_need_no_descriptors(file: int) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    held = [of(file) for _ in range(50)]
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert held[-1] == VALUE


def test_only_so_many_are_made(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_map, "_MOST_MAPS", len(file_map._mapped) + 1)
    first = of(file)
    assert first == VALUE
    assert of(file) is None
    del first
    assert of(file) == VALUE


def test_what_cannot_be_mapped_is_none(tmp_path: Path, file: int) -> None:
    assert map_file(file, 0) is None
    folder = os.open(tmp_path, os.O_RDONLY)
    assert map_file(folder, 100) is None
    os.close(folder)
