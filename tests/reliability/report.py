"""Results → the generated parts of docs/reliability.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.tables import machine_text
from tests.reliability.faults import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.reliability.faults import Fault
    from tests.reliability.figures import Figures
    from tests.reliability.results import Results

HEAD = (
    "fault",
    "failed",
    "longest run of failures",
    "p50, p99 before",
    "p99 in the first second",
    "p99 from then on",
    "healthy after",
    "with a warning",
    "holes",
    "wrong",
    "wrong when all is over",
)
MARK = "mark"
NOT_RUN = "This part was not run.\n"


def sections(results: Results) -> dict[str, str]:
    """By the names in the comments of the page."""
    return {
        "reliability run": about(results),
        "one upstream": table(results.rows, 1),
        "three upstreams": table(results.rows, 3),
    }


def about(results: Results) -> str:
    text = machine_text(results.machine, is_quick=False, took_s=results.took_s, what="Measured on")
    requests = max((row.requests for row in results.rows), default=0)
    return f"{text}{requests} requests in each row, {results.per_s:g} a second.\n"


def table(rows: Sequence[Figures], upstreams: int) -> str:
    """A row for each fault; with several upstreams also whether the mark is met."""
    found = {row.fault: row for row in rows if row.upstreams == upstreams}
    measured = [(fault, found[fault.name]) for fault in FAULTS if fault.name in found]
    if not measured:
        return NOT_RUN
    marks = (MARK,) if upstreams > 1 else ()
    head = (*HEAD, *marks)
    rule = ["---", *("---:" for _ in head[1:])]
    body = [(*cells(fault, row), *(mark(fault, row) for _ in marks)) for fault, row in measured]
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, rule, *body))


def cells(fault: Fault, row: Figures) -> Iterator[str]:
    yield fault.meaning
    yield failed(row)
    yield time(row.longest_failure_s) if row.failed else ""
    yield f"{time(row.median_before_s)}, {time(row.p99_before_s)}"
    yield time(row.p99_first_s)
    yield f"{time(row.p99_after_s)} ({row.slowdown:.1f} times)"
    yield healthy(row.healthy_after_s)
    yield str(row.warned)
    yield str(row.holes)
    yield str(row.wrong)
    yield str(row.not_right_again)


def failed(row: Figures) -> str:
    """How many and what they were."""
    kinds = ", ".join(f"{count} of {kind}" for kind, count in row.failed.items())
    return kinds or "0"


def healthy(after_s: float | None) -> str:
    if after_s is None:
        return "not"
    return time(after_s) if after_s else "at once"


def mark(fault: Fault, row: Figures) -> str:
    if not fault.is_of_one:
        return ""
    return "met" if row.meets_the_mark else "**missed**"


def time(seconds: float) -> str:
    """`45 ms`, `1.2 s`."""
    return f"{seconds * 1e3:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"
