"""Answers remembered shortly: bounded in bytes, in time and by what has happened since."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.engine.answer_memo import AnswerMemo, Peeked

AGE_MS = 1000
FOREVER_MS = 1 << 60


def memo(max_bytes: int = 1 << 20) -> AnswerMemo[str]:
    return AnswerMemo(max_bytes, AGE_MS)


def put(one: AnswerMemo[str], key: str, size_bytes: int = 10, version: int = 0) -> None:
    one.put(key, one.version(version), 0, FOREVER_MS, key.upper(), size_bytes)


def get(one: AnswerMemo[str], key: str, version: int = 0, now_ms: int = 0) -> str | None:
    return one.get(key, one.version(version), now_ms)


def test_an_answer_is_remembered_under_its_key() -> None:
    one = memo()
    put(one, "a")
    assert get(one, "a") == "A"
    assert get(one, "b") is None


@pytest.mark.parametrize(
    ("until_ms", "now_ms", "is_there"),
    [(500, 499, True), (500, 500, False), (5000, 999, True), (5000, 1000, False), (0, 0, False)],
)
def test_it_serves_until_its_time_and_no_longer_than_the_memos(
    until_ms: int, now_ms: int, is_there: bool
) -> None:
    one = memo()
    one.put("a", one.version(0), 0, until_ms, "A", 10)
    assert (get(one, "a", now_ms=now_ms) == "A") is is_there
    assert (one.used_bytes > 0) is is_there


def test_another_version_makes_it_void() -> None:
    one = memo()
    put(one, "a", version=1)
    assert get(one, "a", version=2) is None
    assert get(one, "a", version=1) is None
    assert one.used_bytes == 0


def test_what_was_begun_before_something_happened_is_void_when_it_is_put_after() -> None:
    one = memo()
    begun = one.version(1)
    one.put("a", begun, 0, FOREVER_MS, "A", 10)
    assert get(one, "a", version=2) is None


def test_a_purge_forgets_what_is_there_and_what_is_still_being_made() -> None:
    one = memo()
    put(one, "a")
    begun = one.version(0)
    one.clear()
    assert get(one, "a") is None
    assert one.used_bytes == 0
    one.put("b", begun, 0, FOREVER_MS, "B", 10)
    assert get(one, "b") is None
    put(one, "c")
    assert get(one, "c") == "C"


def test_one_answer_can_be_forgotten() -> None:
    one = memo()
    put(one, "a")
    put(one, "b")
    one.forget("a")
    one.forget("a")
    assert (get(one, "a"), get(one, "b")) == (None, "B")


def test_the_least_recently_used_goes_first() -> None:
    one = memo(10_000)
    for key in "abcd":
        put(one, key, size_bytes=1400)
    get(one, "a")
    put(one, "e", size_bytes=1400)
    assert [key for key in "abcde" if get(one, key)] == ["a", "c", "d", "e"]


def test_an_answer_that_would_push_out_most_others_is_not_remembered() -> None:
    one = memo(10_000)
    put(one, "a")
    put(one, "large", size_bytes=4500)
    assert get(one, "large") is None
    assert get(one, "a") == "A"


def test_a_larger_answer_in_its_place_leaves_nothing_old_behind() -> None:
    one = memo(10_000)
    put(one, "a")
    put(one, "a", size_bytes=9000)
    assert get(one, "a") is None
    assert one.used_bytes == 0


def test_a_memo_without_room_remembers_nothing() -> None:
    one = memo(0)
    put(one, "a")
    assert get(one, "a") is None


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3000)), max_size=40))
def test_the_bytes_never_exceed_the_bound(puts: list[tuple[str, int]]) -> None:
    one = memo(9_000)
    for key, size_bytes in puts:
        put(one, key, size_bytes)
        held = [k for k in "abcdef" if get(one, k)]
        assert one.used_bytes <= 9_000
        assert (one.used_bytes > 0) == bool(held)


def test_a_look_says_age_life_and_size_and_moves_nothing() -> None:
    one = memo(max_bytes=2_900)
    put(one, "a", 400)
    put(one, "b", 400)
    assert one.peek("a", one.version(0), 300) == Peeked(300, 700, 400)
    put(one, "c", 400)
    assert get(one, "a") is None, "the look was no use of it"
    assert get(one, "b") == "B"


@pytest.mark.parametrize(("version", "now_ms"), [(1, 0), (0, AGE_MS)])
def test_a_look_finds_what_would_be_given_and_forgets_nothing(version: int, now_ms: int) -> None:
    one = memo()
    put(one, "a")
    assert one.peek("a", one.version(version), now_ms) is None
    assert one.peek("b", one.version(0), 0) is None
    assert get(one, "a") == "A"
