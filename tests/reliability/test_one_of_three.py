"""With one of three Thanos Queries dead, paused or slow nobody sees an error, or waits for long."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from tests.reliability.faults import fault
from tests.reliability.figures import SLOW_FACTOR, figures
from tests.reliability.scenario import FLEET, Pace, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.thanos.cluster import ThanosCluster

PACE = Pace(fault_s=4.0, end_s=10.0)


@pytest.fixture(scope="module")
def stage(thanos: ThanosCluster) -> Iterator[Stage]:
    with Stage(thanos, PACE) as opened:
        yield opened


@pytest.mark.parametrize(
    "name", ["killed", "paused", "very-late", "silent", "cut", "html", "garbage", "half"]
)
def test_one_of_three_that_fails_is_not_noticed(stage: Stage, name: str) -> None:
    shorter = dataclasses.replace(fault(name), lasts_s=PACE.end_s - PACE.fault_s)
    found = figures(stage.run(shorter, FLEET))
    assert found.requests == PACE.requests
    assert not found.failed, found
    assert found.slowdown < SLOW_FACTOR, found
    assert not found.wrong, found
    assert not found.not_right_again, found


def test_a_fault_of_the_only_upstream_is_seen_by_this_very_harness(stage: Stage) -> None:
    found = figures(stage.run(fault("killed"), 1))
    assert sum(found.failed.values()) > 100
    assert found.longest_failure_s > 3
    assert found.healthy_after_s is None
    assert not found.wrong, found
