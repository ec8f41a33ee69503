"""What a cache in front of the upstream saved, from thanoxy's own metrics before and after a run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

STEPS = "thanoxy_cache_steps_total"
_COUNTERS = {
    "requested": f'{STEPS}{{event="requested"}}',
    "hit": f'{STEPS}{{event="hit"}}',
    "fetched": f'{STEPS}{{event="fetched"}}',
    "splits": "thanoxy_split_queries_total",
    "whole": "thanoxy_whole_queries_total",
    "received_bytes": "thanoxy_upstream_received_bytes_total",
}
_LINE = re.compile(r"^(thanoxy_\w+(?:\{[^}\n]*\})?) ([0-9.eE+]+)", re.ASCII | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Saved:
    """Steps of range queries: requested by clients, of them held, fetched from the upstream.

    And what was asked of the upstream for it. Other clients of the target are in it too.
    """

    requested: int
    hit: int
    fetched: int
    splits: int
    whole: int
    received_bytes: int

    @property
    def share(self) -> float | None:
        """Of the steps requested, the share not asked of the upstream; None if none was requested.

        Negative when more was fetched than asked for, as when pieces are widened.
        """
        return 1 - self.fetched / self.requested if self.requested else None


def read_counters(text: str) -> dict[str, float] | None:
    """Thanoxy's counters in a Prometheus exposition; None where they are not in it."""
    found = {name: float(value) for name, value in _LINE.findall(text) if _is_number(value)}
    if _COUNTERS["requested"] not in found:
        return None
    return {short: found.get(name, 0.0) for short, name in _COUNTERS.items()}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def saved_between(before: Mapping[str, float] | None, after: Mapping[str, float] | None) -> Saved | str:
    """The difference, or why there is none."""
    if before is None or after is None:
        return f"not available: the target shows no {STEPS} at /metrics"
    if any(after[name] < before[name] for name in before):
        return "not available: the counters went back (a restart, or one of several processes)"
    return Saved(**{name: round(after[name] - before[name]) for name in before})
