"""A finished run: all that the table and the report are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.load.units import count, duration, rate, share, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.load.histogram import Histogram
    from proxy.load.saved import Saved
    from proxy.load.tally import Tally
    from proxy.load.workload import Workload

NONE = "-"
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class TargetResult:
    """What came of one target; `name` is safe to show, `saved` is a sentence if there is nothing."""

    name: str
    tally: Tally
    saved: Saved | str


@dataclass(frozen=True, slots=True)
class RunResult:
    """`ran_ms` is the time in which requests were planned; `facts` are the options, by name."""

    workload: Workload
    targets: tuple[TargetResult, ...]
    started: str
    ran_ms: float
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()
    interrupted: bool = False


COLUMNS = ("requests", "answered", "errors", "p50", "p90", "p99", "p99.9", "max", "received", "cache")


def summary_cells(result: RunResult, target: TargetResult) -> tuple[str, ...]:
    """One target's row under `COLUMNS`."""
    tally = target.tally
    quantiles = [latency_text(tally.all.latency, q) for q in (*PERCENTILES, 100.0)]
    failed = tally.all.failures
    errors = f"{count(failed)} ({share(failed / tally.all.requests)})" if failed else "0"
    return (
        count(tally.all.requests),
        rate(tally.answered_per_s(result.ran_ms)),
        errors,
        *quantiles,
        size(tally.all.size_bytes),
        cache_text(tally),
    )


def latency_text(latency: Histogram, percent: float) -> str:
    """A percentile; a dash where nothing was counted."""
    return duration(latency.percentile(percent)) if latency.total else NONE


def cache_text(tally: Tally) -> str:
    """`hit 97.9 %, partial 2.1 %`; a dash for a target without that header."""
    if set(tally.cache) <= {"no such header"}:
        return NONE
    total = sum(tally.cache.values())
    return ", ".join(f"{name} {share(n / total)}" for name, n in tally.cache.most_common())


def ratio_cells(base: TargetResult, target: TargetResult) -> tuple[str, ...]:
    """How a target's latencies compare with the first one's, under `COLUMNS`."""
    ours, theirs = target.tally.all.latency, base.tally.all.latency
    pairs = [(ours.percentile(q), theirs.percentile(q)) for q in PERCENTILES]
    pairs.append((ours.high, theirs.high))
    cells = [f"x {mine / other:.2f}" if mine and other else NONE for mine, other in pairs]
    return ("", "", "", *cells, "", "")


def slowest(result: RunResult, target: TargetResult, most: int) -> list[tuple[str, ...]]:
    """The questions with the highest p99: name, requests, errors, p50, p99, bytes, expression."""
    found = sorted(target.tally.questions.items(), key=lambda item: -item[1].latency.percentile(99.0))
    rows: list[tuple[str, ...]] = []
    for index, asked in found[:most]:
        question = result.workload.questions[index]
        p50, p99 = (latency_text(asked.latency, q) for q in (50.0, 99.0))
        received = size(asked.size_bytes / asked.requests)
        numbers = (count(asked.requests), count(asked.failures), p50, p99, received)
        rows.append((question.name, *numbers, question.expr))
    return rows


def failure_rows(tally: Tally) -> list[tuple[str, str, str]]:
    """Kind, number and the first example of each kind of failure, most frequent first."""
    return [(kind, count(n), tally.details.get(kind, "")) for kind, n in tally.failures.most_common()]


def warnings(targets: Sequence[TargetResult]) -> list[str]:
    """What a reader must know before believing the numbers."""
    found = []
    for target in targets:
        tally = target.tally
        if tally.late > max(1, tally.all.requests // 100):
            found.append(
                f"{target.name}: {count(tally.late)} requests were sent more than 50 ms late, "
                f"the latest {duration(tally.latest_ms)}, because the load tester itself was busy. "
                "Latencies hold that delay: ask for less, or run several."
            )
        if tally.waited:
            found.append(
                f"{target.name}: {count(tally.waited)} requests waited for a free place, "
                f"{count(tally.most_in_flight)} were in flight (--in-flight)"
            )
        if tally.empty:
            found.append(
                f"{target.name}: {count(tally.empty)} of {count(tally.answered)} answers held no series"
            )
        if tally.unfinished:
            found.append(f"{target.name}: {count(tally.unfinished)} requests were given up at the end")
    return found
