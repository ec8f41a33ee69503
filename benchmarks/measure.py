"""All peers take turns at the requests of a workload, and what each of them needed becomes a row."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.cold import query_path
from benchmarks.participants import (
    CORTEX,
    QUERY_FRONTEND,
    WITHOUT_MEMO,
    Peer,
    Used,
    makers,
)
from benchmarks.quantiles import median, percentile
from benchmarks.results import Memory, Row, Throughput
from benchmarks.servers import Other, requests_per_core_second
from benchmarks.workloads import DAY_MS, SIZES, SMALL, TINY, turned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.workloads import Ask, Workload

_SETTLING_S = 3.0


def take_turns(workload: Workload, peers: Sequence[Peer]) -> list[Row]:
    """Who begins changes with every turn, so that nobody always finds Thanos's caches warm."""
    peers = [peer for peer in peers if workload.with_direct or not peer.is_direct]
    took: dict[str, list[float]] = {peer.name: [] for peer in peers}
    before: dict[str, Used] = {}
    for number, asks in enumerate(workload.turns):
        if number == workload.uncounted:
            before = {peer.name: peer.used() for peer in peers}
        first = number % len(peers)
        for peer in [*peers[first:], *peers[:first]]:
            took[peer.name] += [asked_s(peer, ask) for ask in asks]
    return [
        row(workload, peer.name, took[peer.name][workload.uncounted :], used(peer, before))
        for peer in peers
    ]


def asked_s(peer: Peer, ask: Ask) -> float:
    begin = time.perf_counter()
    peer.client.ask(ask.path, ask.gzip)
    return time.perf_counter() - begin


def used(peer: Peer, before: dict[str, Used]) -> Used:
    return peer.used().since(before[peer.name])


def row(workload: Workload, peer: str, took_s: Sequence[float], spent: Used) -> Row:
    """Times of single requests, in seconds, and what all of them together used."""
    count = len(took_s)
    return Row(
        workload=workload.name,
        kind=workload.kind,
        peer=peer,
        requests=count,
        median_ms=median(took_s) * 1e3,
        p99_ms=percentile(took_s, 99) * 1e3,
        cpu_ms=spent.cpu_s / count * 1e3,
        upstream_requests=spent.requests / count,
        upstream_mb=spent.received_bytes / count / 1e6,
        samples=spent.samples,
        client_samples=workload.client_samples,
    )


def throughput(peers: Sequence[Peer], end_ms: int, seconds: float) -> list[Throughput]:
    """Small answers, everything cached, by eight connections that ask as fast as they are answered."""
    found = []
    for size, gzip in ((TINY, True), (TINY, False), (SMALL, True)):
        path = query_path(size.expr, end_ms - 7 * DAY_MS, size.steps, size.step_s)
        name = f"{size.name}, {'gzip' if gzip else 'identity'}"
        for peer in peers:
            if isinstance(peer.server, Other):
                continue
            peer.client.ask(path, gzip)
            rate = requests_per_core_second(peer.server, path, gzip, seconds)
            found.append(Throughput(name, peer.name, rate))
    return found


def memory(upstream: str, end_ms: int, *, is_quick: bool) -> list[Memory]:
    """Each with an empty cache of its own: by how much it grows when it keeps large answers.

    Values are random and of full precision, which deflate cannot make much smaller.
    """
    size = SIZES[2] if is_quick else SIZES[0]
    found = []
    for name in (WITHOUT_MEMO, QUERY_FRONTEND, CORTEX):
        with makers()[name](upstream) as server:
            peer = Peer(name, server, None)
            ask_to_keep(peer, end_ms, "idle", 12)
            time.sleep(1)
            idle_bytes = server.rss_bytes()
            for turn in ("m1", "m2"):
                ask_to_keep(peer, end_ms, turn, size.steps, size.expr)
            time.sleep(_SETTLING_S)
            points = 2 * size.steps * int(size.name.split()[0].replace(",", ""))
            grown = server.rss_bytes() - idle_bytes
            found.append(Memory(name, points, grown, server.peak_rss_bytes()))
    return found


def ask_to_keep(peer: Peer, end_ms: int, turn: str, steps: int, expr: str = TINY.expr) -> None:
    path = query_path(turned(expr, turn), end_ms - 7 * DAY_MS, steps, 300)
    peer.client.ask(path, gzip=True)
