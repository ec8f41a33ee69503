"""What the cache saved, from two readings of its counters."""

from __future__ import annotations

from prometheus_client.exposition import generate_latest

from proxy.load.saved import Saved, read_counters, saved_between
from proxy.telemetry.metrics import STEPS
from proxy.telemetry.registry import REGISTRY
from tests.load.servers import COUNTERS


def reading(requested: float, hit: float, fetched: float) -> dict[str, float]:
    found = read_counters(COUNTERS.format(requested=requested, hit=hit, fetched=fetched))
    assert found is not None
    return found


def test_the_difference_of_two_readings_is_what_the_run_cost() -> None:
    saved = saved_between(reading(100, 50, 50), reading(1.1e3, 1_000.0, 100))
    assert saved == Saved(1_000, 950, 50, 0, 0, 0)
    assert saved.share == 0.95


def test_all_counters_are_read() -> None:
    assert reading(1, 2, 3) == {
        "requested": 1,
        "hit": 2,
        "fetched": 3,
        "splits": 3,
        "whole": 0,
        "received_bytes": 1_500,
    }


def test_the_counters_are_those_that_thanoxy_shows() -> None:
    before = read_counters(_exposition())
    STEPS.labels("requested").inc(40)
    STEPS.labels("hit").inc(30)
    STEPS.labels("fetched").inc(10)
    saved = saved_between(before, read_counters(_exposition()))
    assert isinstance(saved, Saved)
    assert (saved.requested, saved.hit, saved.fetched, saved.share) == (40, 30, 10, 0.75)


def _exposition() -> str:
    for event in ("requested", "hit", "fetched"):
        STEPS.labels(event)
    return generate_latest(REGISTRY).decode()


def test_a_target_without_these_counters_has_nothing_to_tell() -> None:
    assert read_counters("up 1\nthanoxy_other_total 5\n") is None
    assert read_counters("<html>") is None
    assert saved_between(None, reading(1, 1, 1)) == saved_between(reading(1, 1, 1), None)
    assert str(saved_between(None, None)).startswith("not available: the target shows no")


def test_counters_that_went_back_are_not_believed() -> None:
    saved = saved_between(reading(100, 50, 50), reading(10, 5, 5))
    assert saved == "not available: the counters went back (a restart, or one of several processes)"


def test_a_number_that_is_none_is_passed_over() -> None:
    assert read_counters('thanoxy_cache_steps_total{event="requested"} 1.2.3\n') is None


def test_without_steps_there_is_no_share() -> None:
    assert Saved(0, 0, 0, 0, 5, 100).share is None
