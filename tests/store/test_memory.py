"""Extents in memory: bounded, counted in true bytes, the least recently used go first."""

from __future__ import annotations

import dataclasses
import gc
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.gzip_body import gzip_body
from proxy.codec.labels_json import sort_key
from proxy.codec.matrix_json import scan_matrix
from proxy.codec.pieces import index_matrix, make_piece
from proxy.codec.tail_json import merge_stats
from proxy.merge.matrices import join_matrices
from proxy.model.extent import Extent, ExtentId
from proxy.model.grid import Grid
from proxy.model.piece import Piece, SeriesList
from proxy.store.memory import MemoryStore
from proxy.telemetry.signals import CACHE_MISSED_EVICTED
from tests.bodies import SeriesPoints, body_of
from tests.pieces import extent_id, extent_of, kept, piece_of

LARGE = 1 << 30
CHANCE = random.Random(1)


def series(count: int, steps: int, label_chars: int = 20) -> SeriesPoints:
    label = "x" * label_chars
    return {
        f'{{"__name__":"m","i":"{i:05}","l":"{label}"}}': {
            k: (repr(CHANCE.random()), False) for k in range(steps)
        }
        for i in range(count)
    }


def piece(count: int = 3, steps: int = 4, label_chars: int = 20) -> Piece:
    return piece_of(series(count, steps, label_chars), Grid(0, 1000, steps))


def interned(store: MemoryStore, one: Piece) -> Piece:
    return dataclasses.replace(one, series=store.intern(one.series))


def test_what_was_put_last_is_found_and_nothing_else() -> None:
    store = MemoryStore(LARGE, 1)
    one, two = extent_of(piece()), extent_of(piece())
    assert store.get(extent_id(1)) is None
    assert store.put(extent_id(1), one)
    assert store.put(extent_id(1), two)
    assert store.get(extent_id(1)) is two
    assert store.get(extent_id(1, b"other")) is None
    assert len(store) == 1


def test_what_is_removed_leaves_no_bytes_behind() -> None:
    store = MemoryStore(LARGE, 1)
    for number in range(5):
        store.put(extent_id(number), extent_of(interned(store, piece())))
    assert store.used_bytes > 0
    for number in (3, 3, 0, 1, 99, 2, 4):
        store.remove(extent_id(number))
    assert store.used_bytes == 0
    assert len(store) == 0


def test_the_least_recently_used_goes_first() -> None:
    extents = [extent_of(piece()) for _ in range(4)]
    alone = MemoryStore(LARGE, 1)
    alone.put(extent_id(0), extents[0])
    store = MemoryStore(int(alone.used_bytes * 3.5), 1)
    for number, extent in enumerate(extents[:3]):
        store.put(extent_id(number), extent)
    assert store.get(extent_id(0)) is extents[0]
    store.put(extent_id(3), extents[3])
    assert [number for number in range(4) if store.get(extent_id(number))] == [0, 2, 3]


def test_a_look_at_what_there_is_is_no_use_of_it() -> None:
    extents = [extent_of(piece()) for _ in range(3)]
    alone = MemoryStore(LARGE, 1)
    alone.put(extent_id(0), extents[0])
    store = MemoryStore(int(alone.used_bytes * 2.5), 1)
    for number, extent in enumerate(extents[:2]):
        store.put(extent_id(number), extent)
    assert store.extents() == extents[:2]
    assert store.peek(extent_id(0)) is extents[0]
    store.put(extent_id(2), extents[2])
    assert store.extents() == extents[1:]


def test_replacing_an_extent_makes_it_the_most_recent() -> None:
    extents = [extent_of(piece()) for _ in range(4)]
    alone = MemoryStore(LARGE, 1)
    alone.put(extent_id(0), extents[0])
    store = MemoryStore(int(alone.used_bytes * 3.5), 1)
    for number in (0, 1, 2, 0, 3):
        store.put(extent_id(number), extents[number])
    assert store.get(extent_id(1)) is None
    assert store.get(extent_id(0)) is not None


def test_an_extent_larger_than_its_share_is_refused_and_takes_no_other_along() -> None:
    small, large = extent_of(piece()), extent_of(piece(200, 50))
    store = MemoryStore(large.size_bytes * 2, 0.2)
    assert store.put(extent_id(0), small)
    assert not store.put(extent_id(1), large)
    assert store.get(extent_id(0)) is small
    assert store.get(extent_id(1)) is None


def test_labels_count_for_the_share_too() -> None:
    long = extent_of(piece(100, 1, label_chars=10_000))
    store = MemoryStore(3_000_000, 0.5)
    assert long.size_bytes < 100_000
    assert not store.put(extent_id(0), long)
    assert store.used_bytes == 0


def test_an_extent_that_outgrew_its_share_is_gone_and_not_shown_in_its_old_state() -> None:
    store = MemoryStore(200_000, 0.1)
    store.put(extent_id(0), extent_of(piece()))
    assert not store.put(extent_id(0), extent_of(piece(200, 50)))
    assert store.get(extent_id(0)) is None
    assert store.used_bytes == 0


def test_a_store_without_room_keeps_nothing() -> None:
    store = MemoryStore(0, 1)
    assert not store.put(extent_id(0), extent_of(piece()))
    assert store.used_bytes == 0


def test_a_list_of_series_that_many_share_is_counted_once() -> None:
    store = MemoryStore(LARGE, 1)
    one = interned(store, piece(50, 4, label_chars=500))
    other = interned(store, piece(50, 4, label_chars=500))
    assert other.series is one.series
    store.put(extent_id(0), extent_of(one))
    first = store.used_bytes
    store.put(extent_id(1), extent_of(other))
    assert store.used_bytes - first < one.series.size_bytes / 2
    store.remove(extent_id(0))
    assert store.used_bytes > one.series.size_bytes
    store.remove(extent_id(1))
    assert store.used_bytes == 0


def test_a_list_that_nobody_holds_any_more_is_forgotten() -> None:
    store = MemoryStore(LARGE, 1)
    store.intern(SeriesList((b"{}",)))
    gc.collect()
    fresh = SeriesList((b"{}",))
    assert store.intern(fresh) is fresh


def test_a_purge_removes_what_matches_and_counts_it() -> None:
    store = MemoryStore(LARGE, 1)
    for number in range(6):
        store.put(extent_id(number), extent_of(interned(store, piece())))
    assert store.remove_where(lambda one, _: one.number % 2 == 0) == 3
    assert [n for n in range(6) if store.get(extent_id(n))] == [1, 3, 5]
    assert store.remove_where(lambda *_: True) == 3
    assert store.used_bytes == 0


Action = tuple[str, int, int]
ACTIONS = st.tuples(st.sampled_from(["put", "get", "remove"]), st.integers(0, 7), st.integers(0, 3))
PIECES = [piece(count, 2) for count in (1, 5, 20, 60)]


@given(st.lists(ACTIONS, max_size=60), st.sampled_from([8_000, 30_000, LARGE]))
def test_the_bytes_are_those_of_what_is_held_and_never_above_the_bound(
    actions: list[Action], max_bytes: int
) -> None:
    store = MemoryStore(max_bytes, 0.6)
    held: dict[ExtentId, Extent[Piece]] = {}
    for action, number, size in actions:
        if action == "put":
            extent = extent_of(interned(store, PIECES[size]))
            was_kept = store.put(extent_id(number), extent)
            held = {i: e for i, e in held.items() if store.get(i) is e}
            if was_kept:
                held[extent_id(number)] = extent
        elif action == "remove":
            store.remove(extent_id(number))
            held.pop(extent_id(number), None)
        assert store.used_bytes <= max_bytes
        lists = {id(k.piece.series): k.piece.series for e in held.values() for k in e.kept}
        expected = sum(e.size_bytes + 300 for e in held.values())
        assert store.used_bytes == expected + sum(one.size_bytes for one in lists.values())
    for one, extent in held.items():
        assert store.get(one) is extent


def own_body(number: int, count: int, grid: Grid) -> bytes:
    """An answer whose labels no other answer has."""
    points = series(count, grid.steps)
    return body_of({m.replace("m", f"m{number:04}", 1): p for m, p in points.items()}, grid)


@pytest.mark.parametrize(
    ("extents", "count", "steps", "pieces"),
    [
        pytest.param(10, 100, 128, 1, id="extents of one piece"),
        pytest.param(10, 50, 8, 8, id="extents of many small pieces"),
        pytest.param(60, 1, 64, 1, id="one series"),
        pytest.param(5, 1000, 2, 1, id="many series of few points"),
    ],
)
def test_used_bytes_are_those_that_python_gave_out(
    extents: int, count: int, steps: int, pieces: int
) -> None:
    """Labels and what is derived from them for gzip included."""
    grids = [Grid(at * steps * 1000, 1000, steps) for at in range(pieces)]
    bodies = [[own_body(number, count, grid) for grid in grids] for number in range(extents + 1)]
    store = MemoryStore(LARGE, 1)

    def keep(number: int) -> None:
        own = []
        for grid, body in zip(grids, bodies[number], strict=True):
            made = make_piece(index_matrix(scan_matrix(body), grid), 0, steps)
            own.append(interned(store, made))
            gzip_body(join_matrices(own[-1:], sort_key, merge_stats), own[-1].series)
        all_kept = tuple(kept(one, one.grid.first_index) for one in own)
        store.put(extent_id(number), Extent(f"key {number}".encode() * 20, None, all_kept))

    keep(extents)
    gc.collect()
    before = store.used_bytes
    tracemalloc.start()
    try:
        for number in range(extents):
            keep(number)
        gc.collect()
        given_out = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0.95 * given_out < store.used_bytes - before < 1.25 * given_out


def missed_evicted() -> float:
    value: float = CACHE_MISSED_EVICTED._value.get()
    return value


def test_what_had_to_go_and_is_wanted_again_is_counted_once() -> None:
    extents = [extent_of(piece()) for _ in range(3)]
    alone = MemoryStore(LARGE, 1)
    alone.put(extent_id(0), extents[0])
    store = MemoryStore(int(alone.used_bytes * 2.5), 1)
    before = missed_evicted()
    for number, extent in enumerate(extents):
        store.put(extent_id(number), extent)
    assert store.get(extent_id(9)) is None
    assert missed_evicted() == before
    for _ in range(3):
        assert store.get(extent_id(0)) is None
    assert missed_evicted() == before + 1
    assert store.lookups == 4


def test_what_was_removed_or_is_there_again_is_not_missed() -> None:
    extents = [extent_of(piece()) for _ in range(3)]
    alone = MemoryStore(LARGE, 1)
    alone.put(extent_id(0), extents[0])
    store = MemoryStore(int(alone.used_bytes * 2.5), 1)
    for number, extent in enumerate(extents):
        store.put(extent_id(number), extent)
    store.put(extent_id(0), extents[0])
    store.remove(extent_id(0))
    before = missed_evicted()
    assert store.get(extent_id(0)) is None
    store.remove_where(lambda _id, _extent: True)
    assert store.get(extent_id(1)) is None
    assert missed_evicted() == before
