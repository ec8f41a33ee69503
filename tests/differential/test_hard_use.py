"""Kept pieces are used hard, and every answer is that of Thanos Query to the byte.

A failure prints the case, the settings that were drawn, and all that was asked and lost before.
Cases share a cache in groups of `GROUP`, so `--cases` and `--seed` as they were repeat it best.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.differential.cases import draw_case
from tests.differential.clock import MovedClock
from tests.differential.hard_use import used_hard
from tests.differential.running import Tally, findings, strained_sides
from tests.differential.test_differential import report
from tests.differential.windows import DAY_MS, HOUR_MS, MINUTE_MS, Window

if TYPE_CHECKING:
    import pytest

    from tests.differential.modes import Finding
    from tests.thanos.cluster import ThanosCluster

GROUP = 12
SHARE = 4
"""One case for so many that are asked once: each has some twenty answers."""


async def test_kept_pieces_that_are_used_hard_give_the_answers_of_thanos_query_to_the_byte(
    thanos: ThanosCluster, data: Window, tally: Tally, pytestconfig: pytest.Config
) -> None:
    seed, count = pytestconfig.getoption("seed"), pytestconfig.getoption("cases") // SHARE
    found: list[Finding] = []
    for first in range(0, count, GROUP):
        chance = random.Random(f"hard settings {seed} {first}")
        clock = MovedClock(data.end_ms + chance.choice([0, MINUTE_MS, HOUR_MS, 2 * DAY_MS]))
        cases = [draw_case(seed, number, data) for number in range(first, first + GROUP)]
        inner = Tally()
        async with strained_sides(thanos.query_url, clock, chance) as sides:
            found += await findings((c for c in cases if not c.doubt), sides, used_hard, inner)
        tally.add_stories("used hard", inner, sides.answers)
        assert len(found) < GROUP, report(found, pytestconfig, (first + GROUP) * SHARE)
    assert not found, report(found, pytestconfig, (first + GROUP) * SHARE)
    held = tally.answers["used hard"]
    assert min(held["hit"], held["partial"]) > 0, "kept pieces have to serve"
