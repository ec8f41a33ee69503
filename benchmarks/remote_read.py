"""1.44 million samples read through a real Prometheus, by thanoxy and by a shim, in turns in one run.

    python -m benchmarks.remote_read [--rounds 9] [--replicas 2] [--peer NAME=READ_URL …]

Each peer has a Prometheus of its own with an empty TSDB that points its `remote_read` at the peer. In
every round all of them answer the same instant query, which must read 24 hours of 1,000 series and
adds up how many samples it saw. The shim (`benchmarks/shim.go`) stands in for thanos-remote-read.
Thanos Query answers the same query directly.

Of a peer that is asked cold the cache has never seen the selector: it carries another matcher that
changes nothing in each round.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import orjson

from benchmarks.servers import Server, Thanoxy
from benchmarks.shim import Shim
from tests.thanos.cluster import ThanosCluster
from tests.thanos.loopback import ask
from tests.thanos.prometheus import PrometheusServer
from tests.thanos.series import RawSeries, float_series

if TYPE_CHECKING:
    from collections.abc import Sequence

SERIES = 1_000
HOURS = 24
SCRAPE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
REPLICA_OFFSET_MS = 17_000
SAMPLES = SERIES * HOURS * HOUR_MS // SCRAPE_MS

SHIM = "shim"
MOST_OF_SHIM = 1 / 3
"""What a read through thanoxy may take of what it takes through the shim."""


@dataclass
class Peer:
    """Who is asked with PromQL, and what stands behind it.

    samples: how many it should see at least. is_claimed: it has to be at least three times as fast as
    the shim.
    """

    name: str
    url: str
    is_cold: bool = False
    is_claimed: bool = False
    samples: int = SAMPLES
    server: Server | None = None
    took_s: list[float] = field(default_factory=list)
    cpu_s: float = 0.0

    @property
    def median_s(self) -> float:
        return statistics.median(self.took_s)


def bench_series(end_ms: int, replicas: int) -> list[RawSeries]:
    """`bench_read{instance}`, two days of it, values of full precision.

    The second replica scrapes 17 s later than the first, so that all chunks of the two overlap.
    """
    random = np.random.default_rng(7)
    times = np.arange(end_ms - 2 * DAY_MS, end_ms, SCRAPE_MS, dtype=np.int64)
    series = []
    for number in range(SERIES):
        values = random.random(len(times)) * 100
        for replica in range(replicas):
            labels = {
                "__name__": "bench_read",
                "cluster": "eu-west-1",
                "instance": f"10.0.{number // 250}.{number % 250}:9100",
                "job": "node",
                "replica": f"r{replica}",
            }
            series.append(float_series(labels, times + replica * REPLICA_OFFSET_MS, values))
    return series


def query_path(end_ms: int, turn: int | None) -> str:
    """The query; one with a `turn` is new to every cache. Its 24 hours lie in two days (UTC)."""
    matchers = f'{{turn!="{turn}"}}' if turn is not None else ""
    expr = f"sum(count_over_time(bench_read{matchers}[{HOURS}h]))"
    at_s = (end_ms - 6 * HOUR_MS - 1) / 1000
    return f"/api/v1/query?{urllib.parse.urlencode({'query': expr, 'time': f'{at_s:.3f}'})}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--replicas", type=int, default=1, choices=(1, 2))
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=READ_URL")
    arguments = parser.parse_args()
    end_ms = int(time.time()) * 1000 // DAY_MS * DAY_MS
    series = bench_series(end_ms, arguments.replicas)
    with ThanosCluster(series, end_ms=end_ms) as thanos, contextlib.ExitStack() as running:
        peers = start_peers(running, thanos, arguments.replicas)
        peers += [other(running, text) for text in arguments.peer]
        measure(peers, end_ms, arguments.rounds)
    replicas = "one replica" if arguments.replicas == 1 else "two replicas"
    print(f"{SAMPLES:,} samples ({SERIES:,} series x {HOURS} h, {replicas}) through a Prometheus")
    print("\n".join(table(peers)))
    print("\n".join(verdicts(peers)))


def start_peers(running: contextlib.ExitStack, thanos: ThanosCluster, replicas: int) -> list[Peer]:
    """All of them, each behind a Prometheus; thanoxy over each source in processes of its own.

    Nothing is claimed where there are replicas: the shim, which leaves them as they are, does less.
    """
    grpc, is_claimed = store_api(thanos), replicas == 1

    def thanoxy(*flags: str) -> Thanoxy:
        return running.enter_context(Thanoxy(thanos.query_url, *flags))

    def reader(name: str, server: Server, **traits: bool | int) -> Peer:
        prometheus = running.enter_context(PrometheusServer(f"{server.url}/api/v1/read"))
        return Peer(name, prometheus.url, server=server, **traits)  # type: ignore[arg-type]

    source = f"--upstream.grpc-address={grpc}"
    return [
        Peer("thanos query, directly", thanos.query_url),
        reader("thanoxy, gRPC, cold", thanoxy(source), is_cold=True, is_claimed=is_claimed),
        reader("thanoxy, gRPC, warm", thanoxy(source), is_claimed=is_claimed),
        reader("thanoxy, HTTP, cold", thanoxy(), is_cold=True),
        reader("thanoxy, HTTP, warm", thanoxy(), is_claimed=is_claimed),
        # It does not remove replicas, so that Prometheus sees all of them.
        reader(SHIM, running.enter_context(Shim(grpc)), samples=SAMPLES * replicas),
    ]


def store_api(thanos: ThanosCluster) -> str:
    """Where Thanos Query serves gRPC, by its own flags."""
    flags = orjson.loads(ask(f"{thanos.query_url}/api/v1/status/flags").body)["data"]
    return str(flags["grpc-address"])


def other(running: contextlib.ExitStack, text: str) -> Peer:
    """A remote-read server that runs already."""
    name, _, read_url = text.partition("=")
    return Peer(name, running.enter_context(PrometheusServer(read_url)).url)


def measure(peers: Sequence[Peer], end_ms: int, rounds: int) -> None:
    """All take turns in every round; the first round only warms."""
    for turn in range(rounds + 1):
        for peer in peers:
            path = query_path(end_ms, turn if peer.is_cold else None)
            cpu_s = peer.server.cpu_s() if peer.server else 0.0
            begin = time.perf_counter()
            seen = samples_seen(peer.url + path)
            took_s = time.perf_counter() - begin
            if not is_right(seen, peer.samples):
                raise SystemExit(f"{peer.name} saw {seen} samples, not {peer.samples}")
            if turn:
                peer.took_s.append(took_s)
                peer.cpu_s += peer.server.cpu_s() - cpu_s if peer.server else 0.0


def is_right(seen: int, samples: int) -> bool:
    """Where one replica is chosen for the first time, both may give a sample: one more a window."""
    return samples <= seen <= samples + 3 * SERIES


def samples_seen(url: str) -> int:
    """The value of the only series of an answer.

    Raises:
        SystemExit: another answer; with its text.
    """
    answer = ask(url, timeout_s=120)
    result = orjson.loads(answer.body).get("data", {}).get("result", [])
    if len(result) != 1:
        raise SystemExit(f"{url} answered {answer.status}: {answer.body[:500]!r}")
    return int(result[0]["value"][1])


def table(peers: Sequence[Peer]) -> list[str]:
    """One line a peer: median, fastest and slowest, and what the shim takes of it."""
    shim_s = next(peer.median_s for peer in peers if peer.name == SHIM)
    direct_s = peers[0].median_s
    lines = []
    for peer in peers:
        cpu = f"{peer.cpu_s / len(peer.took_s) * 1e3:7.0f} ms" if peer.server else "         -"
        lines.append(
            f"  {peer.name:24} median {peer.median_s * 1e3:7.0f} ms"
            f"  ({min(peer.took_s) * 1e3:.0f} to {max(peer.took_s) * 1e3:.0f})"
            f"  cpu of the peer {cpu}"
            f"  of the shim {peer.median_s / shim_s:5.2f}  of direct {peer.median_s / direct_s:5.2f}"
        )
    return lines


def verdicts(peers: Sequence[Peer]) -> list[str]:
    """For each claim whether it holds."""
    shim_s = next(peer.median_s for peer in peers if peer.name == SHIM)

    def verdict(peer: Peer) -> str:
        holds = "yes" if peer.median_s <= shim_s * MOST_OF_SHIM else "NO"
        return f"  {peer.name}: at most a third of the shim: {holds}"

    return [verdict(peer) for peer in peers if peer.is_claimed]


if __name__ == "__main__":
    main()
