"""Waiting for a tier as long as it brings something.

A read may bring megabytes, so what is bounded is how long nothing comes; and all of it by a larger
bound. Few are asked at once: many that share a line would all be late.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


class Patience(NamedTuple):
    """quiet_s: how long nothing may come. most_s: how long all may take.

    at_once: how many are begun and not ended.
    """

    quiet_s: float
    most_s: float
    at_once: int


async def brought(
    starts: Sequence[Callable[[], asyncio.Task[T]]], patience: Patience
) -> tuple[list[T], Exception | None]:
    """What some tasks bring in time, and what went wrong, if anything has.

    What is late goes on by itself; what has not begun by then never does.
    """
    loop = asyncio.get_running_loop()
    end_s = loop.time() + patience.most_s
    rest = iter(starts)
    results: list[T] = []
    trouble: Exception | None = None
    waiting = {start() for start in islice(rest, patience.at_once)}
    while waiting:
        left_s = max(min(patience.quiet_s, end_s - loop.time()), 0)
        done, waiting = await asyncio.wait(waiting, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            return results, trouble or TimeoutError()
        for task in done:
            if (error := _error_of(task)) is None:
                results.append(task.result())
            trouble = trouble or error
        if results or trouble is None:  # one of several servers may fail alone
            waiting |= {start() for start in islice(rest, len(done))}
    return results, trouble


def _error_of(task: asyncio.Task[T]) -> Exception | None:
    """What it ended with, if not well."""
    if task.cancelled():
        return TimeoutError("it was ended")
    error = task.exception()
    return error if error is None or isinstance(error, Exception) else RuntimeError(repr(error))
