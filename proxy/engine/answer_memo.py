"""Answers remembered as they were sent, for a dashboard that many open at once.

Bounded in bytes and in time. Each answer says until when it may serve; a version that has changed
since (a purge, a store found missing) makes it void.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

T = TypeVar("T")

_ENTRY_BYTES = 1_000
_LARGEST_SHARE = 4
"""An answer larger than this part of the memo is not remembered."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """An answer's body in the chunks that are written; `is_gzip` tells its encoding."""

    chunks: tuple[bytes, ...]
    length: int
    is_gzip: bool


class AnswerMemo(Generic[T]):
    """The least recently used go first."""

    def __init__(self, max_bytes: int, max_age_ms: int) -> None:
        self._max_bytes = max_bytes
        self._max_age_ms = max_age_ms
        self._answers: OrderedDict[Hashable, tuple[T, int, int, int]] = OrderedDict()
        self.used_bytes = 0

    def get(self, key: Hashable, version: int, now_ms: int) -> T | None:
        """The answer, unless its time is over or `version` is another than when it was put."""
        found = self._answers.get(key)
        if found is None:
            return None
        answer, until_ms, known_version, _ = found
        if now_ms >= until_ms or version != known_version:
            self._remove(key)
            return None
        self._answers.move_to_end(key)
        return answer

    def put(
        self, key: Hashable, version: int, now_ms: int, until_ms: int, answer: T, size_bytes: int
    ) -> None:
        """Remember an answer until `until_ms`, at most for the memo's own time."""
        self._remove(key)
        size_bytes += _ENTRY_BYTES
        if size_bytes > self._max_bytes // _LARGEST_SHARE:
            return
        until_ms = min(until_ms, now_ms + self._max_age_ms)
        self._answers[key] = (answer, until_ms, version, size_bytes)
        self.used_bytes += size_bytes
        while self.used_bytes > self._max_bytes:
            self._remove(next(iter(self._answers)))

    def clear(self) -> None:
        """Forget everything."""
        self._answers.clear()
        self.used_bytes = 0

    def _remove(self, key: Hashable) -> None:
        found = self._answers.pop(key, None)
        if found is not None:
            self.used_bytes -= found[3]
