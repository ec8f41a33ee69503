"""What a run has found: counts, violations, and the line of JSON that sums it up."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.soak.clock import START_MS

if TYPE_CHECKING:
    from tests.soak.measures import Taken

MB = 1 << 20
DOCUMENTED = frozenset({"damaged whole"})
"""A known limit that `docs/upstreams.md` tells and `test_found` shows: a body passed on unread."""
MOST_TOLD = 8
SETTLED_HOUR = 4
MOST_GROWTH = 1.05
"""Memory at the end against memory after `SETTLED_HOUR`."""
MOST_MORE = 60
"""Tasks and open files more than then: idle connections come and go, and have one of each."""
_HELD = re.compile(r"steps=(\d+); held=(\d+)")


@dataclass(frozen=True, slots=True)
class Violation:
    """A request whose answer was wrong."""

    now_ms: int
    request: str
    what: str
    hint: str = ""
    promise: str = "equal"

    def __str__(self) -> str:
        minutes, seconds = divmod((self.now_ms - START_MS) // 1000, 60)
        clock = f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
        told = (f"{self.promise}, after {clock} ({self.now_ms}): {self.request}", self.what, self.hint)
        return "\n    ".join(told)


@dataclass(slots=True)
class Tally:
    """Counts of a run."""

    seed: int
    queries: int = 0
    answered: int = 0
    kept: int = 0
    stale: int = 0
    left: int = 0
    broken_off: int = 0
    damaged: int = 0
    stalled: int = 0
    steps: int = 0
    steps_held: int = 0
    failed: Counter[int] = field(default_factory=Counter)
    failed_by_kind: Counter[str] = field(default_factory=Counter)
    failed_beside_well: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    broken: Counter[str] = field(default_factory=Counter)
    by_hour: list[Taken] = field(default_factory=list)

    def wrong(self, violation: Violation) -> None:
        """Count a violation; the first few of each promise are told."""
        self.broken[violation.promise] += 1
        if self.broken[violation.promise] <= MOST_TOLD:
            self.violations.append(violation)

    def count_held(self, header: str, steps: int) -> None:
        """How much of an answer the cache held, by its header."""
        self.found[header.partition(";")[0]] += 1
        self.steps += steps
        if header == "hit":
            self.steps_held += steps
        elif told := _HELD.search(header):
            self.steps_held += int(told[2])

    @property
    def violated(self) -> int:
        """How many answers were wrong beyond the known limits."""
        return sum(count for promise, count in self.broken.items() if promise not in DOCUMENTED)

    def growth(self) -> str:
        """What has grown since the run had settled, "" if nothing has."""
        if len(self.by_hour) <= SETTLED_HOUR:
            return ""
        settled, end = self.by_hour[SETTLED_HOUR], self.by_hour[-1]
        found = []
        if end.rss_bytes > settled.rss_bytes * MOST_GROWTH:
            found.append(f"memory: {settled.rss_bytes / MB:.1f} to {end.rss_bytes / MB:.1f} MB")
        if end.tasks > settled.tasks + MOST_MORE:
            found.append(f"tasks: {settled.tasks} to {end.tasks}")
        if end.open_files > settled.open_files + MOST_MORE:
            found.append(f"open files: {settled.open_files} to {end.open_files}")
        return "; ".join(found)

    def summary(self, hours: float, took_s: float, struck: Counter[str]) -> dict[str, Any]:
        settled = self.by_hour[min(SETTLED_HOUR, len(self.by_hour) - 1)]
        return {
            "seed": self.seed,
            "hours": hours,
            "took_s": round(took_s, 1),
            "queries": self.queries,
            "answered": self.answered,
            "answered_from_kept": self.kept,
            "answered_stale": self.stale,
            "failed": {str(status): count for status, count in sorted(self.failed.items())},
            "left": self.left,
            "broken_off": self.broken_off,
            "passed_on_damaged": self.damaged,
            "late_by_stall": self.stalled,
            "violations": self.violated,
            "broken_promises": dict(self.broken),
            "growth": self.growth(),
            "hit_ratio": round(self.steps_held / max(self.steps, 1), 4),
            "cache": dict(self.found),
            "rss_mb": [round(taken.rss_bytes / MB, 1) for taken in self.by_hour],
            "kept_mb": [round(taken.kept_bytes / MB, 1) for taken in self.by_hour],
            "rss_mb_settled": round(settled.rss_bytes / MB, 1),
            "rss_mb_end": round(self.by_hour[-1].rss_bytes / MB, 1),
            "tasks": [self.by_hour[0].tasks, settled.tasks, self.by_hour[-1].tasks],
            "open_files": [settled.open_files, self.by_hour[-1].open_files],
            "failed_by_kind": dict(self.failed_by_kind.most_common()),
            "failed_beside_a_well_replica": dict(self.failed_beside_well.most_common()),
            "faults_met": dict(struck.most_common()),
        }
