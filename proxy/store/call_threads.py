"""Threads for calls that may block for long, even for ever: they never keep the process from ending."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from proxy.store.raw_tier import TierError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class CallThreads:
    """Some threads that make calls in the order in which they come.

    most_waiting: calls; more are refused, for the one under way may hang.
    """

    def __init__(self, name: str, threads: int, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._is_closed = False
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def call(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Make a call in a thread.

        Raises:
            TierError: too many wait already, or it has ended.
        """
        if self._is_closed:
            raise TierError("it has ended")
        if self._calls.qsize() >= self._most_waiting:
            raise TierError("too much waits for the disk")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._calls.put(partial(_make, work, loop, future))
        return future

    def close(self) -> None:
        """End when all calls are made; does not wait for that."""
        self._is_closed = True
        for _ in self._threads:
            self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


def _make(work: Callable[[], T], loop: asyncio.AbstractEventLoop, future: asyncio.Future[T]) -> None:
    settle: Callable[[], None]
    try:
        settle = partial(_settle, future, work())
    except Exception as error:  # noqa: BLE001  it is the caller's
        settle = partial(_fail, future, error)
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(settle)


def _settle(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
