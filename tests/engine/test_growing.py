"""Followers of a list that grows: each gets all of it, at its own pace."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from proxy.engine.growing import Growing


async def all_of(growing: Growing[int], pause_s: float = 0) -> list[int]:
    found = []
    async with aclosing(growing.follow()) as items:
        async for item in items:
            found.append(item)
            await asyncio.sleep(pause_s)
    return found


async def test_early_and_late_and_slow_followers_get_all_items_in_order() -> None:
    growing: Growing[int] = Growing()
    early = asyncio.create_task(all_of(growing))
    slow = asyncio.create_task(all_of(growing, 0.002))
    for number in range(10):
        growing.add(number)
        await asyncio.sleep(0)
    late = asyncio.create_task(all_of(growing))
    await asyncio.sleep(0)
    growing.add(10)
    growing.end()
    for follower in (early, slow, late):
        assert await follower == list(range(11))
    assert await all_of(growing) == list(range(11))


async def test_an_item_is_handed_on_before_the_end() -> None:
    growing: Growing[int] = Growing()
    follower = growing.follow()
    growing.add(1)
    assert await anext(follower) == 1
    waiting = asyncio.ensure_future(anext(follower))
    await asyncio.sleep(0.001)
    assert not waiting.done()
    growing.add(2)
    assert await waiting == 2
    await follower.aclose()


async def test_without_items_the_end_is_all() -> None:
    growing: Growing[int] = Growing()
    follower = asyncio.create_task(all_of(growing))
    await asyncio.sleep(0)
    growing.end()
    assert await follower == []
