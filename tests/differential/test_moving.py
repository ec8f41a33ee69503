"""While time moves on and samples arrive, every answer is what Thanos Query says at that moment.

A failure prints the case, the settings that were drawn, and the story up to it; the same `--seed`,
`--end` and `--cases` repeat the run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
from typing import TYPE_CHECKING

import pytest

from tests.differential.clock import MovedClock
from tests.differential.meddling import SAMPLES_MATTER
from tests.differential.moving import World, draw_dashboards, live_through
from tests.differential.running import Tally, strained_sides
from tests.differential.test_differential import report
from tests.differential.windows import DAY_MS, MINUTE_MS, Window
from tests.thanos.cluster import ThanosCluster
from tests.thanos.samples import sample_series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.differential.modes import Finding
    from tests.thanos.series import RawSeries

GROUP = 6
SHARE = 8
"""One case for so many that are asked once: each has some twenty answers."""
HISTORY_MS = DAY_MS
FUTURE_MS = 12 * DAY_MS
ENOUGH_MS = DAY_MS
"""A world ends when less than this is left of its future: then another one begins."""
HELD = ("hit", "partial", "miss")


@contextlib.contextmanager
def world_before(end_ms: int) -> Iterator[World]:
    """A Thanos that lives `FUTURE_MS` before the end of its samples, and knows only what was."""
    now_ms = end_ms - FUTURE_MS
    series = sample_series(end_ms, history_ms=HISTORY_MS + FUTURE_MS)
    with ThanosCluster([known(one, now_ms) for one in series], end_ms=now_ms) as thanos:
        yield World(thanos, MovedClock(now_ms), series, now_ms)


def known(series: RawSeries, now_ms: int) -> RawSeries:
    """The samples of a series that are older than now."""
    past = series.timestamps_ms < now_ms
    return dataclasses.replace(
        series,
        timestamps_ms=series.timestamps_ms[past],
        values=series.values[past],
        histograms=tuple(h for h in series.histograms if h.timestamp_ms < now_ms),
    )


@pytest.mark.thanos
async def test_while_samples_arrive_an_answer_is_that_of_thanos_query_to_the_byte(
    tally: Tally, pytestconfig: pytest.Config
) -> None:
    seed, count = pytestconfig.getoption("seed"), pytestconfig.getoption("cases") // SHARE
    end_ms = pytestconfig.getoption("end")
    groups = iter(range(0, count, GROUP))
    found: list[Finding] = []
    first = next(groups, None)
    while first is not None and len(found) < GROUP:
        with world_before(end_ms) as world:
            while first is not None and world.now_ms + ENOUGH_MS < end_ms:
                found += await one_group(world, seed, range(first, first + GROUP), tally)
                first = next(groups, None)
    assert not found, report(found, pytestconfig, count * SHARE)
    answers = tally.answers["while time moves"]
    assert min(answers[held] for held in HELD) > 0, "kept pieces have to serve"


async def one_group(world: World, seed: int, numbers: range, tally: Tally) -> list[Finding]:
    """Some cases that share a thanoxy; what nothing excuses."""
    chance = random.Random(f"moving {seed} {numbers.start}")
    now_ms = world.now_ms
    boards = draw_dashboards(chance, seed, numbers, Window(now_ms - HISTORY_MS, now_ms, MINUTE_MS))
    async with strained_sides(world.thanos.query_url, world.clock, chance) as sides:
        sides.the_held.meddlers = SAMPLES_MATTER
        found = await live_through(chance, world, boards, sides)
    inner = Tally()
    inner.asked["none"] = len(boards)
    inner.excused["none"] = sum(finding.is_excused for finding in found)
    tally.add_stories("while time moves", inner, sides.answers)
    return [finding for finding in found if not finding.is_excused]
