"""A body that many may ask for at once is made once for all of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_NEVER_S = float("-inf")


class Lately:
    """make: makes the body. life_s: for how long it is given again. Used from the event loop only."""

    def __init__(self, make: Callable[[], bytes], life_s: float) -> None:
        self._make = make
        self._life_s = life_s
        self._made_s = _NEVER_S
        self._body = b""

    def __call__(self) -> bytes:
        now_s = time.monotonic()
        if now_s - self._made_s >= self._life_s:
            self._body, self._made_s = self._make(), now_s
        return self._body
