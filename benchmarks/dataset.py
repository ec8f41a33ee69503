"""The samples that benchmarks ask for: 1,200 series, 8 days, one a minute, kept between runs.

Values are random with full precision (17 significant digits, the worst case for text), spread over
1,200 instances; selectors cut them into the sizes that dashboards have. Made once, in about two
minutes, and kept in the user's cache folder as Thanos Receive's own data.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.selectors import SERIES, labels_of
from scripts.real_servers import cache_home
from tests.thanos.cluster import ThanosCluster
from tests.thanos.series import RawSeries, float_series

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAYS = 8
SCRAPE_MS = 60_000
DAY_MS = 86_400_000
_MADE = "made-at-ms"


def folder() -> Path:
    return cache_home() / "bench-data" / f"{SERIES}x{DAYS}d"


def bench_series(end_ms: int) -> list[RawSeries]:
    """`bench_value{instance, group, part, …}`; a group is every thirtieth instance."""
    random = np.random.default_rng(7)
    times = np.arange(end_ms - DAYS * DAY_MS, end_ms, SCRAPE_MS, dtype=np.int64)
    return [
        float_series(labels_of(number), times, random.random(len(times)) * 100)
        for number in range(SERIES)
    ]


@contextmanager
def bench_thanos(query_flags: tuple[str, ...] = ()) -> Iterator[ThanosCluster]:
    """A running Thanos that holds the samples; `end_ms` is the end of its history."""
    place = folder()
    made = place / _MADE
    if made.exists():
        end_ms = int(made.read_text())
        cluster = ThanosCluster((), end_ms=end_ms, folder=place, query_flags=query_flags)
        with cluster:
            cluster.wait_until_visible([bench_series_probe(end_ms)], timeout_s=120)
            yield cluster
        return
    place.mkdir(parents=True, exist_ok=True)
    end_ms = int(time.time()) * 1000 // DAY_MS * DAY_MS
    print(f"filling {place} with {SERIES} series x {DAYS} days (once)", flush=True)
    with ThanosCluster(bench_series(end_ms), end_ms=end_ms, folder=place, query_flags=query_flags):
        pass
    made.write_text(str(end_ms))
    with bench_thanos(query_flags) as cluster:
        yield cluster


def bench_series_probe(end_ms: int) -> RawSeries:
    """One sample that must be readable: the last of the first instance."""
    labels = {"__name__": "bench_value", "instance": "10.0.0.0:9100"}
    start = np.array([end_ms - DAYS * DAY_MS, end_ms - SCRAPE_MS], dtype=np.int64)
    return float_series(labels, start, 0.0)
