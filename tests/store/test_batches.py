"""Batches, and how many of them at once."""

from __future__ import annotations

import asyncio

import pytest

from proxy.store.batches import Turns, batches


@pytest.mark.parametrize(
    ("items", "size", "expected"),
    [
        ("abcde", 2, ["ab", "cd", "e"]),
        ("abcd", 2, ["ab", "cd"]),
        ("abc", 5, ["abc"]),
        ("abc", 0, ["abc"]),
        ("", 2, []),
        ("", 0, []),
    ],
)
def test_items_are_cut_into_batches(items: str, size: int, expected: list[str]) -> None:
    assert list(batches(items, size)) == expected


@pytest.mark.parametrize(("most", "seen"), [(1, 1), (3, 3), (0, 8)])
async def test_no_more_than_allowed_have_a_turn(most: int, seen: int) -> None:
    turns, now, highest = Turns(most), 0, 0

    async def work() -> None:
        nonlocal now, highest
        async with turns.one():
            now += 1
            highest = max(highest, now)
            await asyncio.sleep(0.001)
            now -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(work())
    assert highest == seen
