"""Chunks picked out of several batches."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.chunk_table import ChunkTable, gather, series_of_rows
from tests.codec.batches import batch_of, rows_of


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 4)), max_size=12))
def test_slices_are_laid_back_to_back_in_the_order_given(slices: list[tuple[int, int, int]]) -> None:
    datas = [b"abcdefghijklmn", b"ABCDEFGHIJKLMN", b"0123456789+-*/"]
    columns = np.array(slices, np.int64).reshape(-1, 3)
    found = gather(datas, columns[:, 0], columns[:, 1], columns[:, 1] + columns[:, 2])
    assert found == b"".join(datas[part][start : start + size] for part, start, size in slices)


def test_neighbours_are_copied_like_any_other() -> None:
    column = np.array([0, 3, 3, 6])
    assert gather([b"abcdefgh"], np.zeros(4, np.int64), column, np.array([3, 3, 6, 8])) == b"abcdefgh"


def test_rows_are_grouped_by_series_and_keep_their_order_in_it() -> None:
    one = batch_of({b"a": [(0, 9, b"a0"), (10, 19, b"a1")], b"b": [(0, 9, b"b0")]})
    two = batch_of({b"b": [(5, 6, b"b5")]})
    table = ChunkTable.of([one.chunks, two.chunks])
    batch = table.batch((b"a", b"b", b"c"), np.array([1, 1, 0]), np.array([3, 2, 1]))
    assert rows_of(batch) == {b"a": [(10, 19, b"a1")], b"b": [(5, 6, b"b5"), (0, 9, b"b0")]}


def test_a_row_tells_its_series() -> None:
    batch = batch_of({b"a": [(0, 9, b"x"), (10, 19, b"y")], b"b": [], b"c": [(0, 9, b"z")]})
    assert series_of_rows(batch).tolist() == [0, 0, 2]
