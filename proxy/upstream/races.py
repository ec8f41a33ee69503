"""Tasks side by side of which one result is wanted: who wins, and how the others end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from proxy.errors import BadUpstreamAnswerError, QueryTimeoutError, UpstreamUnreachableError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any


class Answer(Protocol):
    """What an attempt brings. worth_another: somebody else may give a better one."""

    @property
    def status(self) -> int: ...

    @property
    def worth_another(self) -> bool: ...

    def leave(self) -> None:
        """It is not wanted; may be said more than once."""


R = TypeVar("R", bound=Answer)
T = TypeVar("T")

_OF_ONE_ADDRESS = (UpstreamUnreachableError, QueryTimeoutError, BadUpstreamAnswerError)
"""Failures that another address need not meet; a limit it would."""


@dataclass(frozen=True, slots=True)
class Brought(Generic[R, T]):
    """An answer, and what was made of it: nothing where it is worth another."""

    answer: R
    made: tuple[T, ...] = ()

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def worth_another(self) -> bool:
        return not self.made

    def leave(self) -> None:
        self.answer.leave()


async def first_good(racers: Sequence[asyncio.Task[R]]) -> asyncio.Task[R]:
    """The first that ends well, or as the others would; when none does, one that ended last."""
    waiting = set(racers)
    while True:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        ended = [racer for racer in racers if racer in done]
        wanted = [racer for racer in ended if is_good(racer)]
        wanted += [racer for racer in ended if _is_hopeless(racer)]
        if wanted or not waiting:
            return [*wanted, ended[-1]][0]


def is_good(racer: asyncio.Task[R]) -> bool:
    """Whether it has brought an answer that nobody else need be asked for."""
    return _has_result(racer) and not racer.result().worth_another


def _is_hopeless(racer: asyncio.Task[R]) -> bool:
    if _has_result(racer):
        return False
    return racer.cancelled() or not isinstance(racer.exception(), _OF_ONE_ADDRESS)


def _has_result(racer: asyncio.Task[Any]) -> bool:
    return not racer.cancelled() and racer.exception() is None


async def leave_all(racers: Collection[asyncio.Task[R]]) -> None:
    """End them, and let go of answers that nobody takes."""
    try:
        await end_all(racers)
    finally:
        for racer in racers:
            if _has_result(racer):
                racer.result().leave()


async def end_all(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel them, and be there until the last has ended, whoever cancels the caller meanwhile.

    Their errors are read, so that nobody misses them.
    """
    for task in tasks:
        task.cancel()
    cancelled: asyncio.CancelledError | None = None
    while running := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(running)
        except asyncio.CancelledError as error:
            cancelled = error
    for task in tasks:
        _has_result(task)
    if cancelled:
        try:
            raise cancelled
        finally:
            cancelled = None  # its traceback leads here
