"""`thanoxy-load`: the command line to a run, and the run to what is shown and written."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import uvloop

from proxy.load import LoadError
from proxy.load.hgrm import hgrm
from proxy.load.options import parse_options
from proxy.load.progress import ProgressLine
from proxy.load.report import report_page
from proxy.load.run import run_load
from proxy.load.schedule import expected_requests
from proxy.load.source import read_workload
from proxy.load.table import aligned, result_text
from proxy.load.units import count

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from proxy.load.options import Options
    from proxy.load.result import RunResult
    from proxy.load.workload import Workload

NOTHING_ANSWERED, UNUSABLE, INTERRUPTED = 1, 2, 128 + signal.SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, 1 if a target answered nothing, 2 for what cannot be used, 130."""
    try:
        options = parse_options(sys.argv[1:] if arguments is None else arguments)
        workload = read_workload(options)
        if options.dry_run:
            sys.stdout.write(plan_text(options, workload))
            return 0
        result = uvloop.run(run_load(options, workload, ProgressLine(sys.stderr)))
        sys.stdout.write(result_text(result, with_ratios=options.compare_baseline))
        write_files(options, result)
    except LoadError as error:
        sys.stderr.write(f"thanoxy-load: {error}\n")
        return UNUSABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    if result.interrupted:
        return INTERRUPTED
    return 0 if all(t.tally.answered for t in result.targets) else NOTHING_ANSWERED


def plan_text(options: Options, workload: Workload) -> str:
    """What would be asked."""
    rows = [("question", "range", "step", "expression")]
    for question in workload.questions:
        window = question.window
        step = f"{window.step_ms / 1000:g}s" if window.step_ms else "instant"
        rows.append((question.name, f"{window.range_ms / 1000:g}s", step, question.expr))
    number = expected_requests(workload, options.users, options.duration_ms)
    lines = [*aligned(rows), "", f"some {count(number)} requests to each target"]
    lines += [f"note: {note}" for note in workload.notes]
    return "\n".join(lines) + "\n"


def write_files(options: Options, result: RunResult) -> None:
    """The report and the histograms, where they are wanted."""
    if options.report is not None:
        page = report_page(result, with_ratios=options.compare_baseline)
        _write(options.report, page)
    if options.hgrm is None:
        return
    for number, target in enumerate(result.targets, 1):
        path = options.hgrm
        if len(result.targets) > 1:
            path = path.with_name(f"{path.stem}-{number}{path.suffix}")
        _write(path, hgrm(target.tally.all.latency))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise LoadError(f"{path}: {error.strerror}") from error
    sys.stdout.write(f"written: {path}\n")


if __name__ == "__main__":
    sys.exit(main())
