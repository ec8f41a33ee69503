"""How long a tiny query takes while large answers are made, cold and warm, gzip and plain.

python -m benchmarks.fairness
"""

from __future__ import annotations

import statistics
import threading
import time

from benchmarks.client import Client
from benchmarks.cold import SMALL, WIDE, query_path
from benchmarks.dataset import DAY_MS, bench_thanos
from benchmarks.servers import Thanoxy

SECONDS = 8


def main() -> None:
    with bench_thanos() as thanos, Thanoxy(thanos.query_url, "--cache.memo-life=0") as proxy:
        start_ms = thanos.end_ms - 7 * DAY_MS
        wide = query_path(WIDE, start_ms, 2017, 300)
        tiny = query_path(SMALL, start_ms, 241, 60)
        for path in (wide, tiny):
            Client(proxy.url).ask(path, gzip=True)
        report(proxy, tiny, "alone", lambda _client, _number: time.sleep(0.1))
        for gzip in (True, False):
            kind = "gzip" if gzip else "identity"
            report(proxy, tiny, f"beside warm {kind}", lambda c, _n, g=gzip: c.ask(wide, g))
            report(
                proxy, tiny, f"beside cold {kind}", lambda c, n, g=gzip: c.ask(f"{wide}&salt={g}{n}", g)
            )


def report(proxy: Thanoxy, tiny: str, name: str, load: object) -> None:
    """Ask for the tiny query over and over while one other client makes the load."""
    stop = threading.Event()
    answers = 0

    def other() -> None:
        nonlocal answers
        client = Client(proxy.url)
        while not stop.is_set():
            load(client, answers)  # type: ignore[operator]
            answers += 1

    thread = threading.Thread(target=other)
    thread.start()
    client, took = Client(proxy.url), []
    deadline_s = time.monotonic() + SECONDS
    while time.monotonic() < deadline_s:
        begin = time.perf_counter()
        client.ask(tiny, gzip=True)
        took.append(time.perf_counter() - begin)
        time.sleep(0.005)
    stop.set()
    thread.join()
    p99 = statistics.quantiles(took, n=100)[98]
    print(
        f"tiny query {name} ({answers} large answers meanwhile): median"
        f" {statistics.median(took) * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, n={len(took)}",
        flush=True,
    )


if __name__ == "__main__":
    main()
