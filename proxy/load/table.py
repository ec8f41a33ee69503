"""The end of a run on the terminal: one table for all targets, then what it does not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.load.result import COLUMNS, failure_rows, ratio_cells, summary_cells, warnings
from proxy.load.saved import Saved
from proxy.load.units import count, share, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.load.result import RunResult

_MOST_DETAIL = 160


def result_text(result: RunResult, *, with_ratios: bool) -> str:
    """All of it, ending with a line feed."""
    rows: list[tuple[str, ...]] = [("target", *COLUMNS)]
    for number, target in enumerate(result.targets):
        rows.append((target.name, *summary_cells(result, target)))
        if with_ratios and number:
            rows.append(("  against the first", *ratio_cells(result.targets[0], target)))
    lines = [*aligned(rows), ""]
    for target in result.targets:
        for kind, number_of, detail in failure_rows(target.tally):
            lines.append(f"{target.name}: {number_of} x {kind}{_example(detail)}")
        lines.append(f"{target.name}: upstream work saved: {saved_text(target.saved)}")
    lines += [f"note: {note}" for note in (*warnings(result.targets), *result.notes)]
    return "\n".join(lines) + "\n"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns under each other; the first and the last to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 1
    return [
        "  ".join(
            cell.ljust(width) if number in {0, last} else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def saved_text(saved: Saved | str) -> str:
    """What the cache saved, in a few words."""
    if not isinstance(saved, Saved):
        return saved
    asked = f"{count(saved.splits)} splits and {count(saved.whole)} whole queries"
    received = f"{asked}, {size(saved.received_bytes)} received from the upstream"
    if saved.share is None:
        return f"no steps of range queries were requested ({received})"
    return (
        f"{share(saved.share)} of {count(saved.requested)} steps "
        f"({count(saved.hit)} held, {count(saved.fetched)} fetched; {received})"
    )


def _example(detail: str) -> str:
    text = "".join(c if c.isprintable() else " " for c in detail)
    text = " ".join(text.split())
    return f" (first: {text[:_MOST_DETAIL]})" if text else ""
