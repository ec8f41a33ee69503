"""Words, varints and places in lock-step, against the same in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.bits import (
    in_lock_step,
    lock_step_end,
    read_uvarints,
    to_words,
    unzigzag,
    uvarint_sizes,
    words_at,
    write_uvarints,
    zigzag,
)

UINT64 = st.one_of(
    st.integers(0, (1 << 64) - 1),
    st.integers(0, 63).map(lambda bit: 1 << bit),
    st.integers(1, 64).map(lambda bit: (1 << bit) - 1),
)


def uvarint(number: int) -> bytes:
    text = bytearray()
    while number >= 128:
        text.append(number & 127 | 128)
        number >>= 7
    return bytes([*text, number])


def array_of(data: bytes) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.frombuffer(data, np.uint8)


@given(st.binary(min_size=1, max_size=40), st.data())
def test_64_bits_are_read_at_any_place(data: bytes, draw: st.DataObject) -> None:
    places = draw.draw(st.lists(st.integers(0, 8 * len(data) - 1), min_size=1))
    digits = "".join(f"{byte:08b}" for byte in data) + "0" * 64
    found = words_at(to_words(array_of(data)), np.array(places))
    assert found.tolist() == [int(digits[at : at + 64], 2) for at in places]


def test_a_place_beyond_the_end_is_read_from_within() -> None:
    for data in (b"", b"abc", b"abcdefgh"):
        assert len(words_at(to_words(array_of(data)), np.array([0, 1 << 40]))) == 2


@given(st.lists(UINT64, min_size=1))
def test_varints_are_written_and_read(numbers: list[int]) -> None:
    texts = [uvarint(number) for number in numbers]
    values = np.array(numbers, np.uint64)
    sizes = uvarint_sizes(values)
    assert sizes.tolist() == [len(text) for text in texts]
    data = np.full(int(sizes.sum()) + 3, 0xEE, np.uint8)
    at = np.cumsum(sizes) - sizes + 1
    write_uvarints(data, at, values)
    assert data.tobytes() == b"\xee" + b"".join(texts) + b"\xee\xee"
    found, found_sizes = read_uvarints(data, at)
    assert found.tolist() == numbers
    assert found_sizes.tolist() == sizes.tolist()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x80", id="no end"),
        pytest.param(b"\xff" * 9, id="nine bytes and no end"),
        pytest.param(b"\xff" * 9 + b"\x02", id="more than 64 bits"),
        pytest.param(b"\xff" * 10 + b"\x01", id="eleven bytes"),
    ],
)
def test_what_is_no_varint_has_no_size(text: bytes) -> None:
    _, sizes = read_uvarints(array_of(b"\x05" + text), np.array([1, 0, 99]))
    assert sizes.tolist() == [0, 1, 0]


def test_no_varints_are_read_and_written() -> None:
    data, nowhere = np.zeros(3, np.uint8), np.zeros(0, np.int64)
    assert len(read_uvarints(data, nowhere)[1]) == 0
    write_uvarints(data, nowhere, np.zeros(0, np.uint64))
    assert not data.any()


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1)))
def test_signed_numbers_become_small_ones(numbers: list[int]) -> None:
    found = zigzag(np.array(numbers, np.int64))
    assert found.tolist() == [2 * number if number >= 0 else -2 * number - 1 for number in numbers]
    assert unzigzag(found).tolist() == numbers


COUNTS = st.lists(st.integers(1, 12), min_size=1, max_size=12).map(lambda counts: sorted(counts)[::-1])


@given(COUNTS, st.integers(0, 14), st.data())
def test_lock_step_visits_every_sample_but_the_first_ones(
    counts: list[int], few: int, data: st.DataObject
) -> None:
    rows = np.array(counts)
    places = np.array(data.draw(st.permutations(range(len(counts)))))
    starts = np.cumsum(rows[places]) - rows[places]
    firsts = np.empty_like(starts)
    firsts[places] = starts
    column = np.arange(int(rows.sum()))
    visited = [
        (chunks, number, column[where].tolist())
        for chunks, number, where in in_lock_step(firsts, rows, few)
    ]
    wanted = []
    for number in range(1, max(counts)):
        chunks = sum(count > number for count in counts)
        if chunks > few:
            wanted.append((chunks, number, (firsts[:chunks] + number).tolist()))
    assert visited == wanted
    end = lock_step_end(rows, few)
    assert end == 1 + len(wanted)
    assert sum(count > end for count in counts) <= few


@pytest.mark.parametrize(
    ("firsts", "is_slice"),
    [([0, 5, 10], True), ([3], True), ([0, 5, 11], False), ([10, 5, 0], False), ([5, 5, 5], False)],
)
def test_places_at_equal_distances_are_a_slice(firsts: list[int], is_slice: bool) -> None:
    counts = np.full(len(firsts), 3)
    for _, number, where in in_lock_step(np.array(firsts), counts, 0):
        assert isinstance(where, slice) == is_slice
        assert np.arange(20)[where].tolist() == [first + number for first in firsts]
