"""Writes the tables and plots of docs/benchmarks.md from saved runs: no number is typed by hand.

    python -m benchmarks.report [--peers RUN] [--growth RUN]    a number or a file; default: the newest

What stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->` is overwritten, the rest is left.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.growth import SERIES, STEPS
from benchmarks.growth_text import (
    answers_table,
    cache_table,
    cache_text,
    clients_table,
    clients_text,
    plots,
)
from benchmarks.marks import marks
from benchmarks.results import FOLDER, GrowthRun, PeersRun, find, read_growth, read_peers
from benchmarks.tables import (
    cost_table,
    crowd_table,
    machine_text,
    marks_table,
    memory_table,
    reads_table,
    speed_table,
    throughput_table,
)
from scripts.settings_table import with_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = Path("docs/benchmarks.md")
_NOT_RUN = "This part was not run.\n"


def sections(peers: PeersRun, growth: GrowthRun) -> dict[str, str]:
    """Every generated part of the page, by the name in its comments."""
    found = {
        "peers run": _about(peers, "Peers"),
        "marks": marks_table(marks(peers)),
        "speed": speed_table(peers),
        "throughput": throughput_table(peers) if peers.throughput else "",
        "memory": memory_table(peers) if peers.memory else "",
        "crowd": crowd_table(peers) if peers.crowd else "",
        "reads": reads_table(peers) if peers.reads else "",
        "cost": cost_table(peers.rows),
        "growth run": _about(growth, "Growth"),
        "growth by series": answers_table(growth, SERIES),
        "growth by steps": answers_table(growth, STEPS),
        "growth by clients": f"{clients_text(growth)}\n{clients_table(growth)}",
        "growth by cache": f"{cache_text(growth)}\n{cache_table(growth)}",
    }
    return {name: text if text.strip() else _NOT_RUN for name, text in found.items()}


def _about(run: PeersRun | GrowthRun, what: str) -> str:
    text = machine_text(run.machine, is_quick=run.is_quick, took_s=run.took_s, what=what)
    notes = "".join(f"* {note}\n" for note in run.notes)
    return f"{text}\nNotes of the run:\n\n{notes}" if notes else text


def write(page: Path, peers: PeersRun, growth: GrowthRun) -> list[Path]:
    """The page, and the plots beside it; what was written.

    Raises:
        ValueError: a section's comments are missing from the page.
    """
    page.write_text(with_tables(page.read_text("utf-8"), sections(peers, growth)), "utf-8")
    written = [page]
    for name, text in plots(growth).items():
        path = page.parent / "benchmarks" / f"{name}.svg"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        written.append(path)
    return written


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--peers", default="", metavar="RUN", help="number or file")
    parser.add_argument("--growth", default="", metavar="RUN", help="number or file")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where runs are saved")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    peers = read_peers(find(options.peers, "peers", options.folder))
    growth = read_growth(find(options.growth, "growth", options.folder))
    for path in write(options.page, peers, growth):
        print(f"written: {path}")


if __name__ == "__main__":
    main()
