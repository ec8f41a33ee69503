"""Many users on one dashboard: every peer in turn gets the same open-loop load."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from benchmarks.open_loop import Outcome, Users, open_loop
from benchmarks.quantiles import median
from benchmarks.results import Row
from benchmarks.workloads import DAY_MS, USERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.participants import Peer, Used

COUNT = 40
REFRESH = "10s"


def many_users(peers: Sequence[Peer], end_ms: int, *, is_quick: bool) -> list[Row]:
    """Forty users with ten panels: forty requests a second. One of them looked before the others."""
    peers = [peer for peer in peers if not peer.is_direct]
    turns, seconds = (1, 4) if is_quick else (2, 10)
    first_s = end_ms // 1000 - 2 * DAY_MS // 1000
    cores = os.sched_getaffinity(0)
    for peer in peers:
        open_loop(peer.server.url, Users(1, "1s", 1, first_s), cores)
    found: dict[str, list[Outcome]] = {peer.name: [] for peer in peers}
    spent: dict[str, list[Used]] = {peer.name: [] for peer in peers}
    for turn in range(turns):
        users = Users(COUNT, REFRESH, seconds, first_s + turn * seconds)
        for peer in peers:
            before = peer.used()
            found[peer.name].append(open_loop(peer.server.url, users, cores))
            spent[peer.name].append(peer.used().since(before))
    name = f"{COUNT} users, one dashboard of 10 panels, open loop"
    return [row(name, peer.name, found[peer.name], spent[peer.name]) for peer in peers]


def row(name: str, peer: str, found: Sequence[Outcome], spent: Sequence[Used]) -> Row:
    """Of several turns: the median of their medians, the worst of their p99."""
    count = sum(one.requests for one in found)
    return Row(
        workload=name,
        kind=USERS,
        peer=peer,
        requests=count,
        median_ms=median([one.median_ms for one in found]),
        p99_ms=max(one.p99_ms for one in found),
        cpu_ms=sum(one.cpu_s for one in spent) / count * 1e3,
        upstream_requests=sum(one.requests for one in spent) / count,
        upstream_mb=sum(one.received_bytes for one in spent) / count / 1e6,
        samples=sum(one.samples for one in spent),
        client_samples=sum(one.samples for one in found),
        errors=sum(one.errors for one in found),
    )
