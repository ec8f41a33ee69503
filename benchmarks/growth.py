"""How what thanoxy costs grows: with series and points, with clients, with what its cache holds.

    python -m benchmarks.growth [--quick] [--only SECTION …]

The upstream is benchmarks/generated_upstream.py, which answers at once: this measures the proxy. The
run is saved as `.benchmarks/growth-<n>.json`; `python -m benchmarks.report` makes plots and fits of it.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.client import Client
from benchmarks.closed_loop import closed_loop
from benchmarks.generated_upstream import GeneratedUpstream, generated_path
from benchmarks.machine import Progress, interruptible, started_on, this_machine, two_cores
from benchmarks.participants import NO_MEMO
from benchmarks.quantiles import median, percentile
from benchmarks.results import Curve, GrowthRun, save
from benchmarks.servers import Thanoxy, cache_flag

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SERIES, STEPS, CLIENTS, CACHE = "series", "steps", "clients", "cache"
DIRECT, COLD = "upstream itself", "cold, gzip"
WARM_GZIP, WARM_IDENTITY = "warm, gzip", "warm, identity"
PEAK = "peak memory"
LATENCY, LATENCY_P99, THROUGHPUT = "median", "p99", "requests a second"
LOOKUP, LOOKUP_P99, RESIDENT = "median", "p99", "resident memory"
EXTENT_STEPS = 256
_LARGE = cache_flag("8GB")
_WHOLE = "--query-range.split-interval=0"


@dataclass(frozen=True)
class Size:
    """An answer: so many series of so many steps, and how often it is asked for."""

    series: int
    steps: int
    step_s: int

    @property
    def points(self) -> int:
        return self.series * self.steps

    @property
    def rounds(self) -> int:
        """More of the small ones, which are quick and vary more."""
        return max(3, min(30, 3_000_000 // self.points))

    def path(self, turn: object) -> str:
        return generated_path(self.series, turn, self.steps, self.step_s)


def sizes(kind: str, *, is_quick: bool) -> list[Size]:
    """From 1,000 points on: more series of 1,000 steps, or more steps of 100 series."""
    counts: tuple[int, ...]
    if kind == SERIES:
        counts = (1, 10, 100, 1000) if is_quick else (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
        return [Size(count, 1000, 300) for count in counts]
    counts = (10, 100, 1000) if is_quick else (10, 30, 100, 300, 1000, 3000, 10_000)
    return [Size(100, count, 60) for count in counts]


class Growth:
    """One run: the sections add their curves to it."""

    def __init__(self, run: GrowthRun, upstream: str, progress: Progress) -> None:
        self.run, self.upstream, self.progress = run, upstream, progress
        self._points: dict[tuple[str, str], list[tuple[float, float]]] = {}

    def add(self, group: str, x: float, **measured: float) -> None:
        """Measurements at one `x`, by the names of their curves (`_` stands for other signs)."""
        for name, y in measured.items():
            self._points.setdefault((group, _TITLES[name]), []).append((x, y))
        figures = ", ".join(f"{_TITLES[name]} {y:,.4g}" for name, y in measured.items())
        self.progress.say(f"{group} {x:,.0f}: {figures}")

    def finish(self) -> None:
        for (group, name), points in self._points.items():
            xs, ys = zip(*points, strict=True)
            self.run.curves.append(Curve(group, name, xs, ys))

    def series(self) -> None:
        self._answers(SERIES)

    def steps(self) -> None:
        self._answers(STEPS)

    def _answers(self, kind: str) -> None:
        """Milliseconds and peak memory by points: the upstream itself, cold through thanoxy, warm."""
        for size in sizes(kind, is_quick=self.run.is_quick):
            direct = Client(self.upstream)
            direct.ask(size.path("made"), gzip=False)
            with Thanoxy(self.upstream, _LARGE, NO_MEMO) as server:
                client = Client(server.url)
                client.ask(generated_path(1, "first", 10, 60), gzip=True)
                idle_bytes = server.rss_bytes()
                turns = [size.path(turn) for turn in range(size.rounds)]
                same = [size.path(0)] * size.rounds
                self.add(
                    kind,
                    size.points,
                    direct=median_ms(direct, turns, gzip=False),
                    cold=median_ms(client, turns, gzip=True),
                    warm_gzip=median_ms(client, same, gzip=True),
                    warm_identity=median_ms(client, same, gzip=False),
                    peak=(server.peak_rss_bytes() - idle_bytes) / 1e6,
                )

    def clients(self) -> None:
        """Connections that ask for one small answer without a pause; a processor for each side."""
        server_core, client_core = two_cores()
        counts = (1, 10, 100, 500) if self.run.is_quick else (1, 2, 5, 10, 20, 50, 100, 200, 500)
        seconds = 1.0 if self.run.is_quick else 4.0
        path = Size(1, 241, 60).path("clients")
        with started_on(server_core), Thanoxy(self.upstream, NO_MEMO) as server:
            closed_loop(server.url, path, 1, 0.5, client_core)
            for count in counts:
                found = closed_loop(server.url, path, count, seconds, client_core)
                if found.errors:
                    self.run.notes.append(f"{count} clients: {found.errors} errors")
                if found.busy > _MOST_BUSY:
                    self.run.notes.append(
                        f"{count} clients: the load generator was {found.busy:.0%} busy"
                    )
                self.add(
                    CLIENTS,
                    count,
                    latency=found.median_ms,
                    latency_p99=found.p99_ms,
                    throughput=found.requests / found.seconds,
                )

    def cache(self) -> None:
        """Looks at random kept windows, and memory, by the number of kept extents of 256 points."""
        goals = (
            (100, 300, 1000) if self.run.is_quick else (100, 300, 1000, 3000, 10_000, 30_000, 100_000)
        )
        with Thanoxy(self.upstream, _LARGE, NO_MEMO, _WHOLE) as server:
            client = Client(server.url)
            client.ask(generated_path(1, "first", 10, 60), gzip=True)
            idle_bytes = server.rss_bytes()
            kept = 0
            for goal in goals:
                while kept < goal // _EXTENTS_EACH or not kept:
                    client.ask(generated_path(1, kept, _EXTENTS_EACH * EXTENT_STEPS, 60), gzip=True)
                    kept += 1
                time.sleep(1)
                took = looks(client, kept, 300)
                self.add(
                    CACHE,
                    kept * _EXTENTS_EACH,
                    lookup=median(took),
                    lookup_p99=percentile(took, 99),
                    resident=(server.rss_bytes() - idle_bytes) / 1e6,
                )


_EXTENTS_EACH = 40
_MOST_BUSY = 0.85
_TITLES = {
    "direct": DIRECT,
    "cold": COLD,
    "warm_gzip": WARM_GZIP,
    "warm_identity": WARM_IDENTITY,
    "peak": PEAK,
    "latency": LATENCY,
    "latency_p99": LATENCY_P99,
    "throughput": THROUGHPUT,
    "lookup": LOOKUP,
    "lookup_p99": LOOKUP_P99,
    "resident": RESIDENT,
}
SECTIONS: dict[str, Callable[[Growth], None]] = {
    SERIES: Growth.series,
    STEPS: Growth.steps,
    CLIENTS: Growth.clients,
    CACHE: Growth.cache,
}


def median_ms(client: Client, paths: Sequence[str], *, gzip: bool) -> float:
    return median([asked_ms(client, path, gzip=gzip) for path in paths])


def asked_ms(client: Client, path: str, *, gzip: bool) -> float:
    begin = time.perf_counter()
    client.ask(path, gzip)
    return (time.perf_counter() - begin) * 1e3


def looks(client: Client, kept: int, times: int) -> list[float]:
    """Milliseconds of looks at one extent each, of queries that are kept; the first ten only warm."""
    source = random.Random(kept)
    found = []
    for _ in range(times + 10):
        first = source.randrange(_EXTENTS_EACH) * EXTENT_STEPS
        path = generated_path(1, source.randrange(kept), EXTENT_STEPS, 60, first)
        found.append(asked_ms(client, path, gzip=True))
    return found[10:]


def measure(growth: Growth, name: str) -> None:
    """One section. What goes wrong in it is noted: the others' figures must not be lost by it."""
    try:
        SECTIONS[name](growth)
    except (Exception, SystemExit) as error:  # noqa: BLE001 (it is in the notes and in the report)
        growth.run.notes.append(f"{name}: {type(error).__name__}: {error}".splitlines()[0])
        growth.progress.say(f"FAILED {growth.run.notes[-1]}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="in a minute, to see that it runs")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="some sections; repeatable")
    options = parser.parse_args(arguments)
    progress = Progress()
    run = GrowthRun(this_machine(), options.quick)
    progress.say(f"others use {run.machine.busy:.0%} of the processors")
    with GeneratedUpstream() as upstream:
        growth = Growth(run, upstream.url, progress)
        for name in options.only or SECTIONS:
            measure(growth, name)
    growth.finish()
    run.took_s = progress.took_s
    print(f"written: {save(run, 'growth')}")


if __name__ == "__main__":
    interruptible(main)
