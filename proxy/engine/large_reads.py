"""Which reads proved too large to keep: they are streamed at once, without trying again."""

from __future__ import annotations

from collections import OrderedDict

_MOST = 1000
_REMEMBERED_MS = 600_000


class LargeReads:
    """Remembers, for a while, keys and how many milliseconds of them were too much."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[int, int]] = OrderedDict()

    def note(self, key: bytes, span_ms: int, now_ms: int) -> None:
        """A read of this length was too large."""
        self._known[key] = span_ms, now_ms + _REMEMBERED_MS
        self._known.move_to_end(key)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)

    def is_known(self, key: bytes, span_ms: int, now_ms: int) -> bool:
        """Whether a read that is not longer proved too large lately."""
        too_much_ms, until_ms = self._known.get(key, (0, -1))
        return now_ms < until_ms and span_ms >= too_much_ms
