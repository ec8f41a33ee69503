"""Work that would hold the event loop for long goes to threads; numpy and isal release the GIL."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
A = TypeVar("A")


class WorkerThreads:
    """A few threads; short work is done at once, where it is."""

    def __init__(self, threads: int, inline_bytes: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="thanoxy-work")
        self._inline_bytes = inline_bytes

    async def run(self, work: Callable[[A], T], argument: A, size_bytes: int) -> T:
        if size_bytes <= self._inline_bytes:
            return work(argument)
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, argument)

    def start(self, work: Callable[[A], T], argument: A) -> asyncio.Future[T]:
        """Begin `work(argument)` in a thread."""
        return asyncio.get_running_loop().run_in_executor(self._pool, work, argument)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
