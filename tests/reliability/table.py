"""Runs all scenarios and writes docs/reliability.md: what fails, what clients saw, how long.

python -m tests.reliability.table                          all, some ten minutes
python -m tests.reliability.table --only killed paused     these faults; saved, not written
python -m tests.reliability.table --from FILE              the page anew, of a saved run
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.machine import Progress, interruptible, this_machine
from scripts.settings_table import with_tables
from tests.reliability.faults import FAULTS
from tests.reliability.figures import figures
from tests.reliability.report import sections
from tests.reliability.results import Results, read, save
from tests.reliability.scenario import FLEET, Pace, Stage
from tests.thanos.cluster import ThanosCluster
from tests.thanos.samples import sample_series
from tests.thanos.timeline import HOUR_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.reliability.faults import Fault

PAGE = Path("docs/reliability.md")
SIZES = (1, FLEET)


def measure(faults: Sequence[Fault], pace: Pace) -> Results:
    """Every fault, with one upstream and with three."""
    machine, progress, rows = this_machine(), Progress(), []
    end_ms = int(time.time() * 1000) // HOUR_MS * HOUR_MS
    with ThanosCluster(sample_series(end_ms), end_ms=end_ms) as cluster, Stage(cluster, pace) as stage:
        for upstreams in SIZES:
            for fault in faults:
                row = figures(stage.run(fault, upstreams))
                rows.append(row)
                progress.say(
                    f"{fault.name}, {upstreams}: {sum(row.failed.values())} failed, "
                    f"p99 {row.slowdown:.1f} times, {row.wrong} and {row.not_right_again} wrong"
                )
    return Results(machine, progress.took_s, pace.per_s, rows)


def write(results: Results, page: Path = PAGE) -> None:
    """Bring the page up to date.

    Raises:
        ValueError: a table's comments are missing from it.
    """
    page.write_text(with_tables(page.read_text("utf-8"), sections(results)), "utf-8")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="tests.reliability.table", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[one.name for one in FAULTS], default=[])
    parser.add_argument("--from", dest="saved", type=Path, help="write the page from this file")
    options = parser.parse_args(arguments)
    if options.saved:
        write(read(options.saved))
        return
    results = measure([one for one in FAULTS if not options.only or one.name in options.only], Pace())
    sys.stdout.write(f"{save(results)}\n")
    if not options.only:
        write(results)


if __name__ == "__main__":
    interruptible(lambda: main(sys.argv[1:]))
