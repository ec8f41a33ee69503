"""The marks that a run is held against, and whether it met them.

They are ratios within one run. thanoxy takes part twice: as it is started by default, and with its
memory of assembled answers switched off (`--cache.memo-life=0`), so that every answer is put together
anew. Every mark is asked of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import remote_read
from benchmarks.crowd import CONNECTIONS, USERS
from benchmarks.participants import DIRECT, OURS, THANOXY
from benchmarks.workloads import COLD, DASHBOARDS, MEDIUM, SLIDING, TINY, WIDE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.results import Crowd, PeersRun, Read, Row, Throughput

NOT_WARM = frozenset((COLD, DASHBOARDS))
LEAST = {
    f"{WIDE.name}, warm, gzip": 25.0,
    f"{MEDIUM.name}, warm, gzip": 10.0,
    f"{TINY.name}, warm, gzip": 1.5,
    f"{TINY.name}, warm, identity": 1.5,
}
"""How many times as fast as the fastest peer; every other warm workload: faster."""
LEAST_THROUGHPUT = 1.5
MOST_SLIDING = 0.05
MOST_P99 = 20.0
KEPT_UP = 0.95
"""Of what users ask, answered while they still ask: the median of one who only queues says nothing."""
MOST_READ = remote_read.MOST_OF_SHIM


@dataclass(frozen=True)
class Mark:
    """One claim: what is wanted, what was found, as text."""

    name: str
    peer: str
    wanted: str
    found: str
    is_met: bool

    @property
    def verdict(self) -> str:
        return "met" if self.is_met else "**missed**"


def marks(run: PeersRun) -> list[Mark]:
    """All of those whose part of the run was made."""
    return [
        *_speed(run.rows),
        *_throughput(run.throughput),
        *_sliding(run.rows),
        *_crowd(run.crowd),
        *_reads(run.reads),
    ]


def by_workload(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """In the order of the run."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.workload, []).append(row)
    return found


def fastest_peer(rows: Sequence[Row]) -> Row | None:
    """Of one workload: the least median that is neither ours nor Thanos Query's own."""
    others = [row for row in rows if row.peer not in OURS and row.peer != DIRECT]
    return min(others, key=lambda row: row.median_ms, default=None)


def _speed(rows: Sequence[Row]) -> Iterator[Mark]:
    for workload, group in by_workload(rows).items():
        peer = fastest_peer(group)
        if peer is None or peer.kind in NOT_WARM:
            continue
        least = LEAST.get(workload)
        wanted = f"≥ {least:g} x the fastest peer" if least else "faster than every peer"
        for row in (one for one in group if one.peer in OURS):
            ratio = peer.median_ms / row.median_ms
            is_met = (ratio >= least if least else ratio > 1) and not row.errors
            yield Mark(workload, row.peer, wanted, f"{times(ratio)} ({peer.peer})", is_met)


def times(ratio: float) -> str:
    """`2.25 x`, `61 x`."""
    return f"{ratio:.0f} x" if ratio >= 9.95 else f"{ratio:.2f} x"


def _throughput(found: Sequence[Throughput]) -> Iterator[Mark]:
    for workload in dict.fromkeys(one.workload for one in found if one.workload.startswith(TINY.name)):
        group = [one for one in found if one.workload == workload]
        others = [one for one in group if one.peer not in OURS]
        best = max(others, key=lambda one: one.requests_per_core_s, default=None)
        for one in (one for one in group if one.peer in OURS and best):
            assert best is not None
            ratio = one.requests_per_core_s / best.requests_per_core_s
            yield Mark(
                f"{workload}, requests a core second",
                one.peer,
                f"≥ {LEAST_THROUGHPUT:g} x the best peer",
                f"{times(ratio)} ({best.peer})",
                ratio >= LEAST_THROUGHPUT,
            )


def _sliding(rows: Sequence[Row]) -> Iterator[Mark]:
    for row in rows:
        if row.kind == SLIDING and row.peer in OURS:
            share = row.samples / row.client_samples
            wanted = f"≤ {MOST_SLIDING * 100:g} % of the samples asked of Thanos"
            is_met = share <= MOST_SLIDING
            yield Mark(row.workload, row.peer, wanted, f"{share * 100:.2f} %", is_met)


def _crowd(found: Sequence[Crowd]) -> Iterator[Mark]:
    names = {USERS: "users, open loop", CONNECTIONS: "connections at once, closed loop"}
    for one in found:
        if one.peer in OURS:
            ratio = one.p99_ms / one.median_ms
            kept_up = one.answered_per_s * one.seconds >= KEPT_UP * one.requests
            yield Mark(
                f"{one.clients} {names[one.how]}",
                one.peer,
                f"no error, keeps up, p99 < {MOST_P99:g} x the median",
                f"{one.errors} errors, {one.answered_per_s:,.0f} /s, {times(ratio)}",
                not one.errors and kept_up and ratio < MOST_P99,
            )


def _reads(found: Sequence[Read]) -> Iterator[Mark]:
    shim = next((one for one in found if one.peer == remote_read.SHIM), None)
    for one in (one for one in found if one.is_claimed and shim):
        assert shim is not None
        ratio = one.median_ms / shim.median_ms
        wanted = "at most a third of the shim's time"
        yield Mark(f"remote read, {one.peer}", THANOXY, wanted, f"{ratio:.2f}", ratio <= MOST_READ)
