"""Names or values in batches, so many at once."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractAsyncContextManager

T = TypeVar("T")


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Batches of at most `size`; one of all when it is 0."""
    size = size or max(len(items), 1)
    return (items[at : at + size] for at in range(0, len(items), size))


class Turns:
    """At most so many at once; 0: any number."""

    def __init__(self, most: int) -> None:
        self._gate = asyncio.Semaphore(most) if most else None

    def one(self) -> AbstractAsyncContextManager[None]:
        """A turn, waited for."""
        return self._gate or contextlib.nullcontext()
