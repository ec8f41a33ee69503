"""What is wrong, worst first: rules over a snapshot. Pure.

A rule says what is so at one moment. Whether it has been so for long enough to be told, and is told on
for a while, is `watchman`'s affair.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from proxy.status import kept_rules, load_rules, upstream_rules
from proxy.status.snapshot import Finding, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

Rule = Callable[[Snapshot], Iterator[Finding]]

FAULTS = (
    "all_upstreams_dead",
    "no_memory",
    "queue_stuck",
    "query_of_death",
    "loop_blocked",
    "hot_tenant",
    "errors",
    "store_lost",
    "upstream_dead",
    "upstream_slow",
    "queue_long",
    "clock_skew",
    "tier_hung",
    "bad_reload",
    "slow",
    "writes_dropped",
    "dns_failing",
    "cache_too_small",
    "stores_unseen",
)
"""All that can be found, by their names in `thanoxy_findings`."""

_RULES: tuple[Rule, ...] = (
    upstream_rules.addresses,
    upstream_rules.clocks,
    upstream_rules.lookups,
    upstream_rules.stores,
    load_rules.queue,
    load_rules.memory,
    load_rules.queries,
    load_rules.loop,
    load_rules.answers,
    kept_rules.tiers,
    kept_rules.cache,
    kept_rules.files,
)
_CAUSES = {
    "all_upstreams_dead", "no_memory", "queue_stuck", "queue_long", "query_of_death", "loop_blocked",
    "hot_tenant", "store_lost", "upstream_dead", "upstream_slow",
}  # fmt: skip
_SYMPTOM_WEIGHT = {"errors": 15, "slow": 12}
"""Where a cause is found, what it leads to stands behind it."""


def find(now: Snapshot) -> tuple[Finding, ...]:
    """What is wrong at this moment."""
    return in_order(finding for rule in _RULES for finding in rule(now))


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Worst first, each fault of a subject once; symptoms behind what explains them."""
    found = {(one.fault, one.subject): one for one in findings}
    has_cause = any(fault in _CAUSES for fault, _ in found)
    weighed = [_weighed(one, has_cause) for one in found.values()]
    return tuple(sorted(weighed, key=lambda one: (-one.weight, one.fault, one.subject)))


def _weighed(one: Finding, has_cause: bool) -> Finding:
    if not has_cause or one.fault not in _SYMPTOM_WEIGHT:
        return one
    return dataclasses.replace(one, weight=_SYMPTOM_WEIGHT[one.fault])
