"""Metrics of how the parts are, for those who look where something is wrong.

Gauges are written once a second from what the parts say of themselves (`status.gauges`), so that no
request pays for them.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from proxy.telemetry.registry import REGISTRY

FINDINGS = Gauge(
    "thanoxy_findings",
    "Whether a fault is found, as the status page names it; 1 or 0 for each that can be.",
    ["fault"],
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
ADDRESS_STATE = Gauge(
    "thanoxy_upstream_address_state",
    "1 for the state of an address: closed (working), half_open (on trial), open (given no work).",
    ["url", "state"],
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
ADDRESS_LATENCY = Gauge(
    "thanoxy_upstream_address_latency_seconds",
    "How long an address takes of late, its good answers' mean.",
    ["url"],
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
ADDRESS_SLOWNESS = Gauge(
    "thanoxy_upstream_address_slowness",
    "How long an address takes of late, in times of what such questions usually take.",
    ["url"],
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
ADDRESS_FAILURES = Counter(
    "thanoxy_upstream_address_failures_total",
    "Attempts at an address that were held against it, by reason.",
    ["url", "reason"],
    registry=REGISTRY,
)
CLOCK_SKEW = Gauge(
    "thanoxy_upstream_clock_skew_seconds",
    "How far an address's clock is ahead of this one at least; negative when it is behind.",
    ["url"],
    registry=REGISTRY,
    multiprocess_mode="livemostrecent",
)
QUEUE_RUNNING = Gauge(
    "thanoxy_upstream_queue_running",
    "Requests that have their turn upstream.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
QUEUE_MOST = Gauge(
    "thanoxy_upstream_queue_max_running",
    "Requests that may have their turn upstream at once.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
MEMORY_MOST = Gauge(
    "thanoxy_memory_in_flight_max_bytes",
    "Memory that answers under way may take together.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
CACHE_MOST = Gauge(
    "thanoxy_cache_max_bytes",
    "Memory that kept extents may take.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
CACHE_EXTENTS = Gauge(
    "thanoxy_cache_extents", "Extents kept.", registry=REGISTRY, multiprocess_mode="livesum"
)
CACHE_MISSED_EVICTED = Counter(
    "thanoxy_cache_missed_evicted_extents_total",
    "Extents asked for that had been evicted to make room: a larger cache would have had them.",
    registry=REGISTRY,
)
TIER_LEFT_ALONE = Gauge(
    "thanoxy_tier_left_alone",
    "Whether a cache tier is given no reads, or no writes, because it failed.",
    ["tier", "what"],
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
STORES_LOOK_AGE = Gauge(
    "thanoxy_upstream_stores_look_age_seconds",
    "How long ago the stores of Thanos Query were looked at.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
REFUSED_QUERIES = Counter(
    "thanoxy_refused_queries_total",
    "Requests refused by a limit, by the limit's name.",
    ["reason"],
    registry=REGISTRY,
)
LOOP_LAG = Histogram(
    "thanoxy_event_loop_lag_seconds",
    "How late the event loop was, ten times a second.",
    buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 2.5),
    registry=REGISTRY,
)
LOOP_BUSY = Counter(
    "thanoxy_event_loop_busy_seconds_total",
    "Processor time of the event loop's thread: as long as time itself, and no more can be done.",
    registry=REGISTRY,
)
WORKERS = Gauge(
    "thanoxy_workers",
    "Processes that answer.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
OWN_MEMORY = Gauge(
    "thanoxy_own_memory_bytes",
    "Memory of all workers together that no file stands behind.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
