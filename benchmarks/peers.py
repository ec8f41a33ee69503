"""thanoxy, `thanos query-frontend` and the Cortex query-frontend on the same Thanos, in turns.

    python -m benchmarks.peers [--rounds 5] [--peer NAME=URL …] [--json FILE]

All peers take turns within each round, so that a machine that drifts hurts all alike. Workloads:
four sizes cold and warm; a dashboard that slides with time; zooming in and out; labels. For each:
medians, p99, ratios to thanoxy, requests a core second, processor time, and what was asked of
Thanos (bytes are counted by a small relay in between). A round's query is new to all of them when
it is cold: it differs by an ignored parameter.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cold import query_path
from benchmarks.dataset import DAY_MS, bench_thanos
from benchmarks.relay import Relay
from benchmarks.servers import (
    Client,
    Cortex,
    Other,
    QueryFrontend,
    Server,
    Thanoxy,
    requests_per_core_second,
)
from benchmarks.warm import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

OURS = "thanoxy"


@dataclass(eq=False)
class Peer:
    """A server under comparison, a kept connection to it, and the relay that it asks through."""

    name: str
    server: Server
    relay: Relay
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.server.url)


@dataclass(frozen=True)
class Row:
    """What one peer needed for one workload; times in milliseconds."""

    workload: str
    peer: str
    median_ms: float
    p99_ms: float
    cpu_ms: float
    upstream_requests: float
    upstream_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=URL")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with bench_thanos() as thanos, contextlib.ExitStack() as running:
        peers = start_peers(running, thanos.query_url, arguments.peer)
        rows: list[Row] = []
        for name, paths in workloads(thanos.end_ms, arguments.rounds):
            rows += measure(name, paths, peers)
            print_rows(rows[-len(peers) :])
        print_throughput(peers, thanos.end_ms)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


def start_peers(running: contextlib.ExitStack, upstream: str, others: list[str]) -> list[Peer]:
    """Each in front of a relay of its own, so that what it asks can be told apart."""
    made: list[tuple[str, Callable[[str], Server]]] = [
        (OURS, lambda url: Thanoxy(url, "--cache.memo-life=0")),
        ("query-frontend", QueryFrontend),
        ("query-frontend, aligned", lambda url: QueryFrontend(url, align=True)),
        ("cortex", Cortex),
    ]
    peers = []
    for name, make in made:
        relay = running.enter_context(Relay(upstream))
        server: Server = running.enter_context(make(relay.url))
        peers.append(Peer(name, server, relay))
    for other in others:
        name, _, url = other.partition("=")
        relay = running.enter_context(Relay(upstream))
        peers.append(Peer(name, running.enter_context(Other(url)), relay))
    return peers


def workloads(end_ms: int, rounds: int) -> Iterable[tuple[str, list[tuple[str, bool]]]]:
    """Names, and the (path, gzip) of each request in order; the first `warm` one is not counted."""
    start_ms = end_ms - 7 * DAY_MS
    for load in WORKLOADS:
        path = query_path(load.expr, start_ms, load.steps, load.step_s)
        cold = [(f"{path}&salt={number}", True) for number in range(min(rounds, 3))]
        yield f"{load.name}, cold, gzip", cold
        for gzip in (True, False):
            encoding = "gzip" if gzip else "identity"
            yield f"{load.name}, warm, {encoding}", [(f"{path}&w=1", gzip)] * (rounds * load.rounds + 1)
    yield "sliding, 200 x 720, 30 s refresh", sliding(end_ms, 120)
    yield "zooming, 200 series", zooming(end_ms, rounds)
    yield "labels", [("/api/v1/labels", True), ("/api/v1/label/instance/values", True)] * rounds * 5


def sliding(end_ms: int, refreshes: int) -> list[tuple[str, bool]]:
    """A dashboard of six hours at 30 s steps, refreshed every 30 s for an hour of the past."""
    first_ms = end_ms - 3 * DAY_MS
    return [
        (query_path(WORKLOADS[2].expr, first_ms + number * 30_000, 720, 30), True)
        for number in range(refreshes)
    ]


def zooming(end_ms: int, rounds: int) -> list[tuple[str, bool]]:
    """Windows inside windows at one step, in and out again."""
    paths = []
    for _ in range(rounds):
        for hours in (72, 48, 24, 12, 24, 48, 72):
            start_ms = end_ms - 4 * DAY_MS + (72 - hours) * 1_800_000
            paths.append((query_path(WORKLOADS[2].expr, start_ms, hours * 12, 300), True))
    return paths


def measure(name: str, paths: list[tuple[str, bool]], peers: list[Peer]) -> list[Row]:
    """All peers take turns at every request; a warm workload's first round is not counted."""
    skip = 1 if ", warm" in name else 0
    took: dict[str, list[float]] = {peer.name: [] for peer in peers}
    before = {}
    for number, (path, gzip) in enumerate(paths):
        if number == skip:
            before = {
                p.name: (p.server.cpu_s(), p.relay.requests, p.relay.received_bytes) for p in peers
            }
        for peer in peers:
            begin = time.perf_counter()
            peer.client.ask(path, gzip)
            took[peer.name].append(time.perf_counter() - begin)
    return [row(name, peer, took[peer.name][skip:], before[peer.name]) for peer in peers]


def row(name: str, peer: Peer, took: list[float], before: tuple[float, int, int]) -> Row:
    cpu_s, requests, received = before
    return Row(
        workload=name,
        peer=peer.name,
        median_ms=statistics.median(took) * 1e3,
        p99_ms=max(took) * 1e3 if len(took) < 100 else statistics.quantiles(took, n=100)[98] * 1e3,
        cpu_ms=(peer.server.cpu_s() - cpu_s) / len(took) * 1e3,
        upstream_requests=(peer.relay.requests - requests) / len(took),
        upstream_mb=(peer.relay.received_bytes - received) / len(took) / 1e6,
    )


def print_rows(rows: list[Row]) -> None:
    """One workload's table; ratios are to thanoxy."""
    ours = rows[0].median_ms
    print(f"\n{rows[0].workload}")
    for one in rows:
        print(
            f"  {one.peer:24} median {one.median_ms:9.2f} ms  {one.median_ms / ours:7.1f} x"
            f"  p99 {one.p99_ms:9.2f} ms  cpu {one.cpu_ms:8.2f} ms"
            f"  upstream {one.upstream_requests:6.2f} requests {one.upstream_mb:8.3f} MB",
            flush=True,
        )


def print_throughput(peers: list[Peer], end_ms: int) -> None:
    tiny = WORKLOADS[-1]
    path = query_path(tiny.expr, end_ms - 7 * DAY_MS, tiny.steps, tiny.step_s)
    print("\nrequests a core second, 1 x 241, gzip, 8 connections")
    for peer in peers:
        if not isinstance(peer.server, Other):
            print(f"  {peer.name:24} {requests_per_core_second(peer.server, path, gzip=True):8.0f}")
    print("\nresident memory after all of it")
    for peer in peers:
        print(f"  {peer.name:24} {peer.server.rss_bytes() / 1e6:8.0f} MB")


if __name__ == "__main__":
    main()
