"""The last assembled answers, for a dashboard that many open at once.

Only answers that came wholly from kept pieces are remembered, and only as long as each of those
pieces may serve. A purge, or a store that is found missing, empties the memo.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

_ENTRY_BYTES = 1_000


@dataclass(frozen=True, slots=True)
class Assembled:
    """An answer's body in the chunks that are written; `is_gzip` tells its encoding."""

    chunks: tuple[bytes, ...]
    length: int
    is_gzip: bool


class AnswerMemo:
    """Bounded in bytes and in time; the least recently used go first."""

    def __init__(self, max_bytes: int, max_age_ms: int) -> None:
        self._max_bytes = max_bytes
        self._max_age_ms = max_age_ms
        self._answers: OrderedDict[Hashable, tuple[Assembled, int, int]] = OrderedDict()
        self._used_bytes = 0

    def get(self, key: Hashable, version: int, now_ms: int) -> Assembled | None:
        """The answer, unless its time is over or `version` is another than when it was put."""
        found = self._answers.get(key)
        if found is None:
            return None
        answer, until_ms, known_version = found
        if now_ms >= until_ms or version != known_version:
            self._remove(key)
            return None
        self._answers.move_to_end(key)
        return answer

    def put(
        self, key: Hashable, version: int, now_ms: int, until_ms: int, answer: Assembled
    ) -> None:
        """Remember an answer until `until_ms`, at most for the memo's own time."""
        self._remove(key)
        if answer.length + _ENTRY_BYTES > self._max_bytes // 4:
            return
        self._answers[key] = (answer, min(until_ms, now_ms + self._max_age_ms), version)
        self._used_bytes += answer.length + _ENTRY_BYTES
        while self._used_bytes > self._max_bytes:
            self._remove(next(iter(self._answers)))

    def _remove(self, key: Hashable) -> None:
        found = self._answers.pop(key, None)
        if found is not None:
            self._used_bytes -= found[0].length + _ENTRY_BYTES
