"""Writes a run of the workers into docs/benchmarks.md, with the marks that it is held against.

python -m benchmarks.workers_text [--workers RUN]    a number or a file; default: the newest
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.marks import Mark, times
from benchmarks.quantiles import median, three_digits
from benchmarks.results import FOLDER, find, read_workers
from benchmarks.tables import machine_text, markdown, marks_table
from benchmarks.workers import HITS, MEMORY, RESTART, THROUGHPUT, TOGETHER
from scripts.settings_table import with_tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.results import Workers, WorkersRun

PAGE = Path("docs/benchmarks.md")
_LEAST_GROWTH = 1.8
_MOST_LOST_HITS = 0.02
_MOST_MEMORY = 1.3
_LEAST_RESTART = 10.0
_FOUR = 4
_RATES = (("per_s", "as they are"), ("left", "for what the generator left"))
_QUIET = 0.15
"""Of the processors, used by others: with more, only processor time says something of throughput."""


def section(run: WorkersRun) -> str:
    """The tables of all parts that were run."""
    parts = (
        machine_text(run.machine, is_quick=run.is_quick, took_s=run.took_s, what="Workers"),
        "".join(f"* {note}\n" for note in run.notes),
        marks_table(list(worker_marks(run))),
        _throughput_table(run),
        _hits_table(run),
        _memory_table(run),
        _together_table(run),
    )
    return "\n".join(part for part in parts if part)


def worker_marks(run: WorkersRun) -> Iterator[Mark]:
    """Of what was run."""
    yield from _growth_marks(run)
    if found := _rows(run, HITS):
        one, four = (one.values["ratio"] for one in sorted(found, key=lambda row: row.count))
        wanted = f"within {_MOST_LOST_HITS:.0%} of one worker's"
        is_met = one - four <= _MOST_LOST_HITS
        yield Mark("steps that are hits", "4 workers", wanted, f"{four:.2%} ({one:.2%})", is_met)
    yield from _memory_marks(run)
    if found := _rows(run, RESTART):
        cold, restarted = (median([row.values[key] for row in found]) for key in ("cold", "restarted"))
        ratio = cold / restarted
        shown = f"{times(ratio)} ({three_digits(cold)} to {three_digits(restarted)} ms)"
        wanted = f"≥ {_LEAST_RESTART:g} x as fast as cold"
        is_met = ratio >= _LEAST_RESTART
        yield Mark("46 MB first after a restart", "`--cache.dir`", wanted, shown, is_met)


def _growth_marks(run: WorkersRun) -> Iterator[Mark]:
    found = {count: _throughput(run, count) for count in (1, 2)}
    if not all(found.values()):
        return
    wanted = f"≥ {_LEAST_GROWTH:g} x one worker"
    is_quiet = run.machine.busy <= _QUIET
    for key, name in _RATES if is_quiet else ():
        ratio = found[2][key] / found[1][key]
        is_met = ratio >= _LEAST_GROWTH
        yield Mark(f"requests a second, {name}", "2 workers", wanted, times(ratio), is_met)
    ratio = 2 * found[2]["each_s"] / found[1]["each_s"]
    is_met = ratio >= _LEAST_GROWTH
    yield Mark("requests, 2 x a worker's second", "2 workers", wanted, times(ratio), is_met)


def _throughput(run: WorkersRun, count: int) -> dict[str, float]:
    """Medians of all turns; `left`: had the generator needed nothing of the workers' processors."""
    rows = [row.values for row in _rows(run, THROUGHPUT) if row.count == count]
    if not rows:
        return {}
    left = [row["per_s"] * (count / (count - row["generator"]) if count > 1 else 1.0) for row in rows]
    return {
        "per_s": median([row["per_s"] for row in rows]),
        "left": median(left),
        "each_s": median([row["per_s"] / row["used"] for row in rows]),
        "generator": median([row["generator"] for row in rows]),
        "used": median([row["used"] for row in rows]),
    }


def _throughput_table(run: WorkersRun) -> str:
    head = (
        "workers",
        "requests a second",
        "for what the generator left",
        "for a second of a worker",
        "workers used",
        "generator used",
    )
    rows = [
        (
            str(count),
            *(three_digits(found[key]) for key in ("per_s", "left", "each_s")),
            *(f"{found[key]:.2f} cores" for key in ("used", "generator")),
        )
        for count in (1, 2)
        if (found := _throughput(run, count))
    ]
    return markdown(head, rows) if rows else ""


def _hits_table(run: WorkersRun) -> str:
    head = ("60 users, workers", "steps that are hits", "requests", "of them to Thanos", "median, ms")
    rows = [
        (
            str(row.count),
            f"{row.values['ratio']:.2%}",
            f"{row.values['requests']:,.0f}",
            f"{row.values['upstream']:,.0f}",
            three_digits(row.values["median_ms"]),
        )
        for row in _rows(run, HITS)
    ]
    return markdown(head, rows) if rows else ""


def _pairs(run: WorkersRun) -> dict[str, dict[int, Workers]]:
    found: dict[str, dict[int, Workers]] = {}
    for row in _rows(run, MEMORY):
        found.setdefault(row.name, {})[row.count] = row
    return {name: pair for name, pair in found.items() if 1 in pair and _FOUR in pair}


def _bare_bytes(run: WorkersRun) -> float:
    return next(p[1].values["pss"] for name, p in _pairs(run).items() if name.startswith("0 "))


def _most_bytes(run: WorkersRun, one: Workers) -> float:
    return _MOST_MEMORY * one.values["pss"] + _FOUR * _bare_bytes(run)


def _memory_marks(run: WorkersRun) -> Iterator[Mark]:
    for name, pair in _pairs(run).items():
        most, found = _most_bytes(run, pair[1]), pair[_FOUR].values["pss"]
        wanted = f"< 1.3 x one + 4 x bare: {most / 1e6:,.0f} MB"
        yield Mark(f"memory, {name}", "4 workers", wanted, f"{found / 1e6:,.0f} MB", found < most)


def _memory_table(run: WorkersRun) -> str:
    head = ("kept", "1 worker, MB", "4 workers, MB", "of that no file, MB", "mark, MB")
    rows = [
        (
            name,
            f"{pair[1].values['pss'] / 1e6:,.0f}",
            f"{pair[_FOUR].values['pss'] / 1e6:,.0f}",
            f"{pair[_FOUR].values['anon'] / 1e6:,.0f}",
            f"{_most_bytes(run, pair[1]) / 1e6:,.0f}",
        )
        for name, pair in _pairs(run).items()
    ]
    return markdown(head, rows) if rows else ""


def _together_table(run: WorkersRun) -> str:
    head = ("new question to 4 workers", "requests to Thanos", "median, ms")
    rows = [
        (row.name, three_digits(row.values["upstream"]), three_digits(row.values["median_ms"]))
        for row in _rows(run, TOGETHER)
    ]
    return markdown(head, rows) if rows else ""


def _rows(run: WorkersRun, part: str) -> list[Workers]:
    return [row for row in run.rows if row.part == part]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workers", default="", metavar="RUN", help="number or file")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where runs are saved")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    run = read_workers(find(options.workers, "workers", options.folder))
    page = options.page
    page.write_text(with_tables(page.read_text("utf-8"), {"workers": section(run)}), "utf-8")
    print(f"written: {page}")


if __name__ == "__main__":
    main()
