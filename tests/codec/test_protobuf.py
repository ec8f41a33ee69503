"""Varints written by hand against those that the protobuf library writes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec._pb.types_pb2 import Chunk
from proxy.codec.protobuf import (
    put_varints,
    read_uvarint,
    uvarint,
    varint_fields,
    varint_lengths,
)

EDGES = [0, 1, 127, 128, 16_383, 16_384, (1 << 32) - 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]
numbers = st.one_of(
    st.sampled_from(EDGES), st.integers(0, 64).flatmap(lambda bits: st.integers(0, (1 << bits) - 1))
)


def varint(value: int) -> bytes:
    """As the library writes it."""
    return Chunk(min_time_ms=value - (value >> 63 << 64)).SerializeToString()[1:] or b"\0"


@given(numbers)
def test_a_number_is_written_as_the_library_does_and_read_back(value: int) -> None:
    assert uvarint(value) == varint(value)
    assert read_uvarint(uvarint(value) + b"\xff", 10) == (value, len(uvarint(value)))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x80\x80\x80\x80\x01"])
def test_a_varint_that_does_not_end_in_time_is_none(data: bytes) -> None:
    assert read_uvarint(data, 5) is None


@given(st.lists(numbers))
def test_many_numbers_are_written_as_one_by_one(values: list[int]) -> None:
    column = np.array(values, np.uint64)
    lengths = varint_lengths(column)
    rows = np.zeros((len(values), 11), np.uint8)
    put_varints(rows, 1, column, lengths)
    texts = [rows[n, 1 : 1 + length].tobytes() for n, length in enumerate(lengths.tolist())]
    assert texts == [varint(value) for value in values]


def test_numbers_of_one_length_need_only_that_length() -> None:
    column = np.array([128, 16_383], np.uint64)
    rows = np.zeros((2, 2), np.uint8)
    put_varints(rows, 0, column, 2)
    assert rows.tobytes() == varint(128) + varint(16_383)


@given(st.lists(st.tuples(numbers, numbers)))
def test_fields_of_zero_are_left_out(rows: list[tuple[int, int]]) -> None:
    first = np.array([row[0] for row in rows], np.uint64)
    second = np.array([row[1] for row in rows], np.uint64)
    text, ends = varint_fields([(0x08, first), (0x10, second)])
    messages = [
        (b"\x08" + varint(a) if a else b"") + (b"\x10" + varint(b) if b else b"") for a, b in rows
    ]
    assert text == b"".join(messages)
    assert ends.tolist() == np.cumsum([len(message) for message in messages]).tolist()
