"""What was written is held as the tier has it; and only that."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from proxy.codec.extent_wire import content_name, encode_extent
from proxy.codec.labels_json import sort_key
from proxy.codec.matrix_text import body_text
from proxy.codec.tail_json import merge_stats
from proxy.engine import read_back
from proxy.engine.read_back import ReadBack
from proxy.merge.matrices import join_matrices
from proxy.model.grid import Grid
from proxy.model.piece import Piece
from proxy.store.memory import MemoryStore
from tests.fakes import NoThreads
from tests.pieces import extent_id, extent_of, piece_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxy.codec.sections import Buffer
    from proxy.model.extent import AnyPiece, Extent

ONE = extent_id(1)
OFFSET_MS = 1_700_000_000_000


def extent(value: str = "1") -> Extent[AnyPiece]:
    grid = Grid(0, 1000, 3)
    points = {'{"a":"1"}': {0: (value, False)}, '{"a":"2"}': {1: ("2", False)}}
    later = {'{"a":"1"}': {0: ("3", False)}}
    return extent_of(piece_of(points, grid), piece_of(later, Grid(3000, 1000, 3)))


class Values:
    """`engine.ports.Tier` that has what a test puts into it."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.asked = 0
        self.meanwhile: Callable[[], object] = lambda: None

    async def get_many(self, names: Sequence[str]) -> dict[str, Buffer]:
        self.asked += 1
        self.meanwhile()
        return {name: memoryview(self.values[name]) for name in names if name in self.values}

    def put(self, name: str, value: bytes, life_s: int) -> bool:
        self.values[name] = value
        return True

    async def add(self, name: str, value: bytes, life_s: int) -> bool:
        return True


class Parts:
    """A store with one extent, which was given to the tier."""

    def __init__(self, least_bytes: int = 1) -> None:
        self.tier = Values()
        self.store = MemoryStore(1 << 20, 0.5)
        self.read_back = ReadBack(self.tier, NoThreads(), least_bytes)
        self.extent = extent()
        self.packed = encode_extent(self.extent, OFFSET_MS)
        self.store.put(ONE, self.extent)
        self.read_back.expect(ONE, self.extent, self.packed)

    def write(self, packed: bytes) -> None:
        self.tier.put(content_name(self.extent.full_key, 1), packed, 60)

    async def look(self) -> Extent[AnyPiece]:
        await self.read_back.look(self.store)
        held = self.store.peek(ONE)
        assert held is not None
        return held


def lies_in(piece: AnyPiece, packed: bytes) -> bool:
    assert isinstance(piece, Piece)
    return isinstance(piece.floats.blob, memoryview) and piece.floats.blob.obj is packed


def text_of(held: Extent[AnyPiece]) -> bytes:
    return body_text(join_matrices([one.piece for one in held.kept], sort_key, merge_stats))  # type: ignore[misc]


async def test_the_pieces_lie_in_what_the_tier_has_and_all_else_stays_as_it_was() -> None:
    parts = Parts()
    parts.write(parts.packed)
    held = await parts.look()
    assert held is not parts.extent
    assert [lies_in(one.piece, parts.packed) for one in held.kept] == [True, True]
    assert text_of(held) == text_of(parts.extent)
    assert held.full_key == parts.extent.full_key
    for new, old in zip(held.kept, parts.extent.kept, strict=True):
        assert new.piece.series is old.piece.series
        assert repr(dataclasses.replace(new, piece=old.piece)) == repr(old)
    assert parts.store.used_bytes == pytest.approx(held.size_bytes, abs=2_000)


async def test_it_is_read_back_once() -> None:
    parts = Parts()
    parts.write(parts.packed)
    held = await parts.look()
    assert await parts.look() is held
    assert parts.tier.asked == 1


async def test_what_is_small_is_not_read_back() -> None:
    parts = Parts(least_bytes=1 << 20)
    parts.write(parts.packed)
    assert await parts.look() is parts.extent
    assert not parts.tier.asked


async def test_what_is_not_written_yet_is_looked_for_some_times() -> None:
    parts = Parts()
    assert await parts.look() is parts.extent
    parts.write(parts.packed)
    assert await parts.look() is not parts.extent
    late = Parts()
    for _ in range(10):
        await late.look()
    assert late.tier.asked == 5
    late.write(late.packed)
    assert await late.look() is late.extent


async def test_what_another_process_has_written_in_its_place_is_left_to_it() -> None:
    parts = Parts()
    parts.write(encode_extent(extent("7"), OFFSET_MS))
    assert await parts.look() is parts.extent


async def test_a_damaged_value_changes_nothing() -> None:
    parts = Parts()
    parts.write(parts.packed[:-9] + b"X" + parts.packed[-8:])
    assert await parts.look() is parts.extent
    assert await parts.look() is parts.extent
    assert parts.tier.asked == 1


async def test_an_extent_that_has_changed_or_gone_since_is_left_as_it_is() -> None:
    parts = Parts()
    parts.write(parts.packed)
    newer = extent("8")
    parts.store.put(ONE, newer)
    assert await parts.look() is newer
    gone = Parts()
    gone.write(gone.packed)
    gone.store.remove(ONE)
    await gone.read_back.look(gone.store)
    assert len(gone.store) == 0


async def test_an_extent_that_changes_while_it_is_read_back_is_left_as_it_is() -> None:
    parts = Parts()
    parts.write(parts.packed)
    newer = extent("8")
    parts.tier.meanwhile = lambda: parts.store.put(ONE, newer)
    assert await parts.look() is newer


async def test_what_is_written_again_meanwhile_is_looked_for_anew() -> None:
    parts = Parts()
    newer = extent("8")
    packed = encode_extent(newer, OFFSET_MS)

    def written_again() -> None:
        parts.store.put(ONE, newer)
        parts.read_back.expect(ONE, newer, packed)

    parts.tier.meanwhile = written_again
    assert await parts.look() is newer
    parts.tier.meanwhile = lambda: None
    parts.write(packed)
    held = await parts.look()
    assert all(lies_in(one.piece, packed) for one in held.kept)


async def test_only_so_many_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_back, "_MOST_WRITTEN", 2)
    parts = Parts()
    for number in (2, 3):
        parts.store.put(extent_id(number), parts.extent)
        parts.read_back.expect(extent_id(number), parts.extent, parts.packed)
    parts.write(parts.packed)
    assert await parts.look() is parts.extent
    assert parts.tier.asked == 2
