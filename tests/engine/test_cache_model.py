"""Random windows, clients, evictions, purges and late samples, with time going on.

Whatever happened before, an answer is the one that the upstream gives to the unsplit query now.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.model.grid import Grid
from proxy.plan.freshness import settled_steps
from proxy.plan.purge import Purge
from tests.engine.cached import (
    DAY_MS,
    HOUR_MS,
    KEEP,
    MINUTE_MS,
    PASSING,
    READS,
    SECOND_MS,
    Cached,
    SlowThreads,
)

SEEDS = st.integers(0, 2**32)
STEPS_MS = (15 * SECOND_MS, MINUTE_MS, 7 * MINUTE_MS)
PHASES_MS = (0, 7_500)
AGES_MS = (0, MINUTE_MS, HOUR_MS, 3 * HOUR_MS, 30 * HOUR_MS)


@dataclass(slots=True)
class Story:
    """What happens to one cache, decided by a seed."""

    chance: random.Random
    cached: Cached
    told: list[str] = field(default_factory=list)
    expressions: tuple[str, ...] = tuple(READS)
    panels: list[tuple[str, int, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        choose = self.chance.choice
        self.panels = [
            (choose(self.expressions), choose(STEPS_MS), choose(PHASES_MS), choose(AGES_MS))
            for _ in range(3)
        ]

    def window(self) -> tuple[Grid, str]:
        """One of a few panels, moved and resized: most of it was asked for before."""
        expr, step_ms, phase_ms, age_ms = self.chance.choice(self.panels)
        age_ms += self.chance.randrange(-3, 40) * step_ms
        start_ms = (self.cached.clock.wall - age_ms) // step_ms * step_ms + phase_ms
        return Grid(start_ms, step_ms, self.chance.randint(1, 50)), expr

    async def ask(self) -> None:
        grid, expr = self.window()
        refresh = self.chance.random() < 0.1
        self.told.append(f"{grid} {expr}")
        assert await self.cached.ask(grid, expr, refresh) == self.cached.world.body(expr, grid)

    async def ask_together(self) -> None:
        """Several clients at once, on few questions; some leave."""
        windows = [self.window() for _ in range(2)]
        asked = [self.chance.choice(windows) for _ in range(self.chance.randint(2, 6))]
        asked = [(self.narrowed(grid), expr) for grid, expr in asked]
        tasks = [asyncio.create_task(self.cached.ask(*one)) for one in asked]
        for _ in range(self.chance.randint(0, 12)):
            await asyncio.sleep(0)
            if self.chance.random() < 0.15:
                self.chance.choice(tasks).cancel()
        for (grid, expr), task in zip(asked, tasks, strict=True):
            try:
                assert await task == self.cached.world.body(expr, grid)
            except asyncio.CancelledError:
                assert task.cancelling()

    def narrowed(self, grid: Grid) -> Grid:
        first = self.chance.randrange(grid.steps)
        return grid.sliced(first, self.chance.randint(first + 1, grid.steps))

    async def evict(self) -> None:
        for extent_id in list(self.cached.store._extents):
            if self.chance.random() < 0.3:
                self.cached.store.remove(extent_id)

    async def let_time_pass(self) -> None:
        lengths = (1, SECOND_MS, 40 * SECOND_MS, 5 * MINUTE_MS, HOUR_MS, DAY_MS)
        self.cached.clock.advance(self.chance.choice(lengths))

    async def change_recent_samples(self) -> None:
        """Samples come late; they show at the latest when the life of recent data is over."""
        hour = -(-(self.cached.clock.wall - KEEP.recent_ms) // HOUR_MS)
        self.cached.world.late[hour] += 1
        self.cached.clock.advance(KEEP.recent_life_ms)

    async def backfill(self) -> None:
        """Old samples change, and a purge says so."""
        hour = self.cached.clock.wall // HOUR_MS - self.chance.randint(1, 40)
        self.cached.world.late[hour] += 1
        self.cached.cache.purge(Purge(reads=(hour * HOUR_MS, (hour + 1) * HOUR_MS - 1)))

    async def go_on(self) -> None:
        events = [
            (self.ask, 10),
            (self.ask_together, 6),
            (self.let_time_pass, 3),
            (self.evict, 1),
            (self.change_recent_samples, 1),
            (self.backfill, 1),
        ]
        (event,) = self.chance.choices([e for e, _ in events], [weight for _, weight in events])
        self.told.append(event.__name__)
        await event()


@settings(max_examples=max(settings().max_examples // 2, 1))
@given(SEEDS)
def test_every_answer_is_the_unsplit_one_whatever_happened_before(seed: int) -> None:
    async def main() -> None:
        chance = random.Random(seed)
        cached = Cached(
            threads=chance.choice([None, SlowThreads()]),
            interval_ms=chance.choice([HOUR_MS, DAY_MS, 10 * MINUTE_MS]),
            max_bytes=chance.choice([1 << 28, 60_000]),
        )
        cached.pauses = chance.randint(0, 4)
        story = Story(chance, cached)
        for _ in range(30):
            await story.go_on()
            await cached.settle()
            assert cached.upstream.running == 0

    asyncio.run(main())


@settings(max_examples=max(settings().max_examples // 2, 1))
@given(SEEDS)
def test_no_step_that_is_settled_and_held_is_fetched_twice(seed: int) -> None:
    async def main() -> None:
        chance = random.Random(seed)
        cached = Cached(threads=SlowThreads(), interval_ms=chance.choice([HOUR_MS, DAY_MS]))
        cached.pauses = chance.randint(0, 4)
        story = Story(chance, cached, expressions=tuple(expr for expr in READS if expr != PASSING))
        settled: set[tuple[str, int]] = set()
        for _ in range(12):
            windows = [story.window() for _ in range(2)]
            asked = [chance.choice(windows) for _ in range(chance.randint(1, 4))]
            asked = [(story.narrowed(grid), expr) for grid, expr in asked]
            before = len(cached.upstream.asked)
            await asyncio.gather(*(cached.ask(*one) for one in asked))
            fetched: set[tuple[str, int]] = set()
            for one in cached.upstream.asked[before:]:
                steps = settled_of(cached, dict(one.form)["query"], one.grid)
                assert not fetched & steps, "fetched twice at once"
                fetched |= steps
            assert not fetched & settled, "fetched although it is held"
            settled |= fetched
            cached.clock.advance(chance.randint(0, 5 * SECOND_MS))

    asyncio.run(main())


def settled_of(cached: Cached, expr: str, grid: Grid) -> set[tuple[str, int]]:
    """The settled steps of a fetch, each with what tells it from those of other questions."""
    traits = cached.plan(grid, expr).known.traits
    count = settled_steps(grid, traits, cached.clock.wall - KEEP.freshness_ms)
    return {(f"{expr} {grid.step_ms}", grid.start_ms + step * grid.step_ms) for step in range(count)}
