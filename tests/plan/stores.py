"""Short ways to write what a watch is told, and to ask for its verdict."""

from __future__ import annotations

import dataclasses

from proxy.plan.holes import Store, StoreWatch, Trust

ALL = (0, 10**6)
EARLIER = 10
FOREVER_MS = 10**15


def store(kind: str, address: str = "", min_ms: int = 0, max_ms: int = FOREVER_MS) -> Store:
    return Store(kind, address or kind, min_ms, max_ms, is_healthy=True)


def broken(one: Store) -> Store:
    """The same, listed with an error."""
    return dataclasses.replace(one, is_healthy=False)


class Looks:
    """A watch that is told of looks which begin at given times."""

    def __init__(self, forget_ms: int = 10**9, watch: StoreWatch | None = None) -> None:
        self.watch = watch or StoreWatch(forget_ms)

    def see(self, began_ms: int, *stores: Store, took: int = 0) -> None:
        """A look that took `took` milliseconds found these stores."""
        self.watch.look(began_ms, began_ms + took, list(stores))

    def trust(self, began_ms: int, ended_ms: int | None = None, reads: tuple[int, int] = ALL) -> Trust:
        """The verdict on a fetch."""
        return self.watch.trust(began_ms, began_ms if ended_ms is None else ended_ms, reads)
