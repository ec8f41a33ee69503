"""Many cases side by side, put to a Thanos Query and to a thanoxy of one's own in front of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from proxy.app import start
from proxy.settings import Settings
from tests.differential.asking import Server, session
from tests.differential.meddling import Held
from tests.differential.modes import Finding, Mode, Sides
from tests.differential.relay import slow_relay
from tests.differential.windows import CUTS_MS

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Iterable

    from tests.differential.cases import Case
    from tests.differential.clock import MovedClock

SIDE_BY_SIDE = 4
MOST_FINDINGS = 10
"""A run ends early after so many that nothing excuses: they mostly have one cause."""


NO_CACHE = "{type: IN-MEMORY, config: {max_size: 0B}}"


@contextlib.asynccontextmanager
async def both_sides(
    thanos_url: str,
    interval_ms: int,
    cache: str = NO_CACHE,
    clock: MovedClock | None = None,
    **more: Any,
) -> AsyncIterator[Sides]:
    """Thanos Query, and a thanoxy that splits at an interval; it is gone afterwards.

    `more` are settings of thanoxy; `downstream_urls` may be something between the two.
    """
    settings = Settings(
        **{
            "http_address": "127.0.0.1:0",
            "downstream_urls": (thanos_url,),
            "split_interval_ms": interval_ms,
            "cache_config": cache,
            **more,
        }
    )
    app = await start(settings, clock)
    held = Held(app.engine, clock) if clock else None
    try:
        async with session() as client:
            thanos = Server("thanos", thanos_url, client)
            thanoxy = Server("thanoxy", app.url, client)
            yield Sides(thanos, thanoxy, interval_ms, held, f"{cache} {more}" if more else "")
    finally:
        await app.close()


@contextlib.asynccontextmanager
async def strained_sides(
    thanos_url: str, clock: MovedClock, chance: random.Random
) -> AsyncIterator[Sides]:
    """Both sides with settings that were drawn; in four of ten Thanos seems slow to thanoxy."""
    interval_ms, more = chance.choice(CUTS_MS), draw_settings(chance)
    async with contextlib.AsyncExitStack() as parts:
        if chance.random() < 0.4:
            slow = slow_relay(thanos_url, chance)
            more["downstream_urls"] = (await parts.enter_async_context(slow),)
        sides = both_sides(thanos_url, interval_ms, clock=clock, **more)
        yield await parts.enter_async_context(sides)


def draw_settings(chance: random.Random) -> dict[str, Any]:
    """Small extents and caches, so that pieces are cut, joined and pushed out all the time.

    With answers of any size in threads, and with looks at the stores or without.
    """
    max_size = chance.choice(["50KB", "300KB", "2MB", "64MB", "64MB"])
    return {
        "cache": f"{{type: IN-MEMORY, config: {{max_size: {max_size}}}}}",
        "max_extent_share": chance.choice([0.1, 0.5, 1.0]),
        "extent_steps": chance.choice([3, 16, 50, 256, 256]),
        "inline_bytes": chance.choice([1, 2_000, 256_000]),
        "memo_bytes": chance.choice([0, 1_000_000, 128_000_000]),
        "stores_interval_ms": chance.choice([0, 100, 1_000]),
        "max_query_parallelism": chance.choice([2, 14]),
        "upstream_gzip": chance.random() < 0.3,
        "admin_api": True,
    }


class Tally:
    """How many cases were asked, and in how many Thanos disagreed with itself; by doubt."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.excused: Counter[str] = Counter()
        self.stories: Counter[str] = Counter()
        self.answers: dict[str, Counter[str]] = {}

    def add_stories(self, mode: str, inner: Tally, answers: Counter[str]) -> None:
        """Cases that were asked several times in a mode, and the answers that were compared."""
        self.stories[mode] += inner.asked.total()
        self.stories[f"{mode}, excused"] += inner.excused.total()
        self.answers.setdefault(mode, Counter()).update(answers)

    def lines(self) -> list[str]:
        return [
            f"{doubt or 'none'}: {asked} cases, thanos disagrees with itself in "
            f"{self.excused[doubt]} ({self.excused[doubt] / asked:.1%})"
            for doubt, asked in sorted(self.asked.items())
        ] + [
            f"{mode}: {self.stories[mode]} cases, {answers.total()} answers compared "
            f"({dict(answers)}), thanos disagrees with itself in {self.stories[f'{mode}, excused']}"
            for mode, answers in self.answers.items()
        ]


async def findings(cases: Iterable[Case], sides: Sides, mode: Mode, tally: Tally) -> list[Finding]:
    """Put cases to both sides, a few at once; what nothing excuses, by the number of the case."""
    found: list[Finding] = []
    waiting = iter(cases)

    async def work() -> None:
        for case in waiting:
            finding = await mode(case, sides)
            tally.asked[case.doubt] += 1
            if finding is not None and finding.is_excused:
                tally.excused[case.doubt] += 1
            elif finding is not None:
                found.append(finding)
            if len(found) >= MOST_FINDINGS:
                return

    async with asyncio.TaskGroup() as group:
        for _ in range(SIDE_BY_SIDE):
            group.create_task(work())
    return sorted(found, key=lambda finding: finding.case.number)
