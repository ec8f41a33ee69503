"""The real clocks. Everything else is handed the time."""

from __future__ import annotations

import time


class SystemClock:
    """Implements `engine.ports.Clock`."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000
