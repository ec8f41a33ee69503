"""Everything cached: thanoxy and `thanos query-frontend` in turns on the same Thanos, in one run.

    python -m benchmarks.warm [--rounds 7] [--memo=false]

Latency by size and encoding, requests a second for one core on the smallest, and RSS a kept point.
`--memo=false` switches thanoxy's memory of assembled answers off, so that each one is put together
again from kept fragments.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass

from benchmarks.client import Client
from benchmarks.cold import query_path
from benchmarks.dataset import DAY_MS, bench_thanos
from benchmarks.servers import QueryFrontend, Server, Thanoxy, requests_per_core_second


@dataclass(frozen=True)
class Workload:
    """A query, named by its size."""

    name: str
    expr: str
    steps: int
    step_s: int
    rounds: int


WORKLOADS = (
    Workload("1,000 x 2,017", 'bench_value{part="wide"}', 2017, 300, 1),
    Workload("680 x 2,017", 'bench_value{group=~"g(0.|1[0-6])"}', 2017, 300, 1),
    Workload("200 x 673", 'bench_value{group=~"g0[0-4]"}', 673, 300, 4),
    Workload("3 x 673", 'bench_value{instance=~"10.0.0.[1-3]:9100"}', 673, 300, 30),
    Workload("1 x 241", 'bench_value{instance="10.0.0.1:9100"}', 241, 60, 60),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--memo", default="true")
    arguments = parser.parse_args()
    memo = [] if arguments.memo == "true" else ["--cache.memo-life=0"]
    with (
        bench_thanos() as thanos,
        Thanoxy(thanos.query_url, *memo) as thanoxy,
        QueryFrontend(thanos.query_url) as frontend,
    ):
        start_ms = thanos.end_ms - 7 * DAY_MS
        path = ""
        for load in WORKLOADS:
            path = query_path(load.expr, start_ms, load.steps, load.step_s)
            for gzip in (True, False):
                compare(load, path, gzip, arguments.rounds, thanoxy, frontend)
        for gzip in (True, False):
            compare_throughput(path, gzip, thanoxy, frontend)
        report_memory(thanos.query_url, start_ms)


def compare(load: Workload, path: str, gzip: bool, rounds: int, ours: Server, theirs: Server) -> None:
    """Both warm, then in turns."""
    clients = {server: Client(server.url) for server in (ours, theirs)}
    for client in clients.values():
        client.ask(path, gzip)
    took: dict[Server, list[float]] = {ours: [], theirs: []}
    for _ in range(rounds * load.rounds):
        for server, client in clients.items():
            begin = time.perf_counter()
            client.ask(path, gzip)
            took[server].append(time.perf_counter() - begin)
    mine, other = statistics.median(took[ours]), statistics.median(took[theirs])
    print(
        f"{load.name}, {'gzip' if gzip else 'identity'}: thanoxy {mine * 1e3:.2f} ms,"
        f" query-frontend {other * 1e3:.2f} ms, {other / mine:.1f} x",
        flush=True,
    )


def compare_throughput(path: str, gzip: bool, ours: Server, theirs: Server) -> None:
    """Requests answered for each second of processor time that the server used."""
    mine = requests_per_core_second(ours, path, gzip)
    other = requests_per_core_second(theirs, path, gzip)
    print(
        f"1 x 241, {'gzip' if gzip else 'identity'}: thanoxy {mine:.0f} requests a core second,"
        f" query-frontend {other:.0f}, {mine / other:.1f} x",
        flush=True,
    )


def report_memory(upstream: str, start_ms: int) -> None:
    """Fill a cache of its own with the largest query at several phases; RSS grown a kept point."""
    phases = 4
    load = WORKLOADS[0]
    with Thanoxy(upstream, "--cache.memo-life=0") as server:
        client = Client(server.url)
        client.ask(query_path(load.expr, start_ms - DAY_MS, 12, load.step_s), gzip=True)
        idle_bytes = server.rss_bytes()
        for phase in range(phases):
            path = query_path(load.expr, start_ms + phase * 60_000, load.steps - 1, load.step_s)
            client.ask(path, gzip=True)
        time.sleep(1)
        points = phases * 1000 * (load.steps - 1)
        grown = server.rss_bytes() - idle_bytes
        print(
            f"memory: {grown / 1e6:.0f} MB of RSS more for {points / 1e6:.1f} million kept points of"
            f" random full-precision values, {grown / points:.1f} bytes a point"
            f" (peak RSS {server.peak_rss_bytes() / 1e6:.0f} MB)",
            flush=True,
        )


if __name__ == "__main__":
    main()
