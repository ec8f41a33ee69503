"""The gauges of the parts, written once a second from what was collected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.status.findings import FAULTS
from proxy.status.own_memory import own_memory_bytes
from proxy.telemetry import signals
from proxy.telemetry.registry import drop

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.status.collect import Parts
    from proxy.status.snapshot import Address, Finding

_STATES = ("closed", "half_open", "open")
_OF_ADDRESSES = (signals.ADDRESS_SLOWNESS, signals.ADDRESS_LATENCY, signals.CLOCK_SKEW)


class Gauges:
    """Remembers which addresses have gauges, in order to take them back."""

    def __init__(self) -> None:
        self._urls: set[str] = set()

    def show(self, parts: Parts, findings: Iterable[Finding]) -> None:
        """Write all of them."""
        self._show_addresses(parts["addresses"])
        queue, memory, cache = parts["queue"], parts["memory"], parts["cache"]
        signals.QUEUE_RUNNING.set(queue.running)
        signals.QUEUE_MOST.set(queue.most)
        signals.MEMORY_MOST.set(memory.most_bytes)
        signals.CACHE_MOST.set(cache.most_bytes)
        signals.CACHE_EXTENTS.set(cache.extents)
        for tier in parts["tiers"]:
            for what in ("reads", "writes"):
                is_left = tier.state in {"left alone", f"{what} left alone"}
                signals.TIER_LEFT_ALONE.labels(tier.name, what).set(is_left)
        if (age_ms := parts["stores_age_ms"]) is not None:
            signals.STORES_LOOK_AGE.set(age_ms / 1000)
        signals.WORKERS.set(1)
        signals.OWN_MEMORY.set(own_memory_bytes())
        show_findings(findings)

    def _show_addresses(self, addresses: tuple[Address, ...]) -> None:
        urls = {one.url for one in addresses}
        for gone in self._urls - urls:
            _take_back(gone)
        self._urls = urls
        for one in addresses:
            for state in _STATES:
                signals.ADDRESS_STATE.labels(one.url, state).set(one.state == state)
            signals.ADDRESS_SLOWNESS.labels(one.url).set(one.slowness)
            if one.latency_ms is not None:
                signals.ADDRESS_LATENCY.labels(one.url).set(one.latency_ms / 1000)
            if one.skew_ms is not None:
                signals.CLOCK_SKEW.labels(one.url).set(one.skew_ms / 1000)


def show_findings(findings: Iterable[Finding]) -> None:
    """1 for each fault that is found, 0 for the others."""
    found = {one.fault for one in findings}
    for fault in FAULTS:
        signals.FINDINGS.labels(fault).set(fault in found)


def _take_back(url: str) -> None:
    for state in _STATES:
        drop(signals.ADDRESS_STATE, url, state)
    for gauge in _OF_ADDRESSES:
        drop(gauge, url)
