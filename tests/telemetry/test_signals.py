"""Gauges of several processes are added up as their meaning wants it."""

from __future__ import annotations

import pytest
from prometheus_client import Counter, Gauge

from proxy.telemetry import signals

GAUGES = {name: one for name, one in vars(signals).items() if isinstance(one, Gauge)}


@pytest.mark.parametrize("name", GAUGES)
def test_a_gauge_counts_processes_that_live(name: str) -> None:
    assert GAUGES[name]._multiprocess_mode.startswith("live")


def test_what_processes_share_among_them_is_added_up() -> None:
    summed = {name for name, one in GAUGES.items() if one._multiprocess_mode == "livesum"}
    queue, room = {"QUEUE_RUNNING", "QUEUE_MOST"}, {"MEMORY_MOST", "CACHE_MOST", "CACHE_EXTENTS"}
    assert summed == queue | room | {"WORKERS", "OWN_MEMORY"}


def test_counters_end_in_total() -> None:
    counters = [one for one in vars(signals).values() if isinstance(one, Counter)]
    assert len(counters) == 4
    assert all(one._name.startswith("thanoxy_") for one in counters)
