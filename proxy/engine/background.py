"""The one place where a task may outlive the request that started it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    from collections.abc import Coroutine

_AGAIN_S = 1.0


class Background:
    """A bounded number of tasks. What fails is logged; what does not fit is not started."""

    def __init__(self, most_tasks: int) -> None:
        self._most_tasks = most_tasks
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> bool:
        """Start work that nobody waits for; False, and not started, when there is too much."""
        if len(self._tasks) >= self._most_tasks:
            work.close()
            return False
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return True

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            LOG.error("background work failed", exc_info=error)

    async def close(self) -> None:
        """Cancel what runs and wait for its end; what missed that is told again."""
        while running := list(self._tasks):
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=_AGAIN_S)
