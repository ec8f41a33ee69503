"""Runs as the benchmarks would save them, with figures that are easy to divide."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.growth import CACHE, CLIENTS, COLD, LATENCY, LOOKUP, RESIDENT, SERIES, THROUGHPUT
from benchmarks.participants import CORTEX, DIRECT, QUERY_FRONTEND, THANOXY, WITHOUT_MEMO
from benchmarks.results import (
    Crowd,
    Curve,
    GrowthRun,
    Machine,
    Memory,
    PeersRun,
    Read,
    Row,
    Throughput,
    Workers,
    WorkersRun,
)
from benchmarks.workloads import WARM

MACHINE = Machine(2, 8.0, "Linux 6.1", 0.25, {"thanoxy": "1.2.3", "Thanos": "v0.42.4"})
NAN = float("nan")


def row(workload: str, peer: str, median_ms: float, kind: str = WARM) -> Row:
    return Row(workload, kind, peer, 5, median_ms, 2 * median_ms, 1.0, 0.5, 0.25, 10.0, 1000.0)


def rows(workload: str, ours_ms: float, peer_ms: float, kind: str = WARM) -> list[Row]:
    """thanoxy twice, of which the one without a memo takes twice as long; two peers; Thanos."""
    times = {
        THANOXY: ours_ms,
        WITHOUT_MEMO: 2 * ours_ms,
        QUERY_FRONTEND: 3 * peer_ms,
        CORTEX: peer_ms,
        DIRECT: ours_ms / 100,
    }
    return [row(workload, peer, time_ms, kind) for peer, time_ms in times.items()]


def crowd(how: str, median_ms: float, p99_ms: float, errors: int = 0) -> Crowd:
    return Crowd(THANOXY, how, 500, 10.0, 5000, errors, 500.0, median_ms, p99_ms, 99.0, 0.3)


def peers_run() -> PeersRun:
    found = rows("680 x 2,017, warm, gzip", 2.0, 100.0)
    return PeersRun(
        MACHINE,
        is_quick=True,
        took_s=90.0,
        rows=[*found[:-1], replace(found[-1], cpu_ms=NAN)],
        throughput=[
            Throughput("1 x 241, gzip", THANOXY, 900.0),
            Throughput("1 x 241, gzip", CORTEX, 400),
        ],
        memory=[Memory(THANOXY, 2_000_000, 30_000_000, 50_000_000)],
        crowd=[crowd("users", 2.0, 8.0)],
        reads=[
            Read("thanos query, directly", 100, 50.0, NAN, is_claimed=False),
            Read("thanoxy, gRPC, warm", 100, 100.0, 5.0, is_claimed=True),
            Read("shim", 100, 400.0, 5.0, is_claimed=False),
        ],
        notes=["memory: it stopped"],
    )


def growth_run() -> GrowthRun:
    """Costs of 1 ms and 1 µs a point; saturated from ten clients on; a flat look at the cache."""
    points = (1e3, 1e4, 1e5, 1e6)
    clients, extents = (1.0, 10.0, 100.0), (100.0, 1000.0, 10_000.0)
    return GrowthRun(
        MACHINE,
        is_quick=False,
        took_s=61.0,
        curves=[
            Curve(SERIES, COLD, points, tuple(1 + x / 1e3 for x in points)),
            Curve(CLIENTS, LATENCY, clients, (1.0, 10.0, 100.0)),
            Curve(CLIENTS, THROUGHPUT, clients, (500.0, 1000.0, 990.0)),
            Curve(CACHE, LOOKUP, extents, (1.0, 1.1, 1.2)),
            Curve(CACHE, RESIDENT, extents, tuple(x * 256 * 14 / 1e6 for x in extents)),
        ],
    )


def workers_run() -> WorkersRun:
    """Two turns of throughput, and every other part once."""
    rows = [
        Workers("throughput", "1 x 241, gzip", count, {"per_s": per_s, "generator": busy, "used": used})
        for count, per_s, busy, used in (
            (1, 9000.0, 0.2, 1.0),
            (2, 15_000.0, 0.4, 1.6),
            (1, 9000.0, 0.2, 1.0),
            (2, 15_000.0, 0.4, 1.6),
        )
    ]
    rows += [
        Workers(
            "hits", "60 users", count, {"ratio": ratio, "upstream": 30, "requests": 600, "median_ms": 2}
        )
        for count, ratio in ((1, 0.99), (4, 0.95))
    ]
    rows += [
        Workers("memory", name, count, {"pss": pss * 1e6, "anon": pss * 0.9e6})
        for name, count, pss in (
            ("0 of 46 MB", 1, 50),
            ("0 of 46 MB", 4, 220),
            ("1 of 46 MB", 1, 100),
            ("1 of 46 MB", 4, 320),
        )
    ]
    rows += [
        Workers("restart", "46 MB", 1, {"cold": 1000.0, "restarted": 50.0, "memo": 9.0}),
        Workers("together", "1 x 241, 8 at once, waiting", 4, {"upstream": 1.0, "median_ms": 9.0}),
    ]
    return WorkersRun(MACHINE, is_quick=False, rows=rows)
