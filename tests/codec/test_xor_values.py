"""Which bits of values are written, and where they lie."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec import xor_values
from proxy.codec.xor_values import ValueChanges, hold_places, value_changes
from tests.codec.xor_chunks import VALUE_BITS

FEW = st.sampled_from([0, 2, 1_000_000])


def changes_of(chunks: list[list[int]]) -> ValueChanges:
    bits = np.array([bits for chunk in chunks for bits in chunk], np.uint64)
    counts = np.array([len(chunk) for chunk in chunks], np.int64)
    return value_changes(bits, np.cumsum(counts) - counts, counts)


@given(st.lists(VALUE_BITS, min_size=1, max_size=60))
def test_a_change_is_told_by_its_bits_and_the_zeros_around_them(bits: list[int]) -> None:
    """Each in a chunk of its own, after a 0: nothing was written before."""
    found = changes_of([[0, each] for each in bits])
    assert found.changes[::2].tolist() == [0] * len(bits)
    assert found.changes[1::2].tolist() == bits
    told = zip(bits, found.leading[1::2].tolist(), found.trailing[1::2].tolist(), strict=True)
    for change, leading, trailing in told:
        if change:
            text = f"{change:064b}"
            assert leading == min(len(text) - len(text.lstrip("0")), 31)
            assert trailing == len(text) - len(text.rstrip("0"))
    assert found.has_place[1::2].tolist() == [int(change != 0) for change in bits]


def test_all_numbers_of_zeros_are_counted() -> None:
    ones = [1 << bit for bit in range(64)]
    found = changes_of([[0, one] for one in ones])
    assert found.leading[1::2].tolist() == [min(63 - bit, 31) for bit in range(64)]
    assert found.trailing[1::2].tolist() == list(range(64))
    filled = changes_of([[0, (1 << bit + 1) - 1] for bit in range(64)])
    assert filled.leading[1::2].tolist() == [min(63 - bit, 31) for bit in range(64)]


def test_a_chunk_does_not_see_the_one_before() -> None:
    found = changes_of([[5, 7], [7, 7], [1]])
    assert found.changes.tolist() == [0, 2, 0, 0, 0]
    assert found.has_place.tolist() == [0, 1, 0, 0, 0]


ZEROS = st.one_of(st.just((64, 64)), st.tuples(st.integers(0, 31), st.integers(0, 63)))


@given(st.lists(st.lists(ZEROS, min_size=1, max_size=9), min_size=1, max_size=9), FEW)
def test_a_place_is_held_while_changes_fit_in_it(chunks: list[list[tuple[int, int]]], few: int) -> None:
    chunks = [[(64, 64), *chunk[1:]] for chunk in chunks]  # the first sample has no change
    leading = np.array([front for chunk in chunks for front, _ in chunk], np.uint8)
    trailing = np.array([back for chunk in chunks for _, back in chunk], np.uint8)
    counts = np.array([len(chunk) for chunk in chunks])
    with patch.object(xor_values, "_FEW", few):
        has_place = hold_places(leading, trailing, np.cumsum(counts) - counts, counts)
    wanted = []
    for chunk in chunks:
        held = (64, 64)
        for front, back in chunk:
            is_out = front < held[0] or back < held[1]
            held = (front, back) if is_out else held
            wanted.append((*held, int(is_out)))
    assert list(zip(leading.tolist(), trailing.tolist(), has_place.tolist(), strict=True)) == wanted
