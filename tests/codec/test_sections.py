"""Buffers packed as one and found again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.sections import MAGIC, SectionsError, pack, unpack

SECTIONS = st.lists(st.binary(max_size=40), max_size=8)


@given(SECTIONS)
def test_what_was_packed_comes_back(sections: list[bytes]) -> None:
    assert [bytes(section) for section in unpack(pack(sections))] == sections


def test_a_column_is_read_where_it_lies() -> None:
    packed = pack([b"abc", np.arange(5, dtype="<i8"), np.zeros(0, "<u4")])
    _, numbers, nothing = unpack(packed)
    column = np.frombuffer(numbers, "<i8")
    assert column.tolist() == [0, 1, 2, 3, 4]
    assert column.ctypes.data % 8 == np.frombuffer(packed, np.uint8).ctypes.data % 8
    assert np.shares_memory(column, np.frombuffer(packed, np.uint8))
    assert not len(nothing)


@given(SECTIONS, st.data())
def test_a_changed_bit_is_noticed_wherever_it_is(sections: list[bytes], data: st.DataObject) -> None:
    packed = bytearray(pack(sections))
    bit = data.draw(st.integers(0, 8 * len(packed) - 1))
    packed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SectionsError):
        unpack(bytes(packed))


@given(SECTIONS, st.data())
def test_what_is_cut_off_is_noticed(sections: list[bytes], data: st.DataObject) -> None:
    packed = pack(sections)
    with pytest.raises(SectionsError):
        unpack(packed[: data.draw(st.integers(0, len(packed) - 1))])


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(noise: bytes) -> None:
    for packed in (noise, MAGIC + noise):
        with pytest.raises(SectionsError):
            unpack(packed)
