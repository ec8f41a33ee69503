"""Saved micro-benchmarks as a table: nanoseconds a point and a series, by stage and size.

    python -m benchmarks.table                     the newest run that `make bench` saved
    python -m benchmarks.table 0003 --against 0001
    python -m benchmarks.table --stat median

A run is named by its number or its file. Figures are of the fastest round, unless told otherwise:
what else a machine does can only add to a round, so the fastest is disturbed the least.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

FOLDER = Path(".benchmarks")
STATS = ("min", "median", "mean")


class Size(NamedTuple):
    """A column: series and steps of the window that a stage worked on."""

    series: int
    steps: int

    def __str__(self) -> str:
        return f"{self.series:,} x {self.steps:,}"


class Figure(NamedTuple):
    """What one call of a stage took; points 0 and size None where neither matters."""

    stage: str
    size: Size | None
    points: int
    seconds: float

    @property
    def key(self) -> tuple[str, Size | None]:
        return self.stage, self.size


class Run(NamedTuple):
    """A saved run: its file's name, what it ran on, and its figures in order."""

    name: str
    machine: str
    figures: tuple[Figure, ...]


def find_run(name: str, folder: Path = FOLDER) -> Path:
    """A run's file by its number or its path; the newest where several fit, or no name is given.

    Raises:
        SystemExit: there is none.
    """
    if name and Path(name).is_file():
        return Path(name)
    saved = sorted(folder.glob("*/*.json"), key=lambda path: path.stat().st_mtime_ns)
    found = [path for path in saved if path.name.startswith(name)]
    if not found:
        numbers = ", ".join(sorted(path.name.partition("_")[0] for path in saved))
        raise SystemExit(f"no run {name!r} in {folder}; there are: {numbers or 'none'}")
    return found[-1]


def read_run(path: Path, stat: str = "min") -> Run:
    """The figures of a file that pytest-benchmark wrote.

    Raises:
        SystemExit: it is not one of these, or holds no stage.
    """
    try:
        saved = json.loads(path.read_text("utf-8"))
        figures = tuple(_figures(saved["benchmarks"], stat))
        machine = _machine(saved["machine_info"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path} is not a run that pytest-benchmark saved: {error!r}") from error
    if not figures:
        raise SystemExit(f"{path} holds no stage of benchmarks/stages")
    return Run(path.stem, machine, figures)


def _machine(info: dict[str, Any]) -> str:
    cpu = info.get("cpu", {})
    python = f"Python {info['python_version']}"
    return f"{cpu.get('count', '?')} x {cpu.get('brand_raw', 'unknown processor')}, {python}"


def _figures(benchmarks: Sequence[dict[str, Any]], stat: str) -> Iterator[Figure]:
    """Those of `benchmarks/stages`, which say what they worked on."""
    for benchmark in benchmarks:
        noted = benchmark["extra_info"]
        if "stage" in noted:
            size = Size(noted["series"], noted["steps"]) if "series" in noted else None
            seconds = benchmark["stats"][stat]
            yield Figure(noted["stage"], size, noted.get("points", 0), seconds)


def report(run: Run, old: Run | None = None) -> str:
    """All tables of a run, and how it compares with an older one."""
    lines = [f"run {run.name}, {run.machine}"]
    if old is not None:
        lines.append(f"against {old.name}, {old.machine}")
    sized = [figure for figure in run.figures if figure.size]
    for group in _alike(sized):
        lines += ["", *_sized_tables(group, old)]
    once = [figure for figure in run.figures if not figure.size]
    if once:
        lines += ["", *_once_table(once, old)]
    return "\n".join(lines)


def _alike(figures: Sequence[Figure]) -> list[list[Figure]]:
    """Figures by the sizes that their stages were measured at: those share their columns."""
    sizes: dict[str, set[Size | None]] = defaultdict(set)
    for figure in figures:
        sizes[figure.stage].add(figure.size)
    groups: dict[frozenset[Size | None], list[Figure]] = defaultdict(list)
    for figure in figures:
        groups[frozenset(sizes[figure.stage])].append(figure)
    return list(groups.values())


def _sized_tables(figures: Sequence[Figure], old: Run | None) -> list[str]:
    sizes = sorted({figure.size for figure in figures if figure.size})
    lines = _grid("ns a point", figures, sizes, lambda f: _digits(f.seconds * 1e9 / (f.points or 1)))
    lines += ["", *_grid("ns a series", figures, sizes, _a_series)]
    if old is not None:
        lines += ["", *_grid("times as long", figures, sizes, _ratios(old))]
    return lines


def _a_series(figure: Figure) -> str:
    return _digits(figure.seconds * 1e9 / figure.size.series) if figure.size else ""


def _ratios(old: Run) -> Callable[[Figure], str]:
    """How many times as long a stage takes now; empty where the older run does not have it."""
    before = {figure.key: figure.seconds for figure in old.figures}
    return lambda f: f"{f.seconds / before[f.key]:.2f}" if before.get(f.key) else ""


def _grid(
    title: str, figures: Sequence[Figure], sizes: Sequence[Size], cell: Callable[[Figure], str]
) -> list[str]:
    """Stages down, sizes across."""
    rows: dict[str, dict[Size | None, str]] = defaultdict(dict)
    for figure in figures:
        rows[figure.stage][figure.size] = cell(figure)
    table = [[stage, *(cells.get(size, "") for size in sizes)] for stage, cells in rows.items()]
    return _aligned([[title, *map(str, sizes)], *table])


def _once_table(figures: Sequence[Figure], old: Run | None) -> list[str]:
    """Stages that cost the same whatever the size of the answer."""
    cells: list[Callable[[Figure], str]] = [lambda f: _digits(f.seconds * 1e9)]
    head = ["once a request", "ns a call"]
    if old is not None:
        cells.append(_ratios(old))
        head.append("times as long")
    return _aligned([head, *([f.stage, *(cell(f) for cell in cells)] for f in figures)])


def _digits(value: float) -> str:
    """Three significant digits or more, without an exponent."""
    places = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{places}f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first column to the left, the others to the right, a rule under the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in rows
    ]
    return [lines[0], "-" * (sum(widths) + 2 * len(widths) - 2), *lines[1:]]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", nargs="?", default="", help="number or file (default: the newest)")
    parser.add_argument("--against", metavar="RUN", help="an older run to compare with")
    parser.add_argument("--stat", choices=STATS, default=STATS[0], help="of the rounds (default: min)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where runs are saved")
    given = parser.parse_args(arguments)
    old = read_run(find_run(given.against, given.folder), given.stat) if given.against else None
    print(report(read_run(find_run(given.run, given.folder), given.stat), old))


if __name__ == "__main__":
    main()
