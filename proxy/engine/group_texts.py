"""A body that is too large to be put together before it is sent: texts of groups of series, made ahead.

Those who are sent the same body at the same time share the texts: what several of them want, or
still have in hand, is there once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from proxy.codec.matrix_text import body_length, group_text, series_groups
from proxy.engine.bodies import GROUP_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from proxy.engine.ports import MemoryTicket, Threads
    from proxy.merge.matrices import JoinedMatrix

_AHEAD = 3
_READER_BYTES = (_AHEAD + 1) * GROUP_BYTES


class GroupTexts:
    """The texts of a matrix. length: of all of them together."""

    def __init__(self, joined: JoinedMatrix, threads: Threads, memory: MemoryTicket) -> None:
        self._joined = joined
        self._threads = threads
        self._memory = memory
        self._groups = series_groups(joined, GROUP_BYTES)
        self._under_way: dict[int, asyncio.Task[bytes]] = {}
        self._readers: dict[int, int] = {}
        self._reserved_bytes = 0
        self.length = body_length(joined)

    async def reserve(self) -> None:
        """Set memory aside for one more reader; all together need no more than the whole text.

        Raises:
            TooManyRequestsError, LimitError: there is none.
        """
        size_bytes = min(_READER_BYTES, self.length - self._reserved_bytes)
        self._reserved_bytes += size_bytes
        try:
            await self._memory.grow(size_bytes)
        except BaseException:
            self._reserved_bytes -= size_bytes
            raise

    async def read(self) -> AsyncGenerator[bytes]:
        """The texts in order, a few of them made ahead."""
        ahead: deque[int] = deque()
        try:
            for number in range(len(self._groups)):
                ahead.append(number)
                self._want(number)
                if len(ahead) > _AHEAD:
                    yield await asyncio.shield(self._under_way[ahead[0]])
                    self._leave(ahead.popleft())
            while ahead:
                yield await asyncio.shield(self._under_way[ahead[0]])
                self._leave(ahead.popleft())
        finally:
            for number in ahead:
                self._leave(number)

    def _want(self, number: int) -> None:
        self._readers[number] = self._readers.get(number, 0) + 1
        if number not in self._under_way:
            making = self._threads.run(
                lambda group: group_text(self._joined, group), self._groups[number], GROUP_BYTES
            )
            self._under_way[number] = asyncio.get_running_loop().create_task(making)

    def _leave(self, number: int) -> None:
        self._readers[number] -= 1
        if self._readers[number]:
            return
        del self._readers[number]
        making = self._under_way.pop(number)
        if not making.done():
            making.cancel()
        elif not making.cancelled():
            making.exception()  # whoever waited raised it
