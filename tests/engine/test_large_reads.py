"""Reads that proved too large are known for a while, and only those."""

from __future__ import annotations

from proxy.engine.large_reads import LargeReads

DAY_MS = 86_400_000
REMEMBERED_MS = 600_000


def test_a_read_that_was_not_noted_is_not_known() -> None:
    assert not LargeReads().is_known(b"key", DAY_MS, 0)


def test_what_was_too_much_is_known_and_what_is_longer_too() -> None:
    large = LargeReads()
    large.note(b"key", DAY_MS, 0)
    assert large.is_known(b"key", DAY_MS, 1)
    assert large.is_known(b"key", 2 * DAY_MS, 1)


def test_a_shorter_read_of_the_same_key_may_be_tried() -> None:
    large = LargeReads()
    large.note(b"key", DAY_MS, 0)
    assert not large.is_known(b"key", DAY_MS - 1, 1)


def test_another_key_is_not_concerned() -> None:
    large = LargeReads()
    large.note(b"key", DAY_MS, 0)
    assert not large.is_known(b"other", DAY_MS, 1)


def test_it_is_forgotten_after_ten_minutes() -> None:
    large = LargeReads()
    large.note(b"key", DAY_MS, 5)
    assert large.is_known(b"key", DAY_MS, 5 + REMEMBERED_MS - 1)
    assert not large.is_known(b"key", DAY_MS, 5 + REMEMBERED_MS)


def test_the_last_note_counts() -> None:
    large = LargeReads()
    large.note(b"key", DAY_MS, 0)
    large.note(b"key", 5, 100)
    assert large.is_known(b"key", 5, REMEMBERED_MS + 99)


def test_a_thousand_are_remembered_and_the_oldest_note_goes_first() -> None:
    large = LargeReads()
    for number in range(1000):
        large.note(b"%d" % number, 1, 0)
    large.note(b"0", 1, 0)
    large.note(b"one more", 1, 0)
    assert large.is_known(b"0", 1, 0)
    assert not large.is_known(b"1", 1, 0)
    assert large.is_known(b"2", 1, 0)
    assert large.is_known(b"one more", 1, 0)
