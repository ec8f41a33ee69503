"""Several requests side by side, for one query."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")
A = TypeVar("A")


async def fan_out(
    work: Callable[[A], Awaitable[T]], arguments: Sequence[A], parallelism: int
) -> list[T]:
    """`work` of every argument, at most `parallelism` at once; results in the arguments' order.

    The first failure cancels all others and is raised as it is. Cancelling the caller cancels all.
    """
    if len(arguments) == 1:
        return [await work(arguments[0])]
    gate = asyncio.Semaphore(parallelism)

    async def gated(argument: A) -> T:
        await gate.acquire()
        result = await work(argument)
        gate.release()  # not after a failure: what waits must not begin any more
        return result

    tasks: list[asyncio.Task[T]] = []
    failure: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(gated(argument)) for argument in arguments]
    except BaseExceptionGroup as failures:
        failure = failures.exceptions[0]
    try:
        if failure is not None:
            raise failure
        return [task.result() for task in tasks]
    finally:
        failure = None  # its traceback leads here: what the others brought would stay with it
        tasks.clear()
