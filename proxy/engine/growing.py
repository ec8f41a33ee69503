"""What is being collected, for those who take it as it comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

T = TypeVar("T")


class Growing(Generic[T]):
    """A list that grows until it ends; each follower reads it from its beginning, at its own pace."""

    def __init__(self) -> None:
        self._items: list[T] = []
        self._has_ended = False
        self._news = asyncio.Event()

    def add(self, item: T) -> None:
        self._items.append(item)
        self._tell()

    def end(self) -> None:
        """Nothing more will come, whether all is there or not."""
        self._has_ended = True
        self._tell()

    async def follow(self) -> AsyncGenerator[T]:
        """All items, those that are still to come too."""
        at = 0
        while True:
            news = self._news
            while at < len(self._items):
                yield self._items[at]
                at += 1
            if self._has_ended and at == len(self._items):
                return
            await news.wait()

    def _tell(self) -> None:
        told, self._news = self._news, asyncio.Event()
        told.set()
