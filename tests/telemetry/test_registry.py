"""Metrics are up to date whenever they are read."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, generate_latest

from proxy.telemetry.registry import Registry, reading


def test_who_counts_otherwise_is_asked_before_metrics_are_read() -> None:
    registry = Registry()
    made = Gauge("made", "Things.", registry=registry)
    registry.before_reading(lambda: made.inc(1))
    assert registry.get_sample_value("made") == 1
    assert b"made 2.0" in generate_latest(registry)


def test_a_child_is_read_by_itself() -> None:
    registry = Registry()
    seen = Counter("seen", "Things.", ["colour"], registry=registry)
    seen.labels("red").inc(3)
    seen.labels("blue").inc(4)
    assert reading(seen.labels("red")) == 3
    plain = Gauge("plain", "One.", registry=registry)
    plain.set(-2)
    assert reading(plain) == -2
