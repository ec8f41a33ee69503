"""Users who look at a dashboard, by the machinery of `thanoxy-load`, in a process of its own.

    python -m benchmarks.open_loop OPTIONS OF THANOXY-LOAD

Prints one line of JSON, an `Outcome`. Requests are planned before the run and sent at their times; a
latency runs from the planned time on (docs/load-testing.md).
"""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from benchmarks.asked import samples_asked
from benchmarks.machine import started_on
from benchmarks.selectors import METRIC
from proxy.load import LoadError
from proxy.load.options import parse_options
from proxy.load.progress import ProgressLine
from proxy.load.run import run_load
from proxy.load.source import read_workload

if TYPE_CHECKING:
    from collections.abc import Sequence

_ONE = METRIC + '{{instance="10.0.{0}.{1}:9100"}}'
_PANELS = (
    *(_ONE.format(2, number) for number in range(4)),
    *(f'{METRIC}{{instance=~"10.0.1.1{number}[1-3]:9100"}}' for number in range(3)),
    f'sum by (group) ({METRIC}{{group=~"g0[0-2]"}})',
    f'max by (instance) (max_over_time({METRIC}{{instance=~"10.0.3.[0-9]:9100"}}[5m]))',
    f'{METRIC}{{group="g07"}}',
)
"""Four lines alone, three times three, sums over 120 series, ten maxima, forty lines."""


@dataclass(frozen=True)
class Users:
    """How many look, how often they refresh, for how long. The clock they look at begins at `end_s`."""

    count: int
    refresh: str
    seconds: int
    end_s: int


@dataclass(frozen=True)
class Outcome:
    """samples: what the planned requests ask for; busy, late: see `results.Crowd`."""

    requests: int
    errors: int
    failures: dict[str, int]
    answered_per_s: float
    median_ms: float
    p99_ms: float
    most_ms: float
    late: int
    busy: float
    samples: int


def dashboard() -> str:
    """As Grafana would save it: ten panels, all of the benchmark's samples."""
    panels = [
        {"id": number, "title": f"panel {number}", "gridPos": {"w": 12}, "targets": [{"expr": expr}]}
        for number, expr in enumerate(_PANELS, 1)
    ]
    return json.dumps({"title": "benchmark", "uid": "benchmark", "panels": panels})


def open_loop(url: str, users: Users, cores: set[int]) -> Outcome:
    """The load from a process of its own, on these processors."""
    with tempfile.TemporaryDirectory(prefix="thanoxy-bench-") as folder:
        file = Path(folder) / "dashboard.json"
        file.write_text(dashboard())
        command = [sys.executable, "-m", "benchmarks.open_loop", *_options(url, users, file)]
        with started_on(cores):
            done = subprocess.run(
                command, stdout=subprocess.PIPE, timeout=users.seconds + 120, check=True
            )
    return Outcome(**json.loads(done.stdout))


def _options(url: str, users: Users, file: Path) -> list[str]:
    return [
        f"--target={url}",
        f"--dashboard={file}",
        f"--users={users.count}",
        f"--refresh={users.refresh}",
        f"--duration={users.seconds}s",
        f"--end={users.end_s}",
        "--range=6h",
        "--scrape-interval=60s",
        "--timeout=10s",
        "--in-flight=1000",
        "--method=GET",
    ]


def main(arguments: Sequence[str]) -> None:
    try:
        options = parse_options(arguments)
        workload = read_workload(options)
        result = uvloop.run(run_load(options, workload, ProgressLine(io.StringIO())))
    except LoadError as error:
        raise SystemExit(str(error)) from error
    tally = result.targets[0].tally
    used = resource.getrusage(resource.RUSAGE_SELF)
    samples = sum(
        asked.requests * samples_asked(f"{question.path}?{question.form(options.end_ms)}")
        for index, asked in tally.questions.items()
        for question in [workload.questions[index]]
    )
    outcome = Outcome(
        requests=tally.all.requests,
        errors=tally.all.failures,
        failures=dict(tally.failures),
        answered_per_s=tally.answered_per_s(result.ran_ms),
        median_ms=tally.all.latency.percentile(50),
        p99_ms=tally.all.latency.percentile(99),
        most_ms=tally.all.latency.high,
        late=tally.late,
        busy=(used.ru_utime + used.ru_stime) / (result.ran_ms / 1e3),
        samples=samples,
    )
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main(sys.argv[1:])
