"""Batches of different times are cut at the same label sets, into portions of bounded size."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.chunk_batches import EMPTY
from proxy.codec.series_slices import series_after, slices
from tests.sample_batches import batch_of, check, labels_of, samples_of, sort_key

NAMES = ["a", "a b=1", "a b=2", "a b=10", "a c=1", "ab", "b", "b a=1"]
SERIES = st.dictionaries(
    st.sampled_from(NAMES), st.integers(0, 20).map(lambda n: [(t, t * 1.1) for t in range(n)])
)


@given(st.lists(SERIES, max_size=4), st.integers(1, 400))
def test_portions_hold_every_series_once_and_the_same_ones_in_all_batches(
    series: list[dict[str, list[tuple[int, float]]]], size_bytes: int
) -> None:
    batches = [batch_of(one, per_chunk=7) for one in series]
    found: list[dict[str, list[tuple[int, float]]]] = [{} for _ in batches]
    last: list[str] = []
    for portion in slices(batches, size_bytes):
        assert len(portion) == len(batches)
        for so_far, part in zip(found, portion, strict=True):
            check(part)
            so_far.update(samples_of(part))
        names = sorted({name for part in portion for name in samples_of(part)}, key=sort_key)
        assert names
        assert last < sort_key(names[0])
        last = sort_key(names[-1])
    assert found == series


@given(SERIES, st.integers(1, 400))
def test_a_portion_of_more_than_one_series_fits(
    series: dict[str, list[tuple[int, float]]], size_bytes: int
) -> None:
    for [part] in slices([batch_of(series)], size_bytes):
        assert len(part) == 1 or len(part.chunks.data) <= size_bytes


@given(SERIES, st.integers(1, 400))
def test_portions_are_as_large_as_they_may(
    series: dict[str, list[tuple[int, float]]], size_bytes: int
) -> None:
    sizes = [len(part.chunks.data) for [part] in slices([batch_of(series)], size_bytes)]
    assert all(one + other > size_bytes for one, other in itertools.pairwise(sizes))


@pytest.mark.parametrize("batches", [[], [EMPTY], [EMPTY, EMPTY]])
def test_without_series_there_is_no_portion(batches: list[object]) -> None:
    assert list(slices(batches, 10)) == []  # type: ignore[arg-type]


def test_a_portion_may_be_full_to_the_last_byte() -> None:
    batch = batch_of({name: [(1, 1.0), (2, 2.0)] for name in "abcd"})
    of_two = len(batch.chunks.data) // 2
    for size_bytes, lengths in ((of_two, [2, 2]), (of_two - 1, [1, 1, 1, 1])):
        assert [len(part) for [part] in slices([batch], size_bytes)] == lengths


def test_a_batch_that_holds_none_of_a_portions_series_gives_an_empty_part() -> None:
    one, two = batch_of({"a": [(1, 1.0)]}), batch_of({"b": [(2, 2.0)]})
    portions = [[samples_of(part) for part in portion] for portion in slices([one, two], 1)]
    assert portions == [[{"a": [(1, 1.0)]}, {}], [{}, {"b": [(2, 2.0)]}]]


def test_one_portion_of_a_small_answer_is_the_batches_themselves() -> None:
    batches = [batch_of({"a": [(1, 1.0)], "b": [(1, 1.0)]}), batch_of({"a": [(2, 2.0)]})]
    [portion] = slices(batches, 1 << 20)
    assert all(part is batch for part, batch in zip(portion, batches, strict=True))


def test_series_after_a_label_set_are_those_that_follow_it() -> None:
    batch = batch_of({name: [(1, 1.0)] for name in ("a", "b", "d")})
    names = {last: len(series_after(batch, labels_of(last))) for last in ("a", "b", "c", "d", "e")}
    assert names == {"a": 2, "b": 1, "c": 1, "d": 0, "e": 0}
    assert series_after(batch, b"") is batch
