"""A clock that tests move on, so that lives of minutes and hours end within seconds."""

from __future__ import annotations

from proxy.engine.clock import SystemClock


class MovedClock:
    """Implements `proxy.engine.ports.Clock`.

    `wall_ms` stands still unless it is moved, so what is settled depends on the seed alone;
    `monotonic_ms` also runs by itself, so that looks at the stores come after one another.
    """

    def __init__(self, wall_ms: int) -> None:
        self._wall_ms = wall_ms
        self._moved_ms = 0
        self._system = SystemClock()

    def wall_ms(self) -> int:
        return self._wall_ms

    def monotonic_ms(self) -> int:
        return self._system.monotonic_ms() + self._moved_ms

    def advance(self, by_ms: int) -> None:
        """Move both on."""
        self._wall_ms += by_ms
        self._moved_ms += by_ms
