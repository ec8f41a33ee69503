"""What is counted in plain Python ends up in metrics as if it had been counted there."""

from __future__ import annotations

import pytest
from prometheus_client import Counter, Histogram
from prometheus_client.openmetrics.exposition import generate_latest

from proxy.telemetry.registry import Registry
from proxy.telemetry.tallies import Count, Durations

BOUNDS = (0.1, 1.0, 10.0)
VALUES = (0.0, 0.05, 0.1, 0.11, 1.0, 5.0, 10.0, 10.5, 99.0)


@pytest.fixture
def registry() -> Registry:
    return Registry()


def samples(registry: Registry, name: str) -> dict[str, float]:
    """By sample name and bound."""
    return {
        s.name + s.labels.get("le", ""): s.value
        for family in registry.collect()
        if family.name == name
        for s in family.samples
        if not s.name.endswith("_created")
    }


def test_durations_are_what_observing_each_would_have_made(registry: Registry) -> None:
    ours = Histogram("took", "Ours.", ["stage"], buckets=BOUNDS, registry=registry)
    theirs = Registry()
    expected = Histogram("took", "Theirs.", ["stage"], buckets=BOUNDS, registry=theirs)
    tally = Durations(ours, BOUNDS)
    for value in VALUES:
        tally.add("plan", value)
        expected.labels("plan").observe(value)
    tally.carry()
    assert samples(registry, "took") == pytest.approx(samples(theirs, "took"))
    tally.carry()
    assert samples(registry, "took") == pytest.approx(samples(theirs, "took"))


def test_a_traced_duration_is_counted_once_and_is_the_example_of_its_bucket(
    registry: Registry,
) -> None:
    histogram = Histogram("took", "Ours.", ["stage"], buckets=BOUNDS, registry=registry)
    tally = Durations(histogram, BOUNDS)
    tally.add("plan", 0.5)
    tally.add_traced("plan", 0.6, "abc")
    tally.add_traced("plan", 0.7, "def")
    tally.carry()
    found = samples(registry, "took")
    assert (found["took_count"], found["took_bucket1.0"]) == (3, 3)
    assert found["took_sum"] == pytest.approx(1.8)
    text = generate_latest(registry).decode()  # type: ignore[no-untyped-call]
    assert '# {trace_id="def"} 0.7' in text
    assert "abc" not in text


def test_events_are_counted_by_their_labels(registry: Registry) -> None:
    metric = Counter("seen", "Things.", ["handler", "code"], registry=registry)
    tally = Count(metric)
    for code in (200, 200, 500):
        tally.add(("query", code))
    tally.carry()
    tally.carry()
    assert registry.get_sample_value("seen_total", {"handler": "query", "code": "200"}) == 2
    assert registry.get_sample_value("seen_total", {"handler": "query", "code": "500"}) == 1
