"""thanoxy, `thanos query-frontend` and the Cortex query-frontend on the same Thanos, in turns.

    python -m benchmarks.peers [--quick] [--rounds 5] [--peer NAME=URL …] [--only SECTION …]

All peers take turns all the time, so that a machine that drifts hurts all alike, and each asks
Thanos through a relay of its own that counts. The run is saved as `.benchmarks/peers-<n>.json`;
`python -m benchmarks.report` makes the tables of docs/benchmarks.md from it.
"""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.crowd import crowds
from benchmarks.dataset import bench_thanos
from benchmarks.machine import Progress, interruptible, this_machine
from benchmarks.marks import marks
from benchmarks.measure import memory, take_turns, throughput
from benchmarks.participants import start_peers
from benchmarks.reads import reads
from benchmarks.results import PeersRun, save
from benchmarks.tables import rows_text
from benchmarks.users import many_users
from benchmarks.workloads import SMALL_CACHE, dashboards, workloads
from scripts.real_servers import binary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROUNDS, QUICK_ROUNDS = 5, 1


@dataclass(frozen=True)
class Bench:
    """What every section of the run needs: where Thanos answers, and where results go."""

    run: PeersRun
    progress: Progress
    upstream: str
    end_ms: int
    rounds: int
    others: Sequence[str]

    @property
    def is_quick(self) -> bool:
        return self.run.is_quick

    def turns(self) -> None:
        """All with a large cache: the workloads in turns, users, requests a core second."""
        wanted = list(workloads(self.end_ms, self.rounds, is_quick=self.is_quick))
        with contextlib.ExitStack() as running:
            peers = start_peers(running, self.upstream, self.others)
            for number, workload in enumerate(wanted, 1):
                rows = take_turns(workload, peers)
                self.run.rows += rows
                self.progress.say(f"{number}/{len(wanted)} {rows_text(rows)}")
            rows = many_users(peers, self.end_ms, is_quick=self.is_quick)
            self.run.rows += rows
            self.progress.say(rows_text(rows))
            self.run.throughput += throughput(peers, self.end_ms, 1.0 if self.is_quick else 3.0)
        for one in self.run.throughput:
            self.progress.say(f"{one.workload}: {one.peer} {one.requests_per_core_s:,.0f} /core s")

    def small_cache(self) -> None:
        """All with a cache that is too small for what is asked."""
        workload = dashboards(self.end_ms, 30 if self.is_quick else 160)
        with contextlib.ExitStack() as running:
            rows = take_turns(workload, start_peers(running, self.upstream, (), SMALL_CACHE))
        self.run.rows += rows
        self.progress.say(rows_text(rows))

    def memory(self) -> None:
        """What a kept point costs."""
        for one in memory(self.upstream, self.end_ms, is_quick=self.is_quick):
            self.run.memory.append(one)
            self.progress.say(f"{one.peer}: {one.bytes_a_point:.1f} bytes a kept point")

    def crowd(self) -> None:
        """500 clients."""
        for one in crowds(self.upstream, self.end_ms, is_quick=self.is_quick):
            self.run.crowd.append(one)
            self.progress.say(
                f"{one.clients} {one.how}, {one.peer}: {one.errors} errors,"
                f" {one.answered_per_s:,.0f} /s, median {one.median_ms:.1f} ms, p99 {one.p99_ms:.1f} ms"
            )

    def reads(self) -> None:
        """Remote read, on a Thanos of its own."""
        self.run.reads += reads(1 if self.is_quick else 7)
        for one in self.run.reads:
            self.progress.say(f"remote read, {one.peer}: {one.median_ms:.0f} ms")


SECTIONS: dict[str, Callable[[Bench], None]] = {
    "turns": Bench.turns,
    "small-cache": Bench.small_cache,
    "memory": Bench.memory,
    "crowd": Bench.crowd,
    "reads": Bench.reads,
}


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    for name in ("thanos", "cortex"):
        binary(name)
    progress = Progress()
    run = PeersRun(this_machine(), options.quick)
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    progress.say(f"others use {run.machine.busy:.0%} of the processors; the samples are loaded")
    with bench_thanos() as thanos:
        bench = Bench(run, progress, thanos.query_url, thanos.end_ms, rounds, options.peer)
        for name in options.only or SECTIONS:
            measure(bench, name)
    run.took_s = progress.took_s
    for mark in marks(run):
        print(f"{mark.verdict:10} {mark.name}: {mark.peer}: {mark.found} (wanted: {mark.wanted})")
    print(f"written: {save(run, 'peers')}")


def measure(bench: Bench, name: str) -> None:
    """One section. What goes wrong in it is noted: the others' figures must not be lost by it."""
    bench.progress.say(f"{name} …")
    try:
        SECTIONS[name](bench)
    except (Exception, SystemExit) as error:  # noqa: BLE001 (it is in the notes and in the report)
        bench.run.notes.append(f"{name}: {type(error).__name__}: {error}".splitlines()[0])
        bench.progress.say(f"FAILED {bench.run.notes[-1]}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="in a few minutes, to see that it runs")
    parser.add_argument("--rounds", type=int, help=f"default: {ROUNDS}, quick: {QUICK_ROUNDS}")
    parser.add_argument(
        "--peer", action="append", default=[], metavar="NAME=URL", help="one that runs already"
    )
    parser.add_argument("--only", action="append", choices=SECTIONS, help="some sections; repeatable")
    return parser


if __name__ == "__main__":
    interruptible(main)
