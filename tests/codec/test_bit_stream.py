"""Numbers and floats as bits: the lengths of Prometheus's varbit.go, and reading what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.bit_stream import (
    STALE_NAN_BITS,
    BitReader,
    BitWriter,
    XorField,
    bits_of,
    float_bits,
    float_of,
    floats_of,
    int64,
)
from proxy.codec.chunk_error import ChunkError

if TYPE_CHECKING:
    from collections.abc import Callable

INT64 = st.integers(-(2**63), 2**63 - 1) | st.integers(-5000, 5000)
UINT64 = st.integers(0, 2**64 - 1) | st.integers(0, 5000)
SPARSE = st.lists(st.just(0) | INT64, max_size=30)
ALIKE = st.lists(st.sampled_from([0.0, 1.0, 1.5, 2.0, 1e300, 5e-324]) | st.floats(), max_size=20)

SIGNED_LENGTHS = [
    (0, 1), (4, 5), (-3, 5), (5, 9), (-4, 9), (32, 9), (-31, 9), (33, 13), (-32, 13), (256, 13),
    (-255, 13), (257, 17), (2048, 17), (-2047, 17), (2049, 24), (-2048, 24), (131072, 24),
    (-131071, 24), (131073, 32), (16777216, 32), (-16777215, 32), (16777217, 64), (-16777216, 64),
    (36028797018963968, 64), (-36028797018963967, 64), (36028797018963969, 72),
    (-36028797018963968, 72), (2**63 - 1, 72), (-(2**63), 72),
]  # fmt: skip
UNSIGNED_LENGTHS = [
    (0, 1), (1, 5), (7, 5), (8, 9), (63, 9), (64, 13), (511, 13), (512, 17), (4095, 17), (4096, 24),
    (262143, 24), (262144, 32), (33554431, 32), (33554432, 64), (72057594037927935, 64),
    (72057594037927936, 72), (2**64 - 1, 72),
]  # fmt: skip


def written(write: Callable[[BitWriter], None]) -> BitReader:
    writer = BitWriter()
    write(writer)
    return BitReader(writer.payload())


def length_of(write: Callable[[BitWriter], None]) -> int:
    """In bits: those that are left after it, of a stream filled up to whole bytes, tell it."""
    for filled in range(8):
        writer = BitWriter()
        write(writer)
        writer.write(1, 1)
        for _ in range(filled):
            writer.write(1, 1)
        payload = writer.payload()
        if payload[-1] & 1:
            return len(payload) * 8 - 1 - filled
    raise AssertionError


@pytest.mark.parametrize(("value", "length"), SIGNED_LENGTHS)
def test_a_signed_number_is_as_long_as_prometheus_makes_it(value: int, length: int) -> None:
    assert length_of(lambda writer: writer.varbit_int(value)) == length
    assert written(lambda writer: writer.varbit_int(value)).varbit_int() == value


@pytest.mark.parametrize(("value", "length"), UNSIGNED_LENGTHS)
def test_an_unsigned_number_is_as_long_as_prometheus_makes_it(value: int, length: int) -> None:
    assert length_of(lambda writer: writer.varbit_uint(value)) == length
    assert written(lambda writer: writer.varbit_uint(value)).varbit_uint() == value


def test_the_most_significant_bit_comes_first_and_zeros_fill_the_last_byte() -> None:
    writer = BitWriter()
    writer.varbit_int(-3)
    writer.varbit_uint(6)
    writer.write(1, 3)
    assert writer.payload() == bytes([0b10_101_10_1, 0b10_001_000])
    assert BitWriter().payload() == b""


@given(st.lists(st.tuples(st.booleans(), UINT64), max_size=30))
def test_numbers_are_read_as_they_were_written(numbers: list[tuple[bool, int]]) -> None:
    writer = BitWriter()
    for is_signed, number in numbers:
        if is_signed:
            writer.varbit_int(int64(number))
        else:
            writer.varbit_uint(number)
    reader = BitReader(writer.payload())
    for is_signed, number in numbers:
        assert (reader.varbit_int() if is_signed else reader.varbit_uint()) == (
            int64(number) if is_signed else number
        )
    assert reader.bits_left < 8


@given(SPARSE)
def test_many_numbers_at_once_are_those_that_one_reads_one_by_one(numbers: list[int]) -> None:
    writer = BitWriter()
    writer.varbit_ints(numbers)
    payload = writer.payload()
    reader, one_by_one = BitReader(payload), BitReader(payload)
    assert reader.varbit_ints(len(numbers)) == numbers
    assert [one_by_one.varbit_int() for _ in numbers] == numbers
    assert reader.bits_left == one_by_one.bits_left


@given(st.lists(ALIKE, min_size=1, max_size=4))
def test_floats_are_read_as_they_were_written_to_the_last_bit(columns: list[list[float]]) -> None:
    rows = list(zip(*columns, strict=False))
    writer = BitWriter()
    fields = [XorField(0) for _ in columns]
    for row in rows:
        for field, bits in zip(fields, bits_of(row), strict=True):
            writer.xor(field, bits)
    reader = BitReader(writer.payload())
    fields = [XorField(0) for _ in columns]
    for row in rows:
        reader.xor(fields)
        assert [field.bits for field in fields] == list(bits_of(row))
    assert reader.bits_left < 8


def test_a_change_that_lies_where_the_last_one_did_does_not_say_where_again() -> None:
    writer = BitWriter()
    field = XorField(0)
    for bits in (0b1111 << 20, 0b1001 << 20, 0b1001 << 20):
        writer.xor(field, bits)
    #     new place: 31 leading zeros, 13 bits | the same place | no change
    expected = "11" + "11111" + f"{13:06b}" + f"{0b1111:013b}" + "10" + f"{0b0110:013b}" + "0"
    assert writer.payload() == int(expected.ljust(48, "0"), 2).to_bytes(6, "big")


@pytest.mark.parametrize(
    "read",
    [
        lambda reader: reader.read(9),
        lambda reader: reader.varbit_int(),
        lambda reader: reader.varbit_uint(),
        lambda reader: reader.varbit_ints(2),
        lambda reader: reader.xor([XorField(0)]),
    ],
    ids=["read", "varbit_int", "varbit_uint", "varbit_ints", "xor"],
)
@pytest.mark.parametrize("payload", [b"", b"\xff", b"\xfe"])
def test_nothing_is_read_beyond_the_end(read: Callable[[BitReader], object], payload: bytes) -> None:
    with pytest.raises(ChunkError, match="ends before"):
        read(BitReader(payload))


def test_a_run_of_zeros_must_lie_within_the_stream() -> None:
    assert BitReader(b"\0").varbit_ints(8) == [0] * 8
    with pytest.raises(ChunkError, match="ends before"):
        BitReader(b"\0").varbit_ints(9)


def test_a_float_cannot_have_more_than_64_bits() -> None:
    writer = BitWriter()
    writer.write(0b11, 2)
    writer.write(31, 5)  # leading zeros
    writer.write(34, 6)  # bits
    writer.write(1, 34)
    with pytest.raises(ChunkError, match="more than 64 bits"):
        BitReader(writer.payload()).xor([XorField(0)])


@given(st.integers(0, 2**64 - 1))
def test_every_nan_stays_what_it_is(bits: int) -> None:
    assert float_bits(float_of(bits)) == bits
    nans = (STALE_NAN_BITS, 0x7FF8000000000001, 0xFFF0000000000123, bits)
    assert bits_of(floats_of(nans)) == nans


@given(st.integers(-(2**66), 2**66))
def test_arithmetic_wraps_at_64_bits(value: int) -> None:
    wrapped = int64(value)
    assert -(2**63) <= wrapped < 2**63
    assert (wrapped - value) % 2**64 == 0
    assert written(lambda writer: writer.varbit_int(value)).varbit_int() % 2**64 == value % 2**64
