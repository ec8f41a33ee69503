"""Snapshots to show: one on a bad day, one on a good day, and any with other strings in it."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from proxy.status.snapshot import (
    Address,
    CacheState,
    FailingQuery,
    FileState,
    Finding,
    MemoryInFlight,
    Moment,
    QueryRun,
    Queue,
    Rates,
    Snapshot,
    SplitRun,
    StoreState,
    TenantLoad,
    TierState,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

HOSTILE = (
    '</code><script>window.hurt=1</script><img src=x onerror="window.hurt=2">'
    "' onmouseover='window.hurt=3' \u2028\u202egnp.exe\x00<!--]]>&lt;javascript:window.hurt=4"
)


def history(now_ms: int = NOW_MS) -> tuple[Moment, ...]:
    """Five minutes with a bad one in it, and some seconds of which nothing is known."""
    moments = []
    for place in range(150):
        wave = math.sin(place / 9)
        is_bad = 100 < place < 125
        moments.append(
            Moment(
                now_ms - (149 - place) * 2_000,
                requests_per_s=84 + 22 * wave + place % 7,
                errors_per_s=6.5 + wave if is_bad else (place % 31 == 0) * 0.5,
                p99_ms=None if 40 < place < 48 else 180 + 40 * wave + 900 * is_bad,
                hit_share=0.93 + 0.03 * wave - 0.4 * is_bad,
                waiting=11 + place % 5 if is_bad else place % 3,
                memory_share=0.35 + 0.1 * wave + 0.25 * is_bad,
            )
        )
    return tuple(moments)


def split(
    place: int, state: str, sent: float | None, arrived: float | None, done: float | None
) -> SplitRun:
    begin_ms = NOW_MS // DAY_MS * DAY_MS - (8 - place) * DAY_MS
    return SplitRun(
        begin_ms,
        begin_ms + DAY_MS,
        state,
        begun_at_ms=3.2,
        sent_at_ms=sent,
        arrived_at_ms=arrived,
        done_at_ms=done,
        url=f"http://thanos-query-{place % 3}:10902" if sent else "",
        attempts=2 if state == "failed" else 1,
        size_bytes=place * 412_000 if arrived else 0,
    )


SPLITS = (
    split(0, "done", 4, 900, 1_020),
    split(1, "done", 4, 1_400, 1_630),
    split(2, "failed", 4.5, 2_200, 2_210),
    split(3, "scanning", 5, 5_600, None),
    split(4, "fetching", 1_021, None, None),
    split(5, "fetching", 1_633, None, None),
    split(6, "fetching", 2_214, None, None),
    split(7, "waiting", None, None, None),
)

RUNNING = QueryRun(
    "w1-4711",
    "query_range",
    NOW_MS - 6_200,
    6_200.0,
    expr='sum by (service, le) (rate(http_request_duration_seconds_bucket{env="prod"}[5m]))',
    start_ms=NOW_MS - 8 * DAY_MS,
    end_ms=NOW_MS,
    step_ms=120_000,
    tenant="team-blue",
    user="grafana",
    dashboard="Service overview",
    panel="Latency heatmap",
    result="partial",
    steps=5_760,
    steps_held=1_440,
    upstream_bytes=3_400_000,
    stages={"analyse": 0.3, "plan": 0.4, "lookup": 2.1},
    splits=SPLITS,
    trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
)

_EXPRS = (
    ('topk(10, sum by (pod) (container_memory_working_set_bytes{namespace=~"shop-.*"}))', "Capacity"),
    (
        "histogram_quantile(0.99, sum by (le, route) (rate(http_request_duration_seconds_bucket[5m])))",
        "Edge",
    ),
    ('sum(rate(node_cpu_seconds_total{mode!="idle"}[1m])) by (instance)', "Nodes"),
    ("up == 0", ""),
    ('count by (version) (build_info{job="shop"})', "Releases"),
)


def finished(place: int) -> QueryRun:
    expr, dashboard = _EXPRS[place % len(_EXPRS)]
    return QueryRun(
        f"w0-{place}",
        "query_range" if place % 4 else "query",
        NOW_MS - 17_000 * (place + 1),
        41_000 / (place + 1) ** 1.2,
        code=(200, 200, 200, 503, 200, 422)[place % 6],
        expr=expr,
        start_ms=NOW_MS - 7 * DAY_MS,
        end_ms=NOW_MS,
        step_ms=300_000,
        tenant=("team-blue", "team-green", "batch")[place % 3],
        dashboard=dashboard,
        panel=f"Panel {place % 4}" if dashboard else "",
        result=("partial", "miss", "hit", "bypass")[place % 4],
        reason="limit is given" if place % 4 == 3 else "",
        steps=2_016,
        steps_held=(place * 331) % 2_016,
        upstream_bytes=96_000_000 // (place + 1),
        upstream_ms=210_000 / (place % 7 + 1),
        sent_bytes=1_200_000,
    )


FINDINGS = (
    Finding(
        "upstream_dead",
        90,
        True,
        "http://thanos-query-2:10902",
        "http://thanos-query-2:10902 does not answer and is given no work.",
        "Look whether it runs; its last error was: connection refused.",
        "addresses",
        NOW_MS - 94_000,
    ),
    Finding(
        "hot_tenant",
        60,
        False,
        "batch",
        "Tenant batch takes 81 % of the upstream's time; others wait.",
        "Bound it with --limits.file, or ask what runs there.",
        "tenants",
        NOW_MS - 240_000,
    ),
    Finding(
        "store_lost",
        55,
        False,
        "store-b:10901",
        "The store at store-b:10901 is down: answers about 3 d of data may have holes.",
        "What was fetched meanwhile is kept shortly only; look at the store's log.",
        "stores",
        NOW_MS - 600_000,
    ),
    Finding(
        "cache_small",
        30,
        False,
        "",
        "The cache is too small: 41 extents a second were asked for again after they had to go.",
        "Give it more room (max_size in --query-range.response-cache-config).",
        "cache",
    ),
)


def bad_day(now_ms: int = NOW_MS) -> Snapshot:
    """All that can be shown is there."""
    second = dataclasses.replace(
        RUNNING,
        id="w0-99",
        expr='count by (__name__) ({__name__=~".+"})',
        took_ms=3_100.0,
        tenant="batch",
        dashboard="",
        panel="",
        splits=tuple(split(place % 8, "waiting", None, None, None) for place in range(30)),
    )
    runs = tuple(finished(place) for place in range(20))
    return Snapshot(
        now_ms,
        4711,
        version="0.9.0",
        started_ms=now_ms - 3 * DAY_MS - 5 * HOUR_MS,
        workers=2,
        findings=FINDINGS,
        rates=Rates(97.4, 1.25, 212.0, 38.0, 1_240.0, 0.613, 24.0, 0.71),
        history=history(now_ms),
        addresses=(
            Address("http://thanos-query-0:10902", "closed", 9, 310.0, 1.02, 12, 0),
            Address(
                "http://thanos-query-1:10902", "half_open", 1, 2_900.0, 6.8, -4_200, 7, "timed out"
            ),
            Address(
                "http://thanos-query-2:10902",
                "open",
                0,
                None,
                1.0,
                None,
                31,
                "connect to thanos-query-2:10902: connection refused",
            ),
        ),
        queue=Queue(
            14,
            14,
            12,
            0.4,
            (
                TenantLoad("batch", 11, 9, 0.81),
                TenantLoad("team-blue", 2, 3, 0.14),
                TenantLoad("team-green", 1, 0, 0.05),
            ),
        ),
        memory=MemoryInFlight(1_720_000_000, 2_000_000_000, 2, 0.1),
        cache=CacheState(510_000_000, 512_000_000, 48_211, 52.0, 41.0),
        tiers=(
            TierState("lmdb", "working", 12.5, 0.0, 0.0, 0.0, 0),
            TierState("memcached", "writes left alone", 88.0, 3.5, 0.0, 140.0, 24_000_000),
            TierState("redis", "left alone", 0.0, 1.0, 77.0, 77.0, 0),
        ),
        stores=(
            StoreState("sidecar", "prometheus-0:10901", now_ms - 2 * HOUR_MS, 1 << 62, True),
            StoreState("store", "store-a:10901", -(1 << 62), now_ms - DAY_MS, True),
            StoreState(
                "store",
                "store-b:10901",
                now_ms - 90 * DAY_MS,
                now_ms - 87 * DAY_MS,
                False,
                "rpc error: code = Unavailable desc = name resolver error",
                "all that reads 29 Jun to 2 Jul 2026",
            ),
            StoreState("rule", "ruler-0:10901", None, None, True),
        ),
        files=(
            FileState("http.config", True),
            FileState("limits", False, "line 12: 'max_qps' is no limit that is known"),
        ),
        failing=(
            FailingQuery(
                'count by (__name__) ({__name__=~".+"})',
                3,
                "",
                "",
                "batch",
                now_ms - 40_000,
                has_killed=True,
            ),
            FailingQuery(
                "sum(rate(http_requests_total[30d]))",
                12,
                "more than 50,000,000 samples",
                "Edge",
                "team-green",
                now_ms - 7_000,
            ),
        ),
        unfound_names=("dnssrv+_http._tcp.thanos-query",),
        stores_age_ms=300_000,
        running=(RUNNING, second),
        slowest=runs,
        costliest=tuple(sorted(runs, key=lambda run: -run.upstream_ms)),
    )


def good_day(now_ms: int = NOW_MS) -> Snapshot:
    """All is well, and little is configured."""
    bad = bad_day(now_ms)
    quiet = [
        dataclasses.replace(moment, errors_per_s=0.0, waiting=0, memory_share=0.04)
        for moment in bad.history
    ]
    return dataclasses.replace(
        bad,
        findings=(),
        rates=Rates(91.0, 0.0, 14.2, 6.0, 48.0, 0.968, 1.0, 0.12),
        history=tuple(quiet),
        addresses=bad.addresses[:1],
        queue=Queue(2, 14, 0, 0.0, bad.queue.tenants[1:2]),
        memory=MemoryInFlight(80_000_000, 2_000_000_000),
        cache=CacheState(220_000_000, 512_000_000, 20_100),
        tiers=bad.tiers[:1],
        stores=bad.stores[:2],
        files=bad.files[:1],
        running=(),
        failing=(),
        unfound_names=(),
        stores_age_ms=4_000,
    )


def with_strings(value: Any, other: Callable[[str], str]) -> Any:
    """The same with other strings, wherever there is one."""
    return changed(value, lambda item: other(item) if isinstance(item, str) else item)


def changed(value: Any, other: Callable[[Any], Any]) -> Any:
    """The same with other strings and numbers, wherever there is one."""
    if isinstance(value, tuple):
        return tuple(changed(item, other) for item in value)
    if isinstance(value, dict):
        return {changed(key, other): changed(item, other) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return dataclasses.replace(
            value, **{name: changed(getattr(value, name), other) for name in names}
        )
    return other(value)
