"""Answers remembered as they were sent, for a dashboard that many open at once.

Bounded in bytes and in time. Each answer says until when it may serve. It is put with the version
that held when its making began: one that has changed since (a store found missing) makes it void,
and so does a purge.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

T = TypeVar("T")
Version = tuple[int, int]

_ENTRY_BYTES = 1_000
_LARGEST_SHARE = 2
"""An answer larger than this part of the memo is not remembered."""


class Peeked(NamedTuple):
    """Of a remembered answer: its age, how long it may serve still, and its size."""

    age_ms: int
    lives_ms: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Assembled:
    """An answer's body in the chunks that are written; `is_gzip` tells its encoding."""

    chunks: tuple[bytes, ...]
    length: int
    is_gzip: bool


class AnswerMemo(Generic[T]):
    """The least recently used go first.

    stale_ms: how long past its time an answer stays, for when the upstream fails.
    """

    def __init__(self, max_bytes: int, max_age_ms: int, stale_ms: int = 0) -> None:
        self._max_bytes = max_bytes
        self._max_age_ms = max_age_ms
        self._stale_ms = stale_ms
        self._answers: OrderedDict[Hashable, tuple[T, int, Version, int, int]] = OrderedDict()
        self._clears = 0
        self.used_bytes = 0

    def version(self, known: int) -> Version:
        """Of what an answer is made from now on; `known`: what else it depends on."""
        return known, self._clears

    def get(self, key: Hashable, version: Version, now_ms: int) -> T | None:
        """The answer, unless its time is over or `version` is another than that it was put with."""
        found = self._answers.get(key)
        if found is None:
            return None
        answer, until_ms, known_version, _, _ = found
        if version != known_version or now_ms >= until_ms + self._stale_ms:
            self.forget(key)
            return None
        if now_ms >= until_ms:
            return None
        self._answers.move_to_end(key)
        return answer

    def peek(self, key: Hashable, version: Version, now_ms: int) -> Peeked | None:
        """What `get` would give, without counting that as a use and without forgetting anything."""
        found = self._answers.get(key)
        if found is None or version != found[2] or now_ms >= found[1]:
            return None
        _, until_ms, _, size_bytes, put_ms = found
        return Peeked(now_ms - put_ms, until_ms - now_ms, size_bytes - _ENTRY_BYTES)

    def get_stale(self, key: Hashable, version: Version, now_ms: int) -> tuple[T, int] | None:
        """An answer whose time may be over, for at most `stale_ms`, and its age (ms).

        Not of another version: what has changed since may be that it is known to lack data.
        """
        found = self._answers.get(key)
        if found is None or version != found[2] or now_ms >= found[1] + self._stale_ms:
            return None
        return found[0], now_ms - found[4]

    def put(
        self, key: Hashable, version: Version, now_ms: int, until_ms: int, answer: T, size_bytes: int
    ) -> None:
        """Remember an answer until `until_ms`, at most for the memo's own time."""
        self.forget(key)
        if not self.has_room_for(size_bytes):
            return
        size_bytes += _ENTRY_BYTES
        until_ms = min(until_ms, now_ms + self._max_age_ms)
        self._answers[key] = (answer, until_ms, version, size_bytes, now_ms)
        self.used_bytes += size_bytes
        while self.used_bytes > self._max_bytes:
            self.forget(next(iter(self._answers)))

    def has_room_for(self, size_bytes: int) -> bool:
        """Whether an answer of this size would be remembered."""
        return self._max_age_ms > 0 and size_bytes + _ENTRY_BYTES <= self._max_bytes // _LARGEST_SHARE

    def clear(self) -> None:
        """Forget everything, and what is being made at present too."""
        self._answers.clear()
        self._clears += 1
        self.used_bytes = 0

    def forget(self, key: Hashable) -> None:
        """Forget one answer."""
        found = self._answers.pop(key, None)
        if found is not None:
            self.used_bytes -= found[3]
