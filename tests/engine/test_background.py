"""Work that outlives its request: bounded, and its failures are logged."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from proxy.engine.background import Background

if TYPE_CHECKING:
    import pytest


async def test_work_runs_by_itself() -> None:
    done = asyncio.Event()
    background = Background(1)

    async def work() -> None:
        done.set()

    assert background.spawn(work())
    async with asyncio.timeout(1):
        await done.wait()


async def test_too_much_work_is_not_started() -> None:
    background = Background(2)
    begun = []

    async def work(number: int) -> None:
        begun.append(number)
        await asyncio.sleep(60)

    assert [background.spawn(work(number)) for number in range(3)] == [True, True, False]
    await asyncio.sleep(0)
    assert begun == [0, 1]
    await background.close()


async def test_what_has_ended_makes_room() -> None:
    background = Background(1)

    async def work() -> None:
        return

    for _ in range(3):
        assert background.spawn(work())
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_a_failure_is_logged_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    background = Background(1)

    async def work() -> None:
        raise ValueError("broken piece")

    background.spawn(work())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    (record,) = caplog.records
    assert record.message == "background work failed"
    assert record.exc_info is not None


async def test_closing_cancels_what_runs_and_waits_for_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    background = Background(2)
    ended = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended.append(True)

    background.spawn(work())
    background.spawn(work())
    await asyncio.sleep(0)
    await background.close()
    assert ended == [True, True]
    assert not caplog.records
    await background.close()
