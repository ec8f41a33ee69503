"""A `KeptPieces` of small texts, for tests of its contract. Clocks move only when a test moves them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from proxy.engine.background import Background
from proxy.engine.kept_pieces import Aged, Fetched, Keeping, KeptPieces
from proxy.model.grid import Grid
from proxy.model.piece import SeriesList
from proxy.plan.cache_key import CacheKey
from proxy.plan.freshness import KeepPolicy
from proxy.plan.holes import Store, StoreWatch
from proxy.store.memory import MemoryStore
from tests.engine.cached import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.model.extent import Kept

T = TypeVar("T")
A = TypeVar("A")

SIZE = 10
"""Steps of an extent."""
STEP_MS = 1_000
SERIES = SeriesList((b"a",))
POLICY = KeepPolicy(
    freshness_ms=0,
    recent_ms=0,
    recent_life_ms=60_000,
    long_life_ms=3_600_000,
    empty_life_ms=30_000,
    short_life_ms=5_000,
    extent_steps=SIZE,
)
KEY = CacheKey(b"n" * 16, b"the whole key")
NAMESAKE = CacheKey(KEY.name, b"another key with the same name")
OLD = Aged((0, 1 << 40), is_recent=False, is_empty=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A piece that holds a mark for each step."""

    grid: Grid
    marks: tuple[str, ...]
    series: SeriesList = SERIES
    is_shared: bool = False
    is_empty: bool = False

    @property
    def size_bytes(self) -> int:
        return sum(map(len, self.marks))


def join(pieces: list[Text]) -> Text:
    marks = tuple(mark for piece in pieces for mark in piece.marks)
    return Text(Grid(pieces[0].grid.start_ms, STEP_MS, len(marks)), marks)


def share(piece: Text) -> Text:
    return Text(piece.grid, piece.marks, SERIES, is_shared=True)


@dataclass(slots=True)
class Held:
    """`engine.ports.Threads` whose work is done when a test lets it, and may be any time later."""

    may_run: asyncio.Event = field(default_factory=asyncio.Event)
    sizes_bytes: list[int] = field(default_factory=list)

    async def run(self, work: Callable[[A], T], argument: A, size_bytes: int) -> T:
        self.sizes_bytes.append(size_bytes)
        await self.may_run.wait()
        return work(argument)


class Keeper:
    """A `KeptPieces` of texts with its surroundings; fetches take a millisecond."""

    def __init__(
        self, max_bytes: int = 1 << 20, most_tasks: int = 8, policy: KeepPolicy = POLICY
    ) -> None:
        self.store = MemoryStore(max_bytes, 0.5)
        self.watch = StoreWatch(forget_ms=1 << 40)
        self.watch.no_such_endpoint()
        self.clock = ManualClock()
        self.threads = Held()
        self.threads.may_run.set()
        self.background = Background(most_tasks)
        keeping = Keeping(SIZE, join, share, lambda piece: piece.size_bytes, policy)
        self.pieces: KeptPieces[Text] = KeptPieces(
            self.store, self.watch, self.clock, self.threads, self.background, keeping
        )

    def fetched(self, first: int, end: int) -> Fetched:
        began_ms = self.clock.monotonic
        self.clock.advance(1)
        grid = Grid(first * STEP_MS, STEP_MS, end - first)
        return Fetched(grid, self.clock.wall, began_ms, began_ms + 1)

    def keep(
        self,
        first: int,
        end: int,
        mark: str = "x",
        *,
        key: CacheKey = KEY,
        aged: Aged = OLD,
        fetched: Fetched | None = None,
        is_empty: bool = False,
    ) -> None:
        fetched = fetched or self.fetched(first, end)
        grid = Grid(first * STEP_MS, STEP_MS, end - first)
        marks = tuple(f"{step}{mark}" for step in range(first, end))
        text = Text(grid, marks, is_empty=is_empty)
        self.pieces.keep(key, frozenset({"up"}), fetched, text, aged)

    def found(self, first: int, end: int, key: CacheKey = KEY) -> list[Kept[Text]]:
        return [kept for kept, _ in self.pieces.between(key, first, end)]

    def runs(self, first: int = -100, end: int = 100, key: CacheKey = KEY) -> list[tuple[int, int]]:
        return [(kept.first_index, kept.end_index) for kept in self.found(first, end, key)]

    def marks(self) -> list[str]:
        return [mark for kept in self.found(-100, 100) for mark in kept.piece.marks]

    def until_ms(self) -> list[int]:
        """For how long each piece may serve from now on."""
        found = self.pieces.between(KEY, -100, 100)
        return [until_ms - self.clock.monotonic for _, until_ms in found]

    def look(self, is_lost: bool = False) -> None:
        stores = [Store("a", "1", 0, 1 << 60, is_healthy=not is_lost)]
        began_ms = self.clock.monotonic
        self.clock.advance(1)
        self.watch.look(began_ms, self.clock.monotonic, stores)
        self.clock.advance(1)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)
