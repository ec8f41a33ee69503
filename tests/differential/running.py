"""Many cases side by side, put to a Thanos Query and to a thanoxy of one's own in front of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from proxy.app import start
from proxy.settings import Settings
from tests.differential.asking import Server, session
from tests.differential.modes import Finding, Mode, Sides

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from tests.differential.cases import Case

SIDE_BY_SIDE = 4
MOST_FINDINGS = 10
"""A run ends early after so many that nothing excuses: they mostly have one cause."""


NO_CACHE = "{type: IN-MEMORY, config: {max_size: 0B}}"


@contextlib.asynccontextmanager
async def both_sides(thanos_url: str, interval_ms: int, cache: str = NO_CACHE) -> AsyncIterator[Sides]:
    """Thanos Query, and a thanoxy that splits at an interval; it is gone afterwards."""
    settings = Settings(
        http_address="127.0.0.1:0",
        downstream_url=thanos_url,
        split_interval_ms=interval_ms,
        cache_config=cache,
    )
    app = await start(settings)
    try:
        async with session() as client:
            thanos = Server("thanos", thanos_url, client)
            yield Sides(thanos, Server("thanoxy", app.url, client), interval_ms)
    finally:
        await app.close()


class Tally:
    """How many cases were asked, and in how many Thanos disagreed with itself; by doubt."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.excused: Counter[str] = Counter()

    def lines(self) -> list[str]:
        return [
            f"{doubt or 'none'}: {asked} cases, thanos disagrees with itself in "
            f"{self.excused[doubt]} ({self.excused[doubt] / asked:.1%})"
            for doubt, asked in sorted(self.asked.items())
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
