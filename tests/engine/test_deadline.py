"""One deadline for all that is done for a request."""

from __future__ import annotations

import asyncio

import pytest

from proxy.engine.deadline import GRACE_S, seconds_left, until_deadline
from proxy.errors import LimitError, QueryTimeoutError
from proxy.model.query import Caller


def caller(in_s: float) -> Caller:
    return Caller((), deadline_s=asyncio.get_running_loop().time() + in_s)


async def test_without_a_deadline_nothing_ends() -> None:
    assert seconds_left(Caller(())) is None
    async with until_deadline(Caller(())):
        await asyncio.sleep(0.01)


async def test_what_is_left_becomes_less_and_is_never_nothing() -> None:
    assert seconds_left(caller(10)) == pytest.approx(10, abs=0.1)
    assert seconds_left(caller(-10)) == 0.001


async def test_what_is_not_done_by_the_deadline_ends_there_after_a_moment_of_grace() -> None:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    with pytest.raises(QueryTimeoutError, match=r"timeout, --query\.timeout"):
        async with until_deadline(caller(0.05)):
            await asyncio.sleep(60)
    assert GRACE_S <= loop.time() - began_s < 1


async def test_what_is_done_in_the_grace_is_done() -> None:
    async with until_deadline(caller(0)):
        await asyncio.sleep(GRACE_S / 5)


async def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(LimitError):
        async with until_deadline(caller(60)):
            raise LimitError("large")


async def test_who_leaves_is_no_timeout() -> None:
    async def wait() -> None:
        async with until_deadline(caller(60)):
            await asyncio.sleep(60)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
