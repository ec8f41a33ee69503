"""Finished runs to show, without a server."""

from __future__ import annotations

from proxy.load.result import RunResult, TargetResult
from proxy.load.saved import Saved
from proxy.load.tally import TIMEOUT, Outcome, Tally
from proxy.load.workload import Question, Window, Workload

EVIL = "<script>alert('&')</script>"
QUESTION = Question("panel A", "sum(up)", Window(3_600_000, 15_000))
SAVED = Saved(requested=1_000, hit=950, fetched=50, splits=4, whole=1, received_bytes=12_000)


def workload(*questions: Question, turn_ms: float = 1_000.0) -> Workload:
    """All questions at once in every turn."""
    asked = questions or (QUESTION,)
    return Workload("a dashboard", asked, (0.0,) * len(asked), turn_ms)


def tally(*outcomes: Outcome, duration_ms: float = 10_000.0) -> Tally:
    """A tally of these."""
    counted = Tally(duration_ms)
    for outcome in outcomes:
        counted.add(outcome)
    return counted


def ok(planned_ms: float, took_ms: float, cache: str = "hit") -> Outcome:
    """A good answer of 1,000 bytes."""
    return Outcome(0, planned_ms, took_ms, size_bytes=1_000, cache=cache)


def failed(planned_ms: float, kind: str = "status 500", detail: str = "oh") -> Outcome:
    """A request without a good answer."""
    took_ms = 5_000.0 if kind == TIMEOUT else 1.0
    return Outcome(0, planned_ms, took_ms, failure=kind, detail=detail)


def result(*tallies: Tally, saved: Saved | str = SAVED, name: str = "http://one") -> RunResult:
    """A run of ten seconds, with a target for each tally."""
    names = [name, *(f"http://other-{number}" for number in range(1, len(tallies)))]
    targets = [TargetResult(n, t, saved) for n, t in zip(names, tallies, strict=True)]
    facts = (("users", "3"), ("headers", "Accept-Encoding"))
    return RunResult(workload(), tuple(targets), "2026-01-02T03:04:05", 10_000.0, facts)
