"""Values cut into parts and put together again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.store.parts import joined, part_names, parts_of
from proxy.store.raw_tier import Entry


def put(value: bytes, max_bytes: int, name: str = "name") -> dict[str, bytes]:
    return {one.name: one.value for one in parts_of(Entry(name, value, 7), max_bytes)}


@given(st.binary(max_size=300), st.integers(20, 120))
def test_a_value_comes_back_as_it_was_in_parts_that_fit(value: bytes, max_bytes: int) -> None:
    kept = put(value, max_bytes)
    assert all(len(one) <= max_bytes for one in kept.values())
    head = kept["name"]
    assert set(part_names("name", head)) == kept.keys() - {"name"}
    whole = joined("name", head, kept)
    assert whole is not None
    assert bytes(whole) == value


def test_a_value_that_fits_is_one_entry_whose_columns_lie_at_multiples_of_eight() -> None:
    (entry,) = parts_of(Entry("name", b"12345678", 7), 16)
    assert entry == Entry("name", b"whole\0\0\x0012345678", 7)


def test_the_name_is_written_last_and_all_live_as_long() -> None:
    entries = parts_of(Entry("name", bytes(1000), 7), 100)
    assert [one.name for one in entries].index("name") == 10
    assert {one.life_s for one in entries} == {7}


def test_a_value_that_lacks_a_part_is_missing() -> None:
    kept = put(bytes(range(200)), 60)
    for part in part_names("name", kept["name"]):
        rest = {name: value for name, value in kept.items() if name != part}
        assert joined("name", kept["name"], rest) is None


def test_parts_of_two_writings_never_mix() -> None:
    first, second = put(b"a" * 200, 60), put(b"b" * 200, 60)
    assert joined("name", second["name"], {**first, "name": second["name"]}) is None
    assert joined("name", first["name"], {**first, **second}) == b"a" * 200


@pytest.mark.parametrize("value", [b"", b"other", b"parts\0\0\0", b"parts\0\0\0" + b"\xff" * 12])
def test_what_is_no_such_value_is_missing(value: bytes) -> None:
    assert part_names("name", value) == []
    assert joined("name", value, {}) is None


def test_a_value_of_far_too_many_parts_is_not_written() -> None:
    assert parts_of(Entry("name", bytes(20 * 4097), 7), 20) == []
    assert len(parts_of(Entry("name", bytes(20 * 4096), 7), 20)) == 4097
