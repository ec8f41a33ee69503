"""An hour of the soak; `make soak` has the whole day."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.soak.clients import REFUSALS
from tests.soak.clock import MINUTE_MS, START_MS, SoakClock
from tests.soak.panels import draw_panels
from tests.soak.replicas import Sky
from tests.soak.simulation import soak, told
from tests.soak.tally import DOCUMENTED
from tests.soak.views import Absence, Views
from tests.soak.world import World, draw_batches

MOST_TASKS, MOST_FILES = 150, 300


async def test_an_hour_of_dashboards_with_faults_is_answered_right(
    request: pytest.FixtureRequest,
) -> None:
    tally, summary = await soak(request.config.getoption("seed"), hours=1)
    found = [str(one) for one in tally.violations if one.promise not in DOCUMENTED]
    assert not found, "\n".join(found)
    assert tally.failed.keys() <= REFUSALS
    assert tally.queries > 1_500
    assert tally.answered > tally.queries * 0.75
    assert summary["hit_ratio"] > 0.4
    assert summary["faults_met"]
    assert tally.by_hour[-1].tasks < MOST_TASKS
    assert tally.by_hour[-1].open_files < MOST_FILES


@pytest.mark.parametrize(
    ("promise", "changes"),
    [
        pytest.param("recent life", {"recent_life_ms": 7_200_000}, id="recent data kept too long"),
        pytest.param("hole", {"stores_interval_ms": 0}, id="nobody looks at the stores"),
    ],
)
async def test_a_proxy_that_breaks_a_promise_is_found(promise: str, changes: dict[str, Any]) -> None:
    chance = random.Random(2)
    gone = [Absence("ruler", 0, START_MS, START_MS, START_MS + MINUTE_MS)] if promise == "hole" else []
    sky = Sky(World(draw_batches(chance, 1)), Views(1, tuple(gone)), SoakClock())
    async with told(sky, (), **changes) as run:
        run.panels = draw_panels(chance)
        broken = run.clients.tally.broken
        for _ in range(30):
            await run.live(2)
            if broken[promise]:
                return
        raise AssertionError(broken)
