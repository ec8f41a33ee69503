"""What one transaction writes down of values small and large."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import lmdb
import pytest

from proxy.store.large_files import LARGE_BYTES, LargeFile, LargeFiles
from proxy.store.lmdb_index import DATABASES, Databases, Index, LmdbEntry, Writing, pages_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LATER_S = 10**9
LARGE = bytes(LARGE_BYTES)


class Kept:
    """An environment, and the files beside it."""

    def __init__(self, folder: Path) -> None:
        self.environment = lmdb.open(str(folder), map_size=8 << 20, max_dbs=len(DATABASES), sync=False)
        self.files = LargeFiles(folder / "large")
        self.databases = Databases(self.environment)

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        with self.environment.begin(write=True) as txn:
            yield Writing(txn, self.databases, self.files)

    @contextmanager
    def reading(self) -> Iterator[Index]:
        with self.environment.begin() as txn:
            yield Index(txn, self.databases)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path)
    yield made
    made.environment.close()


def test_a_small_value_stands_in_the_file_and_a_large_one_beside_it(kept: Kept) -> None:
    with kept.writing() as index:
        index.put(LmdbEntry("small", LARGE[1:], LATER_S), 0)
        index.put(LmdbEntry("large", LARGE, LATER_S), 0)
        assert not index.gone
        made = index.made
    with kept.reading() as index:
        file = LargeFile(made[0], len(LARGE))
        found = index.find(["small", "large", "neither"], 1)
        assert found == ({"small": LARGE[1:]}, {"large": file})
        assert list(index.large_files()) == [(b"large", file)]
        assert index.large_bytes() == pages_bytes(len(LARGE))
    assert kept.files.names() == set(made)


def test_what_has_expired_is_not_found(kept: Kept) -> None:
    with kept.writing() as index:
        for name, value in (("small", b"1"), ("large", LARGE)):
            index.put(LmdbEntry(name, value, 50), 0)
            assert any(index.find([name], 49))
            assert not any(index.find([name], 50))


@pytest.mark.parametrize("second", [b"small", LARGE])
def test_who_takes_the_place_of_a_large_value_gives_its_file_up(kept: Kept, second: bytes) -> None:
    with kept.writing() as index:
        index.put(LmdbEntry("one", LARGE, LATER_S), 0)
        first = index.made[0]
    with kept.writing() as index:
        index.put(LmdbEntry("one", second, LATER_S), 100)
        assert index.gone == [first]
        assert len(list(index.large_files())) == (second == LARGE)
        index.remove(b"one")
        index.remove(b"one")
        assert index.large_bytes() == 0
        assert not any(index.find(["one"], 1))
        assert index.remove_oldest(1) == index.remove_oldest_large(1) == 0, "no order stays behind"


def test_each_kind_goes_in_its_own_order_of_last_use(kept: Kept) -> None:
    with kept.writing() as index:
        for number in range(4):
            index.put(LmdbEntry(f"small-{number}", b"1", LATER_S), number)
            index.put(LmdbEntry(f"large-{number}", LARGE, LATER_S), number)
        index.touch(b"large-0", 59)
        index.touch(b"large-1", 100)
        index.touch(b"small-0", 100)
        index.touch(b"never there", 100)
        assert index.remove_oldest_large(1) == pages_bytes(len(LARGE))
        assert index.remove_oldest_large(2 * len(LARGE)) == 2 * pages_bytes(len(LARGE))
        assert index.remove_oldest(1) == pages_bytes(1)
        there = [
            name
            for number in range(4)
            for name in (f"small-{number}", f"large-{number}")
            if any(index.find([name], 1))
        ]
        assert there == ["small-0", "large-1", "small-2", "small-3"]
        assert index.large_bytes() == pages_bytes(len(LARGE))
        assert len(index.gone) == 3


def test_large_values_take_no_pages(kept: Kept) -> None:
    with kept.writing() as index:
        index.put(LmdbEntry("small", b"1", LATER_S), 0)
        before = index.pages_bytes()
        for number in range(10):
            index.put(LmdbEntry(f"large-{number}", LARGE, LATER_S), 0)
        assert index.pages_bytes() < before + LARGE_BYTES
