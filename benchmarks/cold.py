"""A cold range query: Thanos Query asked directly, and through thanoxy, in turns in one run.

    python -m benchmarks.cold [--rounds 5]

Reports medians, ratios, what a small query costs more, and the proxy's peak memory.
"""

from __future__ import annotations

import argparse
import statistics
import time
import urllib.parse

from benchmarks.client import Client
from benchmarks.dataset import DAY_MS, bench_thanos
from benchmarks.servers import Thanoxy
from tests.thanos.loopback import ask

WIDE = 'bench_value{part="wide"}'
SMALL = 'bench_value{instance="10.0.0.1:9100"}'


def query_path(expr: str, start_ms: int, steps: int, step_s: int) -> str:
    end_ms = start_ms + (steps - 1) * step_s * 1000
    form = {"query": expr, "start": start_ms / 1000, "end": end_ms / 1000, "step": step_s}
    return f"/api/v1/query_range?{urllib.parse.urlencode(form)}"


def timed(client: Client, path: str, gzip: bool) -> tuple[float, int]:
    begin = time.perf_counter()
    size = client.ask(path, gzip)
    return time.perf_counter() - begin, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with bench_thanos() as thanos:
        start_ms = thanos.end_ms - 7 * DAY_MS
        wide = query_path(WIDE, start_ms, 2017, 300)
        small = query_path(SMALL, start_ms, 241, 60)
        for gzip in (False, True):
            compare(thanos.query_url, wide, gzip, rounds, f"1,000 x 2,017, gzip={gzip}")
            compare(thanos.query_url, small, gzip, rounds * 20, f"1 x 241, gzip={gzip}")


def compare(upstream: str, path: str, gzip: bool, rounds: int, name: str) -> None:
    """The two take turns; each round asks a proxy that knows nothing yet of these samples."""
    with Thanoxy(upstream, "--demo=false") as proxy:
        proxy_took, direct_took = [], []
        before_bytes = proxy.rss_bytes()
        size = 0
        if ask(upstream + path).body != ask(proxy.url + path).body:
            raise SystemExit(f"{name}: thanoxy answers otherwise than Thanos Query")
        direct_client, client = Client(upstream), Client(proxy.url)
        for number in range(rounds + 1):
            salted = f"{path}&salt={number}"
            took, size = timed(direct_client, salted, gzip)
            through, _ = timed(client, salted, gzip)
            if number:
                direct_took.append(took)
                proxy_took.append(through)
        direct, through = statistics.median(direct_took), statistics.median(proxy_took)
        peak = proxy.peak_rss_bytes()
        print(
            f"{name}: {size / 1e6:.3f} MB; direct {direct * 1e3:.1f} ms,"
            f" thanoxy {through * 1e3:.1f} ms,"
            f" ratio {through / direct:.2f}, {(through - direct) * 1e3:+.2f} ms;"
            f" peak RSS {peak / 1e6:.0f} MB (idle {before_bytes / 1e6:.0f} MB)",
            flush=True,
        )


if __name__ == "__main__":
    main()
