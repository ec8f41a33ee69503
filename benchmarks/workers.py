"""Several workers beside one process: throughput, hits, memory, restarts, and who asks at once.

    python -m benchmarks.workers [--quick] [--only PART]

What two processors allow: a load generator needs some of them, too. One worker has a processor for
itself and the generator the other; two workers have one each, and the generator takes its time from
both. So three ratios are written down: of requests a second as they are, of requests for the processor
time that the generator left, and of requests for each second that the workers themselves used.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from benchmarks.client import Client
from benchmarks.closed_loop import closed_loop
from benchmarks.cold import query_path
from benchmarks.dataset import bench_thanos
from benchmarks.fleet import Fleet
from benchmarks.generated_upstream import GeneratedUpstream, generated_path
from benchmarks.machine import Progress, interruptible, this_machine
from benchmarks.open_loop import Users, open_loop
from benchmarks.participants import NO_MEMO
from benchmarks.quantiles import median
from benchmarks.relay import Relay
from benchmarks.results import Workers, WorkersRun, save
from benchmarks.workloads import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

THROUGHPUT, HITS, MEMORY, RESTART, TOGETHER = "throughput", "hits", "memory", "restart", "together"
_CONFIRMED_S = 4.0
"""By then an answer is confirmed and in the tier."""
_DASHBOARD = 'bench_value{group=~"g(0.|1[0-6])"}'
_ASKERS = 8


class Measuring:
    """Fills a run, part by part."""

    def __init__(self, run: WorkersRun, progress: Progress) -> None:
        self.run = run
        self.progress = progress

    def add(self, part: str, name: str, count: int, **values: float) -> None:
        self.run.rows.append(Workers(part, name, count, values))
        shown = ", ".join(f"{key} {value:.4g}" for key, value in values.items())
        self.progress.say(f"{part}, {name}, {count} workers: {shown}")

    def throughput(self) -> None:
        """Tiny hits, 64 connections, in turns."""
        turns, seconds = (2, 1.0) if self.run.is_quick else (6, 4.0)
        path = generated_path(1, "tiny", 241, 60)
        with (
            GeneratedUpstream() as upstream,
            Fleet(upstream.url, 1) as one,
            Fleet(upstream.url, 2) as two,
        ):
            for fleet in (one, two):
                fleet.ask_everywhere(path)
                fleet.spread()
            time.sleep(_CONFIRMED_S)
            for fleet in turns * (one, two):
                self._in_a_loop(fleet, path, seconds)

    def _in_a_loop(self, fleet: Fleet, path: str, seconds: float) -> None:
        allowed = sorted(os.sched_getaffinity(0))
        cores = set(allowed[1:]) if fleet.count == 1 else set(allowed)
        before_s = fleet.cpu_s()
        found = closed_loop(fleet.url, path, 64, seconds, cores or set(allowed))
        self.add(
            THROUGHPUT,
            "1 x 241, gzip",
            fleet.count,
            per_s=found.requests / found.seconds,
            generator=found.busy,
            used=(fleet.cpu_s() - before_s) / found.seconds,
            errors=found.errors,
        )

    def hits(self) -> None:
        """The same users for one worker and for four; nothing that was put together is remembered."""
        seconds = 10 if self.run.is_quick else 40
        with bench_thanos() as thanos:
            for count in (1, 4):
                with Relay(thanos.query_url) as relay, Fleet(relay.url, count, NO_MEMO) as fleet:
                    users = Users(60, "10s", seconds, thanos.end_ms // 1000 - DAY_MS // 1000)
                    found = open_loop(fleet.url, users, os.sched_getaffinity(0))
                    self.add(
                        HITS,
                        "60 users",
                        count,
                        ratio=fleet.hit_ratio(),
                        upstream=relay.asked.requests,
                        requests=found.requests,
                        errors=found.errors,
                        median_ms=found.median_ms,
                    )

    def memory(self) -> None:
        """PSS with so many dashboards of 46 MB kept, each asked of every worker."""
        with GeneratedUpstream() as upstream:
            for kept in (0, 1) if self.run.is_quick else (0, 1, 4):
                for count in (1, 4):
                    self._kept(upstream.url, count, kept, "512MB")
            if not self.run.is_quick:
                for count in (1, 4):
                    self._kept(upstream.url, count, 6, "256MB")

    def _kept(self, upstream: str, count: int, kept: int, size: str) -> None:
        config = (
            f"--query-range.response-cache-config={{type: IN-MEMORY, config: {{max_size: {size}}}}}"
        )
        with Fleet(upstream, count, config, NO_MEMO) as fleet:
            for path in (generated_path(680, number, 2017, 300) for number in range(kept)):
                with contextlib.closing(Client(fleet.url)) as client:
                    client.ask(path, gzip=True)
                time.sleep(_CONFIRMED_S if count > 1 else 0)
                fleet.ask_everywhere(path)
            fleet.ask_everywhere(generated_path(1, "tiny", 241, 60))
            time.sleep(1)
            found = fleet.pss()
            name = f"{kept} of 46 MB, a cache of {size}"
            self.add(MEMORY, name, count, pss=found.all_bytes, anon=found.anon_bytes)

    def restart(self) -> None:
        """46 MB of a real Thanos, cold and as the first answer after a restart."""
        with bench_thanos() as thanos:
            path = query_path(_DASHBOARD, thanos.end_ms - 7 * DAY_MS, 2017, 300)
            for _ in range(2 if self.run.is_quick else 7):
                with tempfile.TemporaryDirectory(prefix="thanoxy-bench-") as folder:
                    flag = f"--cache.dir={folder}"
                    with Fleet(thanos.query_url, 1, flag) as fleet:
                        cold_ms = asked_ms(fleet.url, path)
                        time.sleep(_CONFIRMED_S)
                    with Fleet(thanos.query_url, 1, flag) as fleet:
                        warm_ms, again_ms = asked_ms(fleet.url, path), asked_ms(fleet.url, path)
                self.add(RESTART, "46 MB", 1, cold=cold_ms, restarted=warm_ms, memo=again_ms)

    def together(self) -> None:
        """Eight ask four workers the same new question at once; and one asks alone."""
        rounds = 5 if self.run.is_quick else 30
        flags = {"waiting": "--cache.sibling-wait=5s", "not waiting": "--cache.sibling-wait=0"}
        with bench_thanos() as thanos, contextlib.ExitStack() as running:
            start_ms = thanos.end_ms - 7 * DAY_MS
            fleets = []
            for name, flag in flags.items():
                relay = running.enter_context(Relay(thanos.query_url))
                fleets.append((name, relay, running.enter_context(Fleet(relay.url, 4, flag))))
            for size, selector in (("1", 'instance="10.0.0.1:9100"'), ("200", 'group=~"g0[0-4]"')):
                for askers in (1, _ASKERS):
                    found: dict[str, list[float]] = {name: [] for name in flags}
                    before = {name: relay.asked.requests for name, relay, _ in fleets}
                    for turn in range(rounds):
                        expr = f'bench_value{{{selector},turn!="{askers}.{turn}"}}'
                        path = query_path(expr, start_ms, 241, 60)
                        for name, _, fleet in fleets[:: 1 if turn % 2 else -1]:
                            found[name] += at_once(fleet.url, path, askers)
                    for name, relay, _ in fleets:
                        self.add(
                            TOGETHER,
                            f"{size} x 241, {askers} at once, {name}",
                            4,
                            upstream=(relay.asked.requests - before[name]) / rounds,
                            median_ms=median(found[name]),
                        )


def asked_ms(url: str, path: str) -> float:
    with contextlib.closing(Client(url)) as client:
        begin = time.perf_counter()
        client.ask(path, gzip=True)
        return (time.perf_counter() - begin) * 1e3


def at_once(url: str, path: str, askers: int) -> list[float]:
    """Each over a connection of its own; how long each of them took."""
    with ThreadPoolExecutor(askers) as pool:
        return list(pool.map(lambda _: asked_ms(url, path), range(askers)))


PARTS: dict[str, Callable[[Measuring], None]] = {
    THROUGHPUT: Measuring.throughput,
    HITS: Measuring.hits,
    MEMORY: Measuring.memory,
    RESTART: Measuring.restart,
    TOGETHER: Measuring.together,
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="in two minutes, to see that it runs")
    parser.add_argument("--only", action="append", choices=PARTS, help="some parts; repeatable")
    options = parser.parse_args(arguments)
    progress = Progress()
    run = WorkersRun(this_machine(), options.quick)
    progress.say(f"others use {run.machine.busy:.0%} of the processors")
    for name in options.only or PARTS:
        try:
            PARTS[name](Measuring(run, progress))
        except (Exception, SystemExit) as error:  # noqa: BLE001 (it is in the notes and in the report)
            run.notes.append(f"{name}: {type(error).__name__}: {error}".splitlines()[0])
            progress.say(f"FAILED {run.notes[-1]}")
    run.took_s = progress.took_s
    print(f"written: {save(run, 'workers')}")


if __name__ == "__main__":
    interruptible(main)
