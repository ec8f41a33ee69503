"""Metrics are up to date whenever they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, generate_latest

from proxy.telemetry.registry import METRICS_VARIABLE, Registry, drop, reading

if TYPE_CHECKING:
    import pytest


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


def test_a_child_that_is_dropped_is_gone_or_claims_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry()
    busy = Gauge("busy", "Addresses.", ["url"], registry=registry)
    failed = Counter("failed", "Failures.", ["url"], registry=registry)
    for url in ("a", "b"):
        busy.labels(url).set(5)
        failed.labels(url).inc()
    drop(busy, "a")
    drop(failed, "a")
    drop(failed, "never seen")
    assert registry.get_sample_value("busy", {"url": "a"}) is None
    assert registry.get_sample_value("failed_total", {"url": "a"}) is None
    monkeypatch.setenv(METRICS_VARIABLE, "/of/several/processes")
    drop(busy, "b")
    drop(failed, "b")
    assert registry.get_sample_value("busy", {"url": "b"}) == 0
    assert registry.get_sample_value("failed_total", {"url": "b"}) == 1
