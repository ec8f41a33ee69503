"""Memory in front of a tier."""

from __future__ import annotations

from proxy.model.extent import AnyPiece, Extent, ExtentId
from proxy.model.grid import Grid
from proxy.plan.cache_key import CacheKey
from proxy.store.memory import MemoryStore
from proxy.store.tiered import TieredStore
from tests.pieces import extent_id, extent_of, piece_of


class Told(list[ExtentId]):
    """Remembers what it is told, and has one extent."""

    def changed(self, extent_id: ExtentId) -> None:
        self.append(extent_id)

    async def load(self, key: CacheKey, numbers: list[int]) -> list[Extent[AnyPiece]]:
        return [EXTENT] if key.full == b"key" and numbers == [7] else []


EXTENT = extent_of(piece_of({'{"a":"1"}': {0: ("1", False)}}, Grid(0, 1000, 3)))


def test_what_is_put_is_told_and_what_is_adopted_is_not() -> None:
    told = Told()
    memory = MemoryStore(1 << 20, 0.5)
    store = TieredStore(memory, told)
    assert store.put(extent_id(1), EXTENT)
    assert store.adopt(extent_id(2), EXTENT)
    assert told == [extent_id(1)]
    assert store.get(extent_id(2)) is store.peek(extent_id(2)) is EXTENT
    assert len(memory) == 2


def test_what_memory_does_not_keep_is_not_told() -> None:
    told = Told()
    assert not TieredStore(MemoryStore(10, 0.5), told).put(extent_id(1), EXTENT)
    assert told == []


def test_looking_is_no_use() -> None:
    memory = MemoryStore(2 * (EXTENT.size_bytes + 1_500), 0.9)
    store = TieredStore(memory, Told())
    for number in range(8):
        store.put(extent_id(number), EXTENT)
        store.peek(extent_id(0))
    assert store.get(extent_id(0)) is None
    assert store.get(extent_id(7)) is EXTENT
    assert store.extents() == memory.extents() != []


def test_lists_are_shared_and_extents_removed_through_it() -> None:
    store = TieredStore(MemoryStore(1 << 20, 0.5), Told())
    series = EXTENT.kept[0].piece.series
    assert store.intern(series) is series
    store.put(extent_id(1), EXTENT)
    assert store.remove_where(lambda *_: True) == 1


async def test_what_memory_lacks_is_read_from_behind() -> None:
    store = TieredStore(MemoryStore(1 << 20, 0.5), Told())
    assert await store.load(CacheKey(b"n", b"key"), [7]) == [EXTENT]
    assert await MemoryStore(1 << 20, 0.5).load(CacheKey(b"n", b"key"), [7]) == []
