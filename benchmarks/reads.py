"""Remote read as a section of the run: `benchmarks/remote_read.py` measures, this takes its figures."""

from __future__ import annotations

import contextlib
import time

from benchmarks import remote_read
from benchmarks.results import Read
from tests.thanos.cluster import ThanosCluster

TITLE = f"{remote_read.SAMPLES:,} samples through a Prometheus"


def reads(rounds: int) -> list[Read]:
    """All its peers in turns, on a Thanos of their own with one replica."""
    end_ms = int(time.time()) * 1000 // remote_read.DAY_MS * remote_read.DAY_MS
    series = remote_read.bench_series(end_ms, 1)
    with ThanosCluster(series, end_ms=end_ms) as thanos, contextlib.ExitStack() as running:
        peers = remote_read.start_peers(running, thanos, 1)
        remote_read.measure(peers, end_ms, rounds)
    return [read(peer) for peer in peers]


def read(peer: remote_read.Peer) -> Read:
    """What is known of one peer; NaN where there is no process of ours."""
    cpu_ms = peer.cpu_s / len(peer.took_s) * 1e3 if peer.server else float("nan")
    return Read(peer.name, peer.samples, peer.median_s * 1e3, cpu_ms, peer.is_claimed)
